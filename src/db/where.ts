import { sql, type SQL } from "drizzle-orm";
import { type Filter, FilterSyntaxError, type Operator } from "../lib/filter-grammar.ts";
import { suggestion } from "../lib/nearest.ts";
import { parseInstant } from "../lib/time.ts";
import { documentCondition } from "./where-document.ts";
import { textCondition } from "./where-text.ts";

/** A field that a list can be filtered on. `own` brings its conditions along, for what is no plain column. */
export type Field =
  | { readonly kind: "text" | "uuid" | "integer" | "instant"; readonly column: SQL }
  | { readonly kind: "document"; readonly column: SQL }
  | { readonly kind: "own"; condition(operator: Operator, values: readonly string[], text: string): SQL };

export type Fields = Readonly<Record<string, Field>>;

/**
 * The conditions of filters over an allow-list of fields, joined with AND. A document's paths beside eq and in are
 * scanned, so they need one of `selective` filtered beside them. Throws FilterSyntaxError.
 */
export function whereFilters(fields: Fields, filters: readonly Filter[], selective: readonly string[]): SQL[] {
  const isBounded = filters.some((filter) => filter.path.length === 1 && selective.includes(filter.path[0] ?? ""));
  return filters.map((filter) => {
    const [name = "", ...path] = filter.path;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) {
      throw new FilterSyntaxError(`unknown filter field "${name}"${suggestion(name, Object.keys(fields))}`);
    }
    if (field.kind === "document") {
      return documentCondition(field.column, path, filter, isBounded ? [] : selective);
    }
    if (path.length > 0) {
      throw new FilterSyntaxError(`filter "${filter.text}": ${name} has no paths`);
    }
    return field.kind === "own"
      ? field.condition(filter.operator, filter.values, filter.text)
      : columnCondition(field, filter);
  });
}

/** Values as instants. Throws FilterSyntaxError. */
export function instantValues(values: readonly string[], text: string): string[] {
  return values.map((value) => {
    const instant = parseInstant(value);
    if (instant === undefined) {
      throw new FilterSyntaxError(`filter "${text}": "${value}" is no ISO 8601 date or time`);
    }
    return instant;
  });
}

const sqlTypes = { text: "text", uuid: "uuid", integer: "bigint", instant: "timestamptz" } as const;
const comparisons = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

function columnCondition(field: Extract<Field, { column: SQL }>, filter: Filter): SQL {
  const { operator, text } = filter;
  const kind = field.kind === "document" ? "text" : field.kind;
  const { column } = field;
  const type = sql.raw(sqlTypes[kind]);
  const values = checkedValues(kind, filter);
  const value = sql`${values[0] ?? null}::${type}`;
  const list = sql`${sql.param(values)}::${type}[]`;
  switch (operator) {
    case "eq":
      return sql`${column} = ${value}`;
    case "ne":
      return sql`${column} is distinct from ${value}`;
    case "in":
      return sql`${column} = any(${list})`;
    case "nin":
      return sql`(${column} is null or ${column} <> all(${list}))`;
    case "null":
      return sql`${column} is null`;
    case "notnull":
      return sql`${column} is not null`;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return sql`${column} ${sql.raw(comparisons[operator])} ${value}`;
    case "like":
    case "ilike":
    case "startswith": {
      if (kind !== "text") {
        throw new FilterSyntaxError(`filter "${text}": ${operator} compares texts; use eq, in, gt, gte, lt or lte`);
      }
      return textCondition(column, operator, values[0] ?? "");
    }
  }
}

const uuidForm = /^[\da-f]{8}-?(?:[\da-f]{4}-?){3}[\da-f]{12}$/i;

function checkedValues(kind: keyof typeof sqlTypes, { values, text }: Filter): string[] {
  switch (kind) {
    case "instant":
      return instantValues(values, text);
    case "uuid":
      return values.map((value) => {
        if (!uuidForm.test(value)) {
          throw new FilterSyntaxError(`filter "${text}": "${value}" is no UUID`);
        }
        return value;
      });
    case "integer":
      return values.map((value) => {
        if (!/^-?\d{1,18}$/.test(value)) {
          throw new FilterSyntaxError(`filter "${text}": "${value}" is no integer`);
        }
        return value;
      });
    case "text":
      return [...values];
  }
}
