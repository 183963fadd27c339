import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import type { TypesByNeed } from "./impact-direction.ts";

/** Downstream is what is hit when the root fails, upstream what the root needs. */
export type ImpactDirection = "upstream" | "downstream";

export interface ImpactQuery {
  readonly ciId: string;
  readonly directions: readonly ImpactDirection[];
  readonly depth: number;
  /** Items per direction, the root not counted. */
  readonly limit: number;
  /** The types to walk, empty for all; `byNeed` says the same by who needs whom. */
  readonly types: readonly string[];
  readonly byNeed: TypesByNeed;
}

/** What is shown of the root (`distance` and what follows is for the others only). */
export interface ImpactNodeShape {
  readonly [key: string]: keyof typeof nodeParts;
}

interface ImpactEdgeShape {
  readonly [key: string]: keyof typeof edgeParts;
}

export interface ImpactShape {
  readonly root: ImpactNodeShape;
  readonly node: ImpactNodeShape;
  readonly edge: ImpactEdgeShape;
}

/** What a walk answers: JSON texts, and why it ended early. */
export interface ImpactRow extends Record<string, unknown> {
  readonly root: string;
  readonly nodes: string;
  readonly edges: string;
  readonly cut_by_limit: boolean;
  readonly cut_by_depth: boolean;
}

/**
 * Relationships that a step reads of one item, for each item that may be found: two items are hardly related in more ways
 * than this. Where they are, the walk may end early, and says so.
 */
const waysPerPair = 8;

/** Relationships told among the items found, for each of them. */
const edgesPerItem = 5;
const minEdges = 1000;

/**
 * What can be reached from an item, the nearest first, and the relationships among that; no row where the item is not to be
 * seen. Each level is a row of the recursion: its items, the ways to them and all that was visited, so that an item is
 * expanded once and a step reads as much as the limit allows, whatever hangs on the items. Archived items end the walk,
 * unless it starts there.
 */
export function selectImpact(actor: Actor, query: ImpactQuery, shape: ImpactShape): SQL {
  const edgeLimit = Math.max(minEdges, edgesPerItem * query.limit);
  const walks = query.directions.map((direction) => walk(actor, query, direction));
  const levels = query.directions.map(
    (direction) => sql`select ${direction}::text as direction, w.* from ${sql.raw(direction)} w`,
  );
  return sql`with recursive root as materialized (
      select c.* from configuration_items c where c.ci_id = ${query.ciId}::uuid and ${visibleTo(actor, "c")}),
    ${sql.join(walks, sql`, `)},
    levels as materialized (${sql.join(levels, sql` union all `)}),
    nodes as materialized (
      select w.direction, w.depth, i.place, w.frontier[i.place] as ci_id, ${pathAt(sql`i.place`)} as path
      from levels w cross join lateral generate_series(1, cardinality(w.frontier)) as i (place)
      where w.depth between 1 and ${query.depth}::integer),
    ${edgesAmong(query, edgeLimit)}
    select ${render(shape.root, nodeParts)}::text as root,
      (select coalesce(json_agg(${render(shape.node, nodeParts)} order by n.direction, n.depth, n.place), '[]')
       from nodes n join configuration_items c on c.ci_id = n.ci_id where ${visibleTo(actor, "c")})::text as nodes,
      (select coalesce(json_agg(${render(shape.edge, edgeParts)}), '[]')
       from (select * from edges limit ${edgeLimit}::integer) e)::text as edges,
      (select count(*) from edges) > ${edgeLimit}::integer or (select o.is_possible from overlooked o)
        or exists (select from levels w where w.is_cut and w.depth <= ${query.depth}::integer) as cut_by_limit,
      exists (select from levels w where w.is_cut and w.depth > ${query.depth}::integer) as cut_by_depth
    from root c`;
}

const nodeParts = {
  ciId: sql`c.ci_id`,
  name: sql`c.name`,
  namespace: sql`c.namespace`,
  ciType: sql`c.ci_type`,
  status: sql`c.status`,
  distance: sql`n.depth`,
  direction: sql`n.direction`,
  path: sql`n.path`,
} as const;

const edgeParts = {
  id: sql`e.id`,
  relationshipType: sql`e.relationship_type`,
  sourceCiId: sql`e.source_ci_id`,
  targetCiId: sql`e.target_ci_id`,
} as const;

/**
 * The levels of a walk in one direction. The level beyond the last one asked for holds no items, and is cut where there
 * would be some. Of the ways to an item the one by the earliest item of the level before counts.
 */
function walk(actor: Actor, query: ImpactQuery, direction: ImpactDirection): SQL {
  const name = sql.raw(direction);
  const mostRead = mostReadOf(query);
  return sql`${name} (depth, frontier, paths, visited, is_cut) as (
    select 0, array[c.ci_id], array[array[c.ci_id]], array[c.ci_id], false from root c
    union all
    select w.depth + 1, s.frontier, s.paths, w.visited || s.frontier, s.is_cut
    from ${name} w
    cross join lateral (
      select case when w.depth < ${query.depth}::integer then ${query.limit}::integer + 1 - cardinality(w.visited) else 0 end as capacity) b
    cross join lateral (
      with read as materialized (
        select f.place, a.ci_id, a.n from unnest(w.frontier) with ordinality as f (ci_id, place)
        cross join lateral (${sql.join(steps(actor, query, direction, mostRead), sql` union all `)}) a),
      fresh as (
        select u.ci_id, min(u.place) as place, row_number() over (order by min(u.place), u.ci_id) as n
        from (select r.ci_id, r.place from read r union all select v.ci_id, 0 from unnest(w.visited) as v (ci_id)) u
        group by u.ci_id having min(u.place) > 0
        order by 3 limit b.capacity + 1)
      select
        coalesce(array_agg(f.ci_id order by f.n) filter (where f.n <= b.capacity), '{}') as frontier,
        array_agg(${pathAt(sql`f.place`)} || f.ci_id order by f.n) filter (where f.n <= b.capacity) as paths,
        count(*) > b.capacity or exists (select from read r where r.n > ${mostRead}::integer) as is_cut
      from fresh f) s
    where w.depth <= ${query.depth}::integer and cardinality(w.frontier) > 0 and not w.is_cut)`;
}

// All paths of a level are of one length, so they are an array of two dimensions.
function pathAt(place: SQL): SQL {
  return sql`array(select unnest(w.paths[${place}:${place}]))`;
}

/** The items that lead on from the item `f`, as both indexes tell them without a look at the table. */
function steps(actor: Actor, { byNeed }: ImpactQuery, direction: ImpactDirection, mostRead: number): SQL[] {
  const toSource = { from: sql`e.target_ci_id`, to: sql`e.source_ci_id` };
  const toTarget = { from: sql`e.source_ci_id`, to: sql`e.target_ci_id` };
  const [toNeedy, toNeeded] = direction === "downstream" ? [toSource, toTarget] : [toTarget, toSource];
  return [
    { ...toNeedy, types: byNeed.sourceNeedsTarget },
    { ...toNeeded, types: byNeed.targetNeedsSource },
  ]
    .filter(({ types }) => "allBut" in types || types.only.length > 0)
    .map(
      ({ from, to, types }) => sql`select s.ci_id, row_number() over () as n from (
        select ${to} as ci_id from relationships e
        where ${from} = f.ci_id and ${typeCondition(types)} and not exists (
          select from configuration_items c where c.ci_id = ${to} and (c.status = 'archived' or (${visibleTo(actor, "c")}) is not true))
        order by e.relationship_type, ${to} limit ${mostRead + 1}::integer) s`,
    );
}

function typeCondition(types: TypesByNeed["sourceNeedsTarget"]): SQL {
  return "only" in types
    ? sql`e.relationship_type = any(${sql.param(types.only)}::text[])`
    : sql`e.relationship_type <> all(${sql.param(types.allBut)}::text[])`;
}

/**
 * The relationships among the visible items found, as `edges`; one more than the limit where there are more. They are read
 * from their sources, and from their targets only where a source has more than a step reads; `overlooked` says whether one
 * between two such items may be missing.
 */
function edgesAmong(query: ImpactQuery, edgeLimit: number): SQL {
  const mostRead = mostReadOf(query);
  return sql`visible as materialized (select c.ci_id from root c union select n.ci_id from nodes n),
    leaving as materialized (
      select e.* from visible cross join lateral (${readAt(query, sql`e.source_ci_id`, sql`e.target_ci_id`)}) e),
    arriving as materialized (
      select e.* from visible cross join lateral (${readAt(query, sql`e.target_ci_id`, sql`e.source_ci_id`)}) e
      where exists (select from leaving l where l.n > ${mostRead}::integer)),
    overlooked as (select exists (select from arriving a where a.n > ${mostRead}::integer) as is_possible),
    pairs as materialized (
      select distinct e.source_ci_id, e.relationship_type, e.target_ci_id
      from (select * from leaving union all select * from arriving) e
      where e.source_ci_id in (select s.ci_id from visible s) and e.target_ci_id in (select t.ci_id from visible t)
      order by 1, 2, 3 limit ${edgeLimit + 1}::integer),
    edges as materialized (
      select e.id, e.relationship_type, e.source_ci_id, e.target_ci_id
      from pairs p join relationships e on e.source_ci_id = p.source_ci_id
        and e.relationship_type = p.relationship_type and e.target_ci_id = p.target_ci_id
      order by e.source_ci_id, e.relationship_type, e.target_ci_id, e.id limit ${edgeLimit + 1}::integer)`;
}

/** The relationships of an item of `visible`, from the end that is near it. */
function readAt(query: ImpactQuery, near: SQL, far: SQL): SQL {
  const typed = query.types.length > 0 ? sql`and ${typeCondition({ only: query.types })}` : sql``;
  return sql`select e.*, row_number() over () as n from (
    select e.source_ci_id, e.relationship_type, e.target_ci_id from relationships e where ${near} = visible.ci_id ${typed}
    order by e.relationship_type, ${far} limit ${mostReadOf(query) + 1}::integer) e`;
}

function mostReadOf({ limit }: ImpactQuery): number {
  return waysPerPair * (limit + 1);
}

function render<Part extends string>(shape: Readonly<Record<string, Part>>, parts: Readonly<Record<Part, SQL>>): SQL {
  const pairs = Object.entries(shape).map(([key, part]) => sql`${sql.raw(`'${key}'`)}, ${parts[part]}`);
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}
