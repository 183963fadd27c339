import { sql, type SQL } from "drizzle-orm";
import { z } from "zod";
import type { SortKey } from "../../db/keyset.ts";
import { instantValues, type Field, type Fields } from "../../db/where.ts";
import { utf8Length } from "../../lib/bytes.ts";
import { FilterSyntaxError, type Operator } from "../../lib/filter-grammar.ts";
import { isJsonObject, textProblem, type JsonObject } from "../../lib/json.ts";

export const itemStatuses = ["active", "inactive", "archived"] as const;
export type ItemStatus = (typeof itemStatuses)[number];

/** A text that can be stored: no NUL, no lone surrogate, 1 to `bytes` bytes of UTF-8. */
export function storedText(bytes: number) {
  return z
    .string()
    .min(1)
    .superRefine((text, issues) => {
      const problem = textProblem(text) ?? (utf8Length(text) > bytes ? `it is longer than ${bytes} bytes` : undefined);
      if (problem !== undefined) {
        issues.addIssue({ code: "custom", message: `cannot be stored: ${problem}` });
      }
    });
}

// Functions, not schemas: a dialect adds its documentation to a schema of its own.

export function itemName() {
  return storedText(1024);
}

export function itemType() {
  return storedText(128);
}

/** An empty namespace is none. */
export function itemNamespace() {
  return z.union([z.literal("").transform(() => null), z.null(), storedText(512)]);
}

export function itemDepartment() {
  return storedText(255).nullable();
}

export function sourceName() {
  return storedText(255);
}

export function itemDocument() {
  return z.custom<JsonObject>(isJsonObject, "must be a JSON object");
}

/** The instant at which any source saw the item last. */
export const lastSeen = sql`(select max(r.last_seen) from source_records r where r.ci_id = c.ci_id)`;

/** Columns that item_counts has too: a total over these alone needs no count of rows. */
export const countedFields: Fields = {
  status: { kind: "text", column: sql`n.status` },
  ci_type: { kind: "text", column: sql`n.ci_type` },
  namespace: { kind: "text", column: sql`n.namespace` },
  department: { kind: "text", column: sql`n.department` },
  source_id: { kind: "integer", column: sql`n.source_id` },
};

const lastSeenField: Field = { kind: "own", condition: lastSeenCondition };

/** What items can be filtered on. */
export const itemFields: Fields = {
  ci_id: { kind: "uuid", column: sql`c.ci_id` },
  name: { kind: "text", column: sql`c.name` },
  namespace: { kind: "text", column: sql`c.namespace` },
  ci_type: { kind: "text", column: sql`c.ci_type` },
  status: { kind: "text", column: sql`c.status` },
  status_updated_at: { kind: "instant", column: sql`c.status_updated_at` },
  last_seen: lastSeenField,
  created_at: { kind: "instant", column: sql`c.created_at` },
  updated_at: { kind: "instant", column: sql`c.updated_at` },
  department: { kind: "text", column: sql`c.department` },
  source_id: { kind: "integer", column: sql`c.source_id` },
  version: { kind: "integer", column: sql`c.version` },
  raw_data: { kind: "document", column: sql`c.raw_data` },
};

const ciId: SortKey = { column: sql`c.ci_id`, type: "uuid" };
const createdAt: SortKey = { column: sql`c.created_at`, type: "timestamptz" };

/** What items can be sorted by: expressions that are never null and together the columns of an index, the id last. */
export const itemSorts: Readonly<Record<string, readonly SortKey[]>> = {
  created_at: [createdAt, ciId],
  updated_at: [{ column: sql`c.updated_at`, type: "timestamptz" }, ciId],
  last_seen: [
    { column: sql`r.last_seen`, type: "timestamptz" },
    { column: sql`r.ci_id`, type: "uuid" },
  ],
  name: [{ column: sql`c.name`, type: "text" }, ciId],
  namespace: [{ column: sql`coalesce(c.namespace, '')`, type: "text" }, ciId],
  ci_type: [{ column: sql`c.ci_type`, type: "text" }, createdAt, ciId],
  status: [{ column: sql`c.status`, type: "text" }, createdAt, ciId],
  status_updated_at: [{ column: sql`coalesce(c.status_updated_at, '-infinity')`, type: "timestamptz" }, ciId],
};

// An item is as old as its youngest record: it was seen after an instant when one record was, and before when all were.
function lastSeenCondition(operator: Operator, values: readonly string[], text: string): SQL {
  const instants = instantValues(values, text);
  const [value = ""] = instants;
  switch (operator) {
    case "gt":
      return seen(">", value);
    case "gte":
      return seen(">=", value);
    case "lt":
      return sql`(${seen("<", value)} and not ${seen(">=", value)})`;
    case "lte":
      return sql`(${seen("<=", value)} and not ${seen(">", value)})`;
    case "eq":
    case "in":
      return sql`(${sql.join(instants.map(seenAt), sql` or `)})`;
    case "ne":
    case "nin":
      return sql`not (${sql.join(instants.map(seenAt), sql` or `)})`;
    case "null":
      return sql`false`;
    case "notnull":
      return sql`true`;
    case "like":
    case "ilike":
    case "startswith":
      throw new FilterSyntaxError(`filter "${text}": ${operator} compares texts; use eq, in, gt, gte, lt or lte`);
  }
}

function seen(comparison: ">" | ">=" | "<" | "<=" | "=", instant: string): SQL {
  return sql`exists (select from source_records r
    where r.ci_id = c.ci_id and r.last_seen ${sql.raw(comparison)} ${instant}::timestamptz)`;
}

function seenAt(instant: string): SQL {
  return sql`(${seen("=", instant)} and not ${seen(">", instant)})`;
}
