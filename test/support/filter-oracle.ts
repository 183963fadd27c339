/** An item as the oracle sees it: the row of configuration_items with its last_seen, instants in epoch milliseconds. */
export interface OracleItem {
  readonly ci_id: string;
  readonly columns: Readonly<Record<string, string | number | null>>;
  readonly document: unknown;
}

export interface OracleFilter {
  /** A column, or `raw_data` and keys below it. */
  readonly path: readonly string[];
  readonly operator: string;
  /** As a client writes them, unescaped. */
  readonly values: readonly string[];
}

export const instantColumns = ["status_updated_at", "last_seen", "created_at", "updated_at"];
export const integerColumns = ["source_id", "version"];
export const textColumns = ["name", "namespace", "ci_type", "status", "department"];

const numeral = /^-?\d+(?:\.\d+)?$/;

/** What the reference and the decisions about it say a filter means, written without SQL. */
export function holds(filter: OracleFilter, item: OracleItem): boolean {
  const [column = "", ...keys] = filter.path;
  if (column === "raw_data" && keys.length > 0) {
    return holdsInDocument(filter, at(item.document, keys));
  }
  const actual = column === "ci_id" ? item.ci_id : item.columns[column];
  const wanted = filter.values.map((value) => columnValue(column, value));
  return compare(filter.operator, actual ?? null, wanted, (left, right) => left === right);
}

/** The filter as it stands in a query string, list values escaped. */
export function written({ path, operator, values }: OracleFilter): string {
  const field = path
    .map((key) => (/^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`))
    .join("")
    .replace(/^\./, "");
  if (operator === "null" || operator === "notnull") {
    return `${field}:${operator}`;
  }
  const isList = operator === "in" || operator === "nin";
  return `${field}:${operator}:${isList ? values.map((value) => value.replace(/[\\,]/g, String.raw`\$&`)).join(",") : values[0]}`;
}

function columnValue(column: string, value: string): string | number {
  if (instantColumns.includes(column)) {
    const hasTime = /[T ]/.test(value);
    const hasZone = /(?:Z|[+-]\d\d:\d\d)$/.test(value);
    return Date.parse(`${value.replace(" ", "T")}${hasTime ? "" : "T00:00:00"}${hasTime && hasZone ? "" : "Z"}`);
  }
  return integerColumns.includes(column) ? Number(value) : value;
}

function holdsInDocument(filter: OracleFilter, actual: unknown): boolean {
  const { operator, values } = filter;
  const [first = ""] = values;
  const isSame = (left: unknown, right: unknown) =>
    left === right ||
    (typeof left === "number" && numeral.test(String(right)) && left === Number(right)) ||
    (typeof left === "boolean" && String(left) === right);
  switch (operator) {
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      if (numeral.test(first)) {
        return typeof actual === "number" && compare(operator, actual, [Number(first)], isSame);
      }
      return typeof actual === "string" && compare(operator, actual, values, isSame);
    case "like":
    case "ilike":
    case "startswith":
      return compare(operator, typeof actual === "object" ? null : textOf(actual), values, isSame);
    default:
      return compare(operator, actual ?? null, values, isSame);
  }
}

function compare(
  operator: string,
  actual: unknown,
  values: readonly (string | number)[],
  isSame: (left: unknown, right: unknown) => boolean,
): boolean {
  const isAny = values.some((value) => actual !== null && isSame(actual, value));
  const [value = ""] = values;
  const isText = typeof actual === "string";
  const isKnown = typeof actual === "string" || typeof actual === "number";
  switch (operator) {
    case "eq":
    case "in":
      return isAny;
    case "ne":
    case "nin":
      return !isAny;
    case "null":
      return actual === null;
    case "notnull":
      return actual !== null;
    case "gt":
      return isKnown && order(actual, value) > 0;
    case "gte":
      return isKnown && order(actual, value) >= 0;
    case "lt":
      return isKnown && order(actual, value) < 0;
    case "lte":
      return isKnown && order(actual, value) <= 0;
    case "like":
      return isText && actual.includes(String(value));
    case "ilike":
      return isText && actual.toLowerCase().includes(String(value).toLowerCase());
    case "startswith":
      return isText && actual.startsWith(String(value));
    default:
      throw new Error(`the oracle does not know ${operator}`);
  }
}

/** A scalar as PostgreSQL writes it. */
function textOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

/** Numbers by size, texts by code point. */
function order(left: string | number, right: string | number): number {
  if (typeof left === "number" && typeof right === "number") {
    return left - right;
  }
  const [one, other] = [Array.from(String(left)), Array.from(String(right))];
  for (const [place, sign] of one.entries()) {
    const difference = (sign.codePointAt(0) ?? 0) - (other[place]?.codePointAt(0) ?? -1);
    if (difference !== 0) {
      return difference;
    }
  }
  return one.length - other.length;
}

function at(document: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
        ? Reflect.get(value, key)
        : undefined,
    document,
  );
}
