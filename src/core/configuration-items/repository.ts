import { sql, type SQL } from "drizzle-orm";
import { andBeyond, orderBy, placeOf } from "../../db/keyset.ts";
import { type Fields, whereFilters } from "../../db/where.ts";
import type { Filter } from "../../lib/filter-grammar.ts";
import { type Actor, visibleTo } from "../access.ts";
import { type CountMode, estimateBound } from "../page.ts";
import { countedFields, itemFields, itemSorts } from "./fields.ts";
import { type Rendering, renderItem } from "./shape.ts";

export interface ItemPageQuery {
  readonly filters: readonly Filter[];
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly offset: number;
  readonly limit: number;
  readonly after: readonly string[] | undefined;
  readonly count: CountMode;
  readonly rendering: Rendering;
}

/** A page of items with its total. Rows that the offset skips are never rendered. Throws FilterSyntaxError. */
export function selectItemPage(actor: Actor, query: ItemPageQuery): SQL {
  const keys = itemSorts[query.sort] ?? [];
  const visible = sql.join([visibleTo(actor, "c"), ...conditions(itemFields, query.filters)], sql` and `);
  return sql`with page as materialized (
      select s.*, row_number() over () as place from (
        select c.ci_id, ${placeOf(keys)} as sort_key
        from ${query.sort === "last_seen" ? seenItems : sql`configuration_items c`}
        where ${visible} ${andBeyond(keys, query.order, query.after)}
        ${orderBy(keys, query.order)}
        limit ${query.limit + 1} offset ${query.offset}) as s)
    select
      coalesce((select json_agg(${renderItem(query.rendering)} order by p.place)
                from page p join configuration_items c on c.ci_id = p.ci_id
                where p.place <= ${query.limit}), '[]')::text as items,
      (select p.sort_key from page p
       where p.place = ${query.limit} and exists (select from page where place > ${query.limit})) as next_place,
      ${total(actor, query, visible)}::text as total`;
}

/** The JSON of one item, no row where it is not to be seen. */
export function selectItem(actor: Actor, ciId: string, rendering: Rendering): SQL {
  return sql`select ${renderItem(rendering)}::text as item from configuration_items c
    where c.ci_id = ${ciId}::uuid and ${visibleTo(actor, "c")}`;
}

/** Takes in a batch of sightings, a JSON array; answers place (from 1), outcome and id of each, and the source that they came from. */
export function reportItems(context: string, origin: string, ages: boolean, atomic: boolean, reported: string): SQL {
  // The function leaves its source to the triggers, and to this.
  return sql`select coalesce(json_agg(json_build_array(r.place, r.outcome, r.ci_id) order by r.place), '[]')::text as results,
      nullif(current_setting('muster.source_id', true), '')::integer as source_id
    from muster.report_items(${context}::jsonb, ${origin}::jsonb, ${ages}, ${atomic}, ${reported}::jsonb) r`;
}

/** Takes in one sighting and answers the item as it is afterwards. */
export function reportItem(
  context: string,
  origin: string,
  ages: boolean,
  reported: string,
  rendering: Rendering,
): SQL {
  return sql`select r.outcome, r.ci_id, ${renderItem({ ...rendering, lastSeen: writtenLastSeen })}::text as item
    from muster.report_items(${context}::jsonb, ${origin}::jsonb, ${ages}, true, ${reported}::jsonb) r
    cross join lateral muster.current_item(r.ci_id) c`;
}

/** Writes one item and answers it as it is afterwards; no row where it is not to be seen. */
export function writeItem(
  actor: Actor,
  context: string,
  ciId: string,
  patch: string,
  merging: boolean,
  rendering: Rendering,
): SQL {
  return sql`select w.outcome, ${renderItem({ ...rendering, lastSeen: writtenLastSeen })}::text as item
    from (select v.ci_id, muster.write_item(${context}::jsonb, v.ci_id, ${patch}::jsonb, ${merging}) as outcome
          from ${visibleItem(actor, ciId)} v offset 0) w
    cross join lateral muster.current_item(w.ci_id) c where w.outcome is not null`;
}

/** Archives one item and answers it as it is afterwards; no row where it is not to be seen. */
export function archiveItem(actor: Actor, context: string, ciId: string, rendering: Rendering): SQL {
  return sql`select ${renderItem({ ...rendering, lastSeen: writtenLastSeen })}::text as item
    from (select v.ci_id, muster.archive_item(${context}::jsonb, v.ci_id) as found
          from ${visibleItem(actor, ciId)} v offset 0) w
    cross join lateral muster.current_item(w.ci_id) c where w.found`;
}

const writtenLastSeen = sql`muster.current_last_seen(c.ci_id)`;

// An item with several records counts with its youngest.
const seenItems = sql`source_records r join configuration_items c on c.ci_id = r.ci_id and not exists (
    select from source_records y where y.ci_id = r.ci_id and (y.last_seen, y.ctid) > (r.last_seen, r.ctid))`;

function visibleItem(actor: Actor, ciId: string): SQL {
  return sql`(select c.ci_id from configuration_items c where c.ci_id = ${ciId}::uuid and ${visibleTo(actor, "c")})`;
}

function total(actor: Actor, query: ItemPageQuery, visible: SQL): SQL {
  if (query.count === "none") {
    return sql`null`;
  }
  // item_counts knows these columns too, and its few rows add up to the exact total.
  if (query.filters.every(({ path }) => path.length === 1 && Object.hasOwn(countedFields, path[0] ?? ""))) {
    const counted = sql.join([visibleTo(actor, "n"), ...conditions(countedFields, query.filters)], sql` and `);
    return sql`(select coalesce(sum(n.n), 0) from item_counts n where ${counted})`;
  }
  return query.count === "exact"
    ? sql`(select count(*) from configuration_items c where ${visible})`
    : sql`(select count(*) from (select from configuration_items c where ${visible} limit ${estimateBound + 1}) as b)`;
}

function conditions(fields: Fields, filters: readonly Filter[]): SQL[] {
  return whereFilters(fields, filters, ["ci_type", "namespace"]);
}
