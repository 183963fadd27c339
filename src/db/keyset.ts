import { sql, type SQL } from "drizzle-orm";

/** An expression that a list is sorted by: never null, and with its fellows the columns of an index. */
export interface SortKey {
  readonly column: SQL;
  /** Its type when it comes back in a cursor. */
  readonly type: "timestamptz" | "bigint" | "integer" | "text" | "uuid";
}

export type Direction = "asc" | "desc";

/** ORDER BY all keys in one direction. */
export function orderBy(keys: readonly SortKey[], direction: Direction): SQL {
  return sql`order by ${list(keys.map(({ column }) => sql`${column} ${sql.raw(direction)}`))}`;
}

/** The rows beyond a place, as one more condition; none without a place. */
export function andBeyond(keys: readonly SortKey[], direction: Direction, place: readonly string[] | undefined): SQL {
  if (!place) {
    return sql``;
  }
  const values = keys.map(({ type }, n) => sql`${place[n]}::${sql.raw(type)}`);
  const columns = keys.map(({ column }) => column);
  return sql`and (${list(columns)}) ${sql.raw(direction === "asc" ? ">" : "<")} (${list(values)})`;
}

/** The place of a row, as a cursor takes it. */
export function placeOf(keys: readonly SortKey[]): SQL {
  return sql`array[${list(keys.map(({ column }) => sql`${column}::text`))}]`;
}

function list(parts: SQL[]): SQL {
  return sql.join(parts, sql`, `);
}
