import { sql, type SQL } from "drizzle-orm";
import { andBeyond, orderBy, placeOf } from "../../db/keyset.ts";
import type { Actor } from "../access.ts";
import { type CountMode, estimateBound } from "../page.ts";
import { type ChangeSelection, changeSorts, selected } from "./fields.ts";
import { type ChangeShape, renderChange } from "./render.ts";
import { fieldNames, type LineFormat, renderLine } from "./render-lines.ts";

export interface ChangeOrder {
  readonly sort: string;
  readonly direction: "asc" | "desc";
  readonly offset: number;
  readonly limit: number;
  readonly after: readonly string[] | undefined;
}

/** A page of changes with its total. Rows that the offset skips are never rendered. Throws FilterSyntaxError. */
export function selectChangePage(
  actor: Actor,
  selection: ChangeSelection,
  order: ChangeOrder,
  count: CountMode,
  shape: ChangeShape,
): SQL {
  const sources = selected(actor, selection);
  return sql`with page as materialized (
      select s.*, row_number() over () as place from (${rows(sources, order, order.limit + 1)}) as s)
    select
      coalesce((select json_agg(${renderChange(shape)} order by h.place) from page h
                where h.place <= ${order.limit}), '[]')::text as items,
      (select ${placeOf(keysOf(order))} from page h
       where h.place = ${order.limit} and exists (select from page where place > ${order.limit})) as next_place,
      ${total(sources, count)}::text as total`;
}

/** What one page of lines answers; `next_place` is null on the last. */
export interface LinesRow extends Record<string, unknown> {
  readonly lines: string;
  readonly next_place: string[] | null;
  readonly snapshot: string;
  readonly rows: number;
}

/** Bytes of entries after which a page of lines ends. Small, to be read in little memory. */
const pageBytes = 500_000;
/** The same where each page looks again at all that is not indexed yet: so that there are few of them. */
const searchedPageBytes = 2_000_000;
/** Bytes of lines after which any page ends. */
const mostBytes = 3_000_000;
/** Entries smaller than this are taken for as large as they are stored; above, they may be compressed. */
const plainBytes = 1_500;

/**
 * A page of changes as lines of text, ended by `limit` or by size, with at least one. With the snapshot that the first
 * page answered, later ones tell what was visible then and nothing else: the log is only added to, and each change
 * names its transaction. Throws FilterSyntaxError.
 */
export function selectChangeLines(
  actor: Actor,
  selection: ChangeSelection,
  order: ChangeOrder,
  snapshot: string | undefined,
  format: LineFormat,
  shape: ChangeShape,
): SQL {
  const sources = selected(actor, selection).map((source) =>
    snapshot === undefined ? source : sql`${source} and pg_visible_in_snapshot(h.xid, ${snapshot}::pg_snapshot)`,
  );
  const entryBytes = sources.length > 1 ? searchedPageBytes : pageBytes;
  const line = renderLine(format, shape, sql`(select by_path from names)`);
  // What is rendered is bounded before by what can be told cheaply, and afterwards by what the lines came to. OFFSET 0 keeps a line
  // from being rendered once for its length and again for itself.
  return sql`with page as materialized (
      select s.*, row_number() over o as place, sum(case when pg_column_size(s.entries) < ${plainBytes}
        then pg_column_size(s.entries) else octet_length(s.entries::text) end) over o as bytes
      from (${rows(sources, order, order.limit)}) as s
      window o as (rows unbounded preceding)),
    names as materialized (${fieldNames(sql`page`)}),
    lines as materialized (
      select l.*, sum(octet_length(l.line)) over (rows unbounded preceding) as bytes
      from (select h.place, ${line} as line from page h where h.bytes <= ${entryBytes} or h.place = 1 offset 0) as l),
    kept as materialized (select l.place, l.line from lines l where l.bytes <= ${mostBytes} or l.place = 1)
    select
      coalesce((select string_agg(k.line, '' order by k.place) from kept k), '') as lines,
      (select count(*)::integer from kept) as rows,
      (select ${placeOf(keysOf(order))} from page h where h.place = (select count(*) from kept)
       and ((select count(*) from page) = ${order.limit} or exists (select from page p where p.place > h.place))) as next_place,
      pg_current_snapshot()::text as snapshot`;
}

function rows(sources: readonly SQL[], order: ChangeOrder, limit: number): SQL {
  const keys = keysOf(order);
  const ordered = orderBy(keys, order.direction);
  const after = sql`${andBeyond(keys, order.direction, order.after)} ${withinPartitions(order)}`;
  // Each source brings as many as could be among the first.
  const selects = sources.map(
    (source) => sql`(select h.* ${source} ${after} ${ordered} limit ${order.offset + limit})`,
  );
  return sql`select h.* from (${sql.join(selects, sql` union all `)}) as h ${ordered} limit ${limit} offset ${order.offset}`;
}

// No partition is left out for a condition on two columns at once, and each one takes part in planning.
function withinPartitions({ sort, direction, after }: ChangeOrder): SQL {
  const [place] = after ?? [];
  if (sort !== "changed_at" || place === undefined) {
    return sql``;
  }
  return sql`and h.changed_at ${sql.raw(direction === "asc" ? ">=" : "<=")} ${place}::timestamptz`;
}

function keysOf(order: ChangeOrder) {
  return changeSorts[order.sort] ?? [];
}

function total(sources: readonly SQL[], count: CountMode): SQL {
  const counts = sources.map((source) =>
    count === "estimate"
      ? sql`(select count(*) from (select ${source} limit ${estimateBound + 1}) as b)`
      : sql`(select count(*) ${source})`,
  );
  const sum = sql.join(counts, sql` + `);
  switch (count) {
    case "none":
      return sql`null`;
    case "exact":
      return sql`(${sum})`;
    case "estimate":
      return sql`least(${sum}, ${estimateBound + 1})`;
  }
}
