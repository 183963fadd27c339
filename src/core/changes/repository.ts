import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import { type ChangeShape, renderChange } from "./render.ts";

export interface HistoryQuery {
  readonly ciId: string;
  readonly offset: number;
  readonly limit: number;
  readonly after: readonly string[] | undefined;
  readonly shape: ChangeShape;
}

/** A page of one item's changes, newest first; `known` is false where neither the item nor a change of it is to be seen. */
export function selectItemHistory(actor: Actor, query: HistoryQuery): SQL {
  const visible = sql`h.ci_id = ${query.ciId}::uuid and ${visibleTo(actor, "h")}`;
  const after = query.after
    ? sql`and (h.version, h.id) < (${query.after[0]}::integer, ${query.after[1]}::bigint)`
    : sql``;
  return sql`with page as materialized (
      select s.*, row_number() over () as place from (
        select h.* from changes h where ${visible} ${after}
        order by h.version desc, h.id desc limit ${query.limit + 1} offset ${query.offset}) as s),
    counted as materialized (select count(*) as n from changes h where ${visible})
    select
      coalesce((select json_agg(${renderChange(query.shape)} order by h.place) from page h
                where h.place <= ${query.limit}), '[]')::text as items,
      (select array[h.version::text, h.id::text] from page h
       where h.place = ${query.limit} and exists (select from page where place > ${query.limit})) as next_place,
      (select n from counted)::text as total,
      ((select n from counted) > 0 or exists (
        select from configuration_items c where c.ci_id = ${query.ciId}::uuid and ${visibleTo(actor, "c")})) as known`;
}
