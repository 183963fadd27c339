import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import { type ChangeSelection, holdsWords, indexedChanges, unindexedChanges, vector } from "./fields.ts";
import { type ChangeShape, renderChange } from "./render.ts";

/** The newest matches that are ranked and counted. */
export const rankedMatches = 10_000;

/** What a dialect calls a found change: the parts of a change, then its rank and where the words are. */
export interface FoundShape {
  readonly change: ChangeShape;
  readonly rank: string;
  readonly highlights: string;
}

export interface FoundRow extends Record<string, unknown> {
  readonly items: string;
  /** Matches, one more than are ranked when there may be more. */
  readonly total: number;
}

/**
 * Changes that hold all words of a query, best first, newest first among equals; names weigh most, then changed fields,
 * then namespace and type, then values. Throws FilterSyntaxError.
 */
export function searchChanges(
  actor: Actor,
  query: string,
  selection: ChangeSelection,
  page: { readonly offset: number; readonly limit: number },
  shape: FoundShape,
): SQL {
  const asked = sql`muster.search_query(${query}, '')`;
  return sql`with matches as materialized (
      select m.* from (
        (select s.changed_at, s.change_id as id, s.vector
         ${indexedChanges(actor, selection, sql`s.vector @@ ${asked}`)}
         order by s.changed_at desc, s.change_id desc limit ${rankedMatches + 1})
        union all
        (select h.changed_at, h.id, v.vector
         from (select h.* ${unindexedChanges(actor, selection)} and ${holdsWords(query)}
               order by h.changed_at desc, h.id desc offset 0) as h
         cross join lateral (select ${vector} as vector offset 0) as v
         where v.vector @@ ${asked}
         order by h.changed_at desc, h.id desc limit ${rankedMatches + 1})
      ) as m order by m.changed_at desc, m.id desc limit ${rankedMatches + 1}),
    ranked as materialized (
      select n.changed_at, n.id, n.rank, row_number() over () as place from (
        select m.changed_at, m.id, ts_rank_cd('{0.1, 0.2, 0.4, 1}', m.vector, ${asked}) as rank
        from (select * from matches order by changed_at desc, id desc limit ${rankedMatches}) as m
        order by rank desc, m.changed_at desc, m.id desc limit ${page.limit} offset ${page.offset}) as n)
    select
      coalesce((select json_agg(${renderFound(query, shape)} order by r.place)
                from ranked r join changes h on h.changed_at = r.changed_at and h.id = r.id
                where ${visibleTo(actor, "h")}), '[]')::text as items,
      (select count(*)::integer from matches) as total`;
}

function renderFound(query: string, shape: FoundShape): SQL {
  const labels = (["name", "namespace", "ciType"] as const).map(
    (part) => Object.entries(shape.change).find((entry) => entry[1] === part)?.[0] ?? part,
  );
  return renderChange(shape.change, {
    [shape.rank]: sql`r.rank`,
    [shape.highlights]: sql`muster.search_highlights(
      ${sql.param(labels)}::text[], h.name, h.namespace, h.ci_type, h.entries, ${query})`,
  });
}

/** Takes up to `batch` changes into change_search; `{changes, finished}`. */
export function indexChanges(batch: number): SQL {
  return sql`select (i.report ->> 'changes')::integer as changes, (i.report ->> 'finished')::boolean as finished
    from (select muster.index_changes(${batch}) as report offset 0) i`;
}
