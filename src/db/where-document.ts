import { sql, type SQL } from "drizzle-orm";
import { type Filter, FilterSyntaxError } from "../lib/filter-grammar.ts";
import { textCondition } from "./where-text.ts";

const number = /^-?\d{1,300}(?:\.\d{1,300})?$/;
const comparisons = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

/**
 * A condition on a path inside a document. eq and in ask the GIN index; all others read documents, and need one of
 * `missing` filtered beside them (none missing: []). Throws FilterSyntaxError.
 */
export function documentCondition(
  column: SQL,
  path: readonly string[],
  filter: Filter,
  missing: readonly string[],
): SQL {
  const { operator, values, text } = filter;
  if (path.length === 0) {
    if (operator === "null" || operator === "notnull") {
      return operator === "null" ? sql`${column} is null` : sql`${column} is not null`;
    }
    throw new FilterSyntaxError(
      `filter "${text}": name a path inside raw_data, as in raw_data.spec.replicas:${operator}:…`,
    );
  }
  const place = sql`${sql.param(path)}::text[]`;
  const value = values[0] ?? "";
  if (operator === "eq" || operator === "in") {
    return contains(column, path, values);
  }
  if (missing.length > 0) {
    throw new FilterSyntaxError(
      `filter "${text}": ${operator} on raw_data needs a filter on ${missing.join(" or ")} beside it`,
    );
  }
  const leaf = sql`(${column} #>> ${place})`;
  switch (operator) {
    case "ne":
    case "nin":
      return sql`not ${contains(column, path, values)}`;
    case "null":
      return sql`${leaf} is null`;
    case "notnull":
      return sql`${leaf} is not null`;
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const comparison = sql.raw(comparisons[operator]);
      const kind = sql`jsonb_typeof(${column} #> ${place})`;
      // CASE fixes the order of evaluation: a text is never cast to a number.
      return number.test(value)
        ? sql`case when ${kind} = 'number' then ${leaf}::numeric ${comparison} ${value}::numeric else false end`
        : sql`case when ${kind} = 'string' then ${leaf} collate "C" ${comparison} ${value} else false end`;
    }
    case "like":
    case "ilike":
    case "startswith":
      return sql`coalesce(${textCondition(leaf, operator, value)}, false)`;
  }
}

// "5" may be the text or the number, "true" the text or the truth value; a list of candidates asks for each. As one array they
// share one scan of the index, where a chain of OR would be planned and scanned piece by piece.
function contains(column: SQL, path: readonly string[], values: readonly string[]): SQL {
  const candidates = values.flatMap((value) => {
    const texts = [JSON.stringify(value)];
    if (number.test(value)) {
      texts.push(value.replace(/^(-?)0+(?=\d)/, "$1"));
    }
    if (value === "true" || value === "false") {
      texts.push(value);
    }
    return texts.map((text) => path.reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, text));
  });
  return sql`${column} @> any(${sql.param(candidates)}::text[]::jsonb[])`;
}
