import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";

/** What a dialect calls the parts of a change, in their order. */
export interface ChangeShape {
  readonly [key: string]: ChangePart;
}
type ChangePart =
  | "id"
  | "ciId"
  | "name"
  | "namespace"
  | "ciType"
  | "changedAt"
  | "changeType"
  | "version"
  | "department"
  | "sourceId"
  | "actor"
  | "requestId"
  | "reason"
  | "entries";

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

/** The JSON of one change `h`, made by PostgreSQL. */
function renderChange(shape: ChangeShape): SQL {
  const pairs = Object.entries(shape).map(([key, part]) => sql`${sql.raw(`'${key}'`)}, ${renderPart(part)}`);
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}

function renderPart(part: ChangePart): SQL {
  switch (part) {
    case "id":
      return sql`h.id::text`;
    case "ciId":
      return sql`h.ci_id`;
    case "name":
      return sql`h.name`;
    case "namespace":
      return sql`h.namespace`;
    case "ciType":
      return sql`h.ci_type`;
    case "changedAt":
      return sql`muster.iso(h.changed_at)`;
    case "changeType":
      return sql`h.change_type`;
    case "version":
      return sql`h.version`;
    case "department":
      return sql`h.department`;
    case "sourceId":
      return sql`h.source_id`;
    case "actor":
      return sql`h.actor`;
    case "requestId":
      return sql`h.request_id`;
    case "reason":
      return sql`h.reason`;
    case "entries":
      return sql`(select coalesce(json_agg(json_build_object(
          'field', muster.field_name(array(select jsonb_array_elements_text(e.entry -> 'path'))),
          'op', e.entry -> 'op',
          'old_value', muster.shown_value(e.entry -> 'old', h.oversized),
          'new_value', muster.shown_value(e.entry -> 'new', h.oversized)) order by e.place), '[]')
        from jsonb_array_elements(h.entries) with ordinality as e (entry, place))`;
  }
}
