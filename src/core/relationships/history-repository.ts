import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import { type CountMode, estimateBound } from "../page.ts";
import { type RelationshipChangeShape, renderRelationshipChange } from "./render.ts";
import type { Window } from "./repository.ts";

export interface RelationshipHistorySelection {
  readonly ciId: string;
  readonly direction: "both" | "outgoing" | "incoming";
  readonly types: readonly string[];
}

/**
 * A page of what became of one item's relationships, newest first, those to items that are gone included; `known` is false
 * where neither the item nor such a change is to be seen.
 */
export function selectRelationshipHistory(
  actor: Actor,
  selection: RelationshipHistorySelection,
  window: Window,
  count: CountMode,
  shape: RelationshipChangeShape,
): SQL {
  const { offset, limit } = window;
  const sources = sourcesOf(actor, selection);
  const after = window.after ? sql`and h.id < ${window.after[0]}::bigint` : sql``;
  const selects = sources.map(
    (source) => sql`(select h.* ${source} ${after} order by h.id desc limit ${offset + limit + 1})`,
  );
  const first = sources.map((source) => sql`exists (select ${source})`);
  return sql`with page as materialized (
      select s.*, row_number() over () as place from (
        select h.* from (${sql.join(selects, sql` union all `)}) as h
        order by h.id desc limit ${limit + 1} offset ${offset}) as s)
    select
      coalesce((select json_agg(${renderRelationshipChange(shape)} order by h.place) from page h
                where h.place <= ${limit}), '[]')::text as items,
      (select array[h.id::text] from page h
       where h.place = ${limit} and exists (select from page where place > ${limit})) as next_place,
      ${total(sources, count)}::text as total,
      (exists (select from configuration_items c where c.ci_id = ${selection.ciId}::uuid and ${visibleTo(actor, "c")})
        or ${sql.join(first, sql` or `)}) as known`;
}

export function dropOldRelationshipChanges(before: Date, batch: number): SQL {
  return sql`select muster.drop_old_relationship_changes(${before.toISOString()}::timestamptz, ${batch}) as dropped`;
}

function sourcesOf(actor: Actor, { ciId, direction, types }: RelationshipHistorySelection): SQL[] {
  const typed = types.length > 0 ? sql`and h.relationship_type = any(${sql.param(types)}::text[])` : sql``;
  // An end that is gone hides nothing.
  const visible = sql`not exists (select from configuration_items c
    where c.ci_id in (h.source_ci_id, h.target_ci_id) and (${visibleTo(actor, "c")}) is not true)`;
  const ends = [
    ...(direction === "incoming" ? [] : [sql`h.source_ci_id`]),
    ...(direction === "outgoing" ? [] : [sql`h.target_ci_id`]),
  ];
  return ends.map((end) => sql`from relationship_changes h where ${end} = ${ciId}::uuid and ${visible} ${typed}`);
}

function total(sources: readonly SQL[], count: CountMode): SQL {
  switch (count) {
    case "none":
      return sql`null`;
    case "exact":
      return sql`(${sql.join(
        sources.map((source) => sql`(select count(*) ${source})`),
        sql` + `,
      )})`;
    case "estimate":
      return sql`(select count(*) from (${sql.join(
        sources.map((source) => sql`(select ${source})`),
        sql` union all `,
      )} limit ${estimateBound + 1}) as b)`;
  }
}
