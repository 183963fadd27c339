import { sql, type SQL } from "drizzle-orm";
import { andBeyond, type Direction, orderBy, placeOf, type SortKey } from "./keyset.ts";

export interface PageWindow {
  readonly offset: number;
  readonly limit: number;
  readonly after: readonly string[] | undefined;
}

/** A page of a small table with its exact total: what `row` renders of the rows of `from` that fulfil all of `conditions`. */
export function selectPage(
  from: SQL,
  conditions: readonly SQL[],
  keys: readonly SortKey[],
  direction: Direction,
  page: PageWindow,
  row: SQL,
): SQL {
  const where = sql.join([sql`true`, ...conditions], sql` and `);
  return sql`with page as materialized (
      select p.*, row_number() over () as place from (
        select ${row} as item, ${placeOf(keys)} as sort_key from ${from}
        where ${where} ${andBeyond(keys, direction, page.after)} ${orderBy(keys, direction)}
        limit ${page.limit + 1} offset ${page.offset}) as p)
    select coalesce((select json_agg(p.item order by p.place) from page p where p.place <= ${page.limit}), '[]')::text as items,
      (select p.sort_key from page p
       where p.place = ${page.limit} and exists (select from page where place > ${page.limit})) as next_place,
      (select count(*) from ${from} where ${where})::text as total`;
}
