import { sql, type SQL } from "drizzle-orm";
import { andBeyond, type Direction, orderBy, placeOf, type SortKey } from "../../db/keyset.ts";
import { type Actor, visibleTo } from "../access.ts";
import { type CountMode, estimateBound } from "../page.ts";
import { type RelationshipShape, renderRelationship } from "./render.ts";

/** Which relationships are meant; what is absent or empty does not matter. */
export interface RelationshipSelection {
  /** One end, and how the relationships lie as seen from there; without it all relationships are meant. */
  readonly end?: { readonly ciId: string; readonly direction: "both" | "outgoing" | "incoming" } | undefined;
  readonly otherEnd?: string | undefined;
  /** Whether the other end is archived. */
  readonly otherStatus: "active" | "archived" | "all";
  readonly types: readonly string[];
  readonly sourceId?: number | undefined;
  readonly extracted?: boolean | undefined;
}

export interface Window {
  readonly offset: number;
  readonly limit: number;
  readonly after: readonly string[] | undefined;
}

/**
 * A page of relationships with its total: those of one end by type and other end, all of them the newest first; both are
 * orders of an index. `known` is false where the end is no item to be seen.
 */
export function selectRelationshipPage(
  actor: Actor,
  selection: RelationshipSelection,
  window: Window,
  count: CountMode,
  shape: RelationshipShape,
): SQL {
  const { offset, limit } = window;
  const arms = armsOf(actor, selection);
  const [keys, order] = selection.end
    ? ([keysFrom(sql`e.other_ci_id`), "asc"] as const)
    : ([[relationshipId], "desc"] as const);
  // Each arm brings as many as could be among the first.
  const selects = arms.flatMap((arm) =>
    beyond(arm.keys, order, window.after).map(
      (after) => sql`(select e.id, e.relationship_type, ${arm.other} as other_ci_id, ${arm.direction}::text as direction
        from relationships e where ${arm.visible} ${after} ${orderBy(arm.keys, order)} limit ${offset + limit + 1})`,
    ),
  );
  const endId = selection.end?.ciId;
  return sql`with page as materialized (
      select s.*, row_number() over () as place from (
        select e.*, ${placeOf(keys)} as sort_key from (${sql.join(selects, sql` union all `)}) as e
        ${orderBy(keys, order)} limit ${limit + 1} offset ${offset}) as s)
    select
      coalesce((select json_agg(${renderRelationship(actor, shape)} order by p.place)
                from page p join relationships e on e.id = p.id where p.place <= ${limit}), '[]')::text as items,
      (select p.sort_key from page p
       where p.place = ${limit} and exists (select from page where place > ${limit})) as next_place,
      ${total(arms, count)}::text as total,
      ${
        endId === undefined
          ? sql`true`
          : sql`exists (select from configuration_items c where c.ci_id = ${endId}::uuid and ${visibleTo(actor, "c")})`
      } as known`;
}

/** The JSON of one relationship, no row where it is not to be seen. */
export function selectRelationship(actor: Actor, id: string, shape: RelationshipShape): SQL {
  const visible = visibleEnds(actor);
  return sql`select ${renderRelationship(actor, shape)}::text as item from relationships e
    where e.id = ${id}::uuid and ${visible}`;
}

/** Takes in what is stated, a JSON array; `[outcome, id, keys of missing ends]` for each element. */
export function stateRelationships(
  actor: Actor,
  context: string,
  source: string | null,
  ends: readonly string[],
  stated: string,
): SQL {
  return sql`select coalesce(json_agg(json_build_array(r.outcome, r.id, r.missing) order by r.place), '[]')::text as results
    from ${stating(actor, context, source, ends, stated)} r`;
}

/** Takes in one statement and answers the relationship as it is afterwards, null where an end is missing. */
export function stateRelationship(
  actor: Actor,
  context: string,
  source: string | null,
  ends: readonly string[],
  stated: string,
  shape: RelationshipShape,
): SQL {
  return sql`select e.outcome, e.id::text as id, e.missing, (select ${renderRelationship(actor, shape)}
      from muster.current_relationship(e.id) e)::text as item
    from ${stating(actor, context, source, ends, stated)} e`;
}

/** A row when the relationship was to be seen and is removed. */
export function removeRelationship(actor: Actor, context: string, id: string): SQL {
  const visible = visibleEnds(actor);
  return sql`select v.id::text as id from (
      select e.id, muster.remove_relationship(${context}::jsonb, e.id) as removed from relationships e
      where e.id = ${id}::uuid and ${visible} offset 0) v where v.removed`;
}

/** The relationships as they are read in the order of one index. */
interface Arm {
  readonly visible: SQL;
  readonly keys: readonly SortKey[];
  readonly other: SQL;
  readonly direction: SQL;
}

const relationshipId: SortKey = { column: sql`e.id`, type: "uuid" };

function keysFrom(other: SQL): SortKey[] {
  return [{ column: sql`e.relationship_type`, type: "text" }, { column: other, type: "uuid" }, relationshipId];
}

/**
 * The rows beyond a place, in parts of the order: what follows under the same first key, and what has a later one. Told
 * apart, because the planner takes a row of keys for as selective as its first, which nearly all may share.
 */
function beyond(keys: readonly SortKey[], order: Direction, after: readonly string[] | undefined): SQL[] {
  const [first, ...others] = keys;
  if (!after || !first || others.length === 0) {
    return [andBeyond(keys, order, after)];
  }
  const same = sql`and ${first.column} = ${after[0]}::${sql.raw(first.type)}`;
  return [sql`${same} ${andBeyond(others, order, after.slice(1))}`, andBeyond([first], order, after)];
}

function armsOf(actor: Actor, selection: RelationshipSelection): Arm[] {
  const { end } = selection;
  if (!end) {
    const visible = conditions(actor, selection, undefined);
    return [{ visible, keys: [relationshipId], other: sql`null::uuid`, direction: sql`null` }];
  }
  const directions = end.direction === "both" ? (["outgoing", "incoming"] as const) : [end.direction];
  return directions.map((direction) => {
    const [near, far] =
      direction === "outgoing"
        ? [sql`e.source_ci_id`, sql`e.target_ci_id`]
        : [sql`e.target_ci_id`, sql`e.source_ci_id`];
    const visible = sql`${near} = ${end.ciId}::uuid and ${conditions(actor, selection, far)}`;
    return { visible, keys: keysFrom(far), other: far, direction: sql`${direction}` };
  });
}

function conditions(actor: Actor, selection: RelationshipSelection, other: SQL | undefined): SQL {
  const { otherEnd, otherStatus, types, sourceId, extracted } = selection;
  const archived = sql`exists (select from configuration_items o
    where o.ci_id = ${other} and o.status = 'archived' and ${visibleTo(actor, "o")})`;
  return sql.join(
    [
      visibleEnds(actor),
      ...(other && otherEnd !== undefined ? [sql`${other} = ${otherEnd}::uuid`] : []),
      ...(other && otherStatus === "archived" ? [archived] : []),
      ...(other && otherStatus === "active" ? [sql`not ${archived}`] : []),
      ...(types.length > 0 ? [sql`e.relationship_type = any(${sql.param(types)}::text[])`] : []),
      ...(sourceId === undefined ? [] : [sql`e.source_id = ${sourceId}::integer`]),
      ...(extracted === undefined ? [] : [extracted ? sql`e.extracted` : sql`not e.extracted`]),
    ],
    sql` and `,
  );
}

// Said as the absence of an end that may not be seen: it costs nothing for those who may see all.
function visibleEnds(actor: Actor): SQL {
  return sql`not exists (select from configuration_items c
      where c.ci_id = e.source_ci_id and (${visibleTo(actor, "c")}) is not true)
    and not exists (select from configuration_items o
      where o.ci_id = e.target_ci_id and (${visibleTo(actor, "o")}) is not true)`;
}

function stating(actor: Actor, context: string, source: string | null, ends: readonly string[], stated: string): SQL {
  const visible = sql`array(select c.ci_id from configuration_items c
    where c.ci_id = any(${sql.param(ends)}::uuid[]) and ${visibleTo(actor, "c")})`;
  return sql`muster.state_relationships(${context}::jsonb, ${source}, ${stated}::jsonb, ${visible})`;
}

function total(arms: readonly Arm[], count: CountMode): SQL {
  switch (count) {
    case "none":
      return sql`null`;
    case "exact": {
      const counts = arms.map(({ visible }) => sql`(select count(*) from relationships e where ${visible})`);
      return sql`(${sql.join(counts, sql` + `)})`;
    }
    case "estimate": {
      const selects = arms.map(({ visible }) => sql`(select from relationships e where ${visible})`);
      return sql`(select count(*) from (${sql.join(selects, sql` union all `)} limit ${estimateBound + 1}) as b)`;
    }
  }
}
