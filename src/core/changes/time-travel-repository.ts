import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import { type ItemShape, renderItem } from "../configuration-items/shape.ts";
import { renderEntries } from "./render.ts";

/** What the log answers for an instant; everything but `found` is a reason why there is nothing to show. */
export type PastOutcome = "found" | "unborn" | "gone" | "forgotten";

/** The JSON of an item as it was at an instant; no row where it is not to be seen, neither now nor then. */
export function selectItemAt(actor: Actor, ciId: string, at: string, shape: ItemShape): SQL {
  const rendering = { shape, document: "all", typeData: [], lastSeen: sql`null::timestamptz` } as const;
  return sql`select c.outcome, muster.iso(c.kept_since) as kept_since, ${renderItem(rendering)}::text as item
    from ${knownItem(actor, ciId)} v cross join lateral ${pastItem(actor, at)} c`;
}

/** What differs between an item at one instant and at another; no row where it is not to be seen. */
export function selectItemDiff(actor: Actor, ciId: string, from: string, to: string): SQL {
  return sql`select f.outcome as from_outcome, t.outcome as to_outcome,
      muster.iso(coalesce(f.kept_since, t.kept_since)) as kept_since,
      f.version as from_version, t.version as to_version,
      case when f.outcome = 'found' and t.outcome = 'found'
        then ${renderEntries(sql`muster.item_diff(f.item, t.item)`, sql`true`)}::text end as changes
    from ${knownItem(actor, ciId)} v
    cross join lateral ${pastItem(actor, from)} f cross join lateral ${pastItem(actor, to)} t`;
}

/** Takes one change back and answers what that does, and the item afterwards; no row where the change is not to be seen. */
export function revertChange(
  actor: Actor,
  context: string,
  changeId: string,
  isDryRun: boolean,
  shape: ItemShape,
): SQL {
  const lastSeen = sql`muster.current_last_seen(c.ci_id)`;
  return sql`select r.outcome, r.item_id as ci_id, r.blocker_id::text, r.blocker_field,
      case when r.patch is not null then ${renderEntries(sql`r.patch`, sql`true`)}::text end as patch,
      case when c.ci_id is not null
        then ${renderItem({ shape, document: "all", typeData: [], lastSeen })}::text end as item
    from (select h.id from changes h where h.id = ${changeId}::bigint and ${visibleTo(actor, "h")} and not exists (
            select from configuration_items c where c.ci_id = h.ci_id and (${visibleTo(actor, "c")}) is not true) offset 0) v
    cross join lateral muster.revert_change(${context}::jsonb, v.id, ${isDryRun}) r
    left join lateral muster.current_item(
      case when r.outcome in ('reverted', 'unchanged') and not ${isDryRun} then r.item_id end) c on true`;
}

// The item, or what its removal left in the log.
function knownItem(actor: Actor, ciId: string): SQL {
  return sql`(select c.ci_id from configuration_items c where c.ci_id = ${ciId}::uuid and ${visibleTo(actor, "c")}
    union all
    select h.ci_id from changes h where h.ci_id = ${ciId}::uuid and h.change_type = 'PURGED' and ${visibleTo(actor, "h")}
    limit 1)`;
}

// Who may see an item now may not have been meant to see it then.
function pastItem(actor: Actor, at: string): SQL {
  return sql`(select p.*, c.* from muster.item_at(v.ci_id, ${at}::timestamptz) p cross join lateral (select (p.item).*) c
    where p.outcome <> 'found' or ${visibleTo(actor, "c")})`;
}
