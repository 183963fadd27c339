import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";

/** Lengths of the intervals that a series has; a week is that of ISO 8601, from Monday. All in UTC. */
export type Interval = "hour" | "day" | "week";

/** Instants as ISO 8601 in UTC; `end` is not part of the window. */
export interface StatisticsWindow {
  readonly start: string;
  readonly end: string;
  readonly interval: Interval;
}

/** Intervals that a series shows at most: the newest. */
const maxIntervals = 1000;
const topTypes = 10;

/**
 * The statistics of a window as one JSON value, from the rollups as far as they go and from the log beyond them, both as
 * one snapshot sees them. A day at the window's edge counts as whole when nothing of it lies outside.
 */
export function selectStatistics(actor: Actor, { start, end, interval }: StatisticsWindow): SQL {
  const unit = sql.raw(`'${interval}'`);
  const length = sql.raw(`interval '1 ${interval}'`);
  return sql`with ${spans(actor, start, end)}, ${logged(actor)}, ${rolledUp(actor, interval)},
    counts as materialized (
      select date_trunc(${unit}, s.at) as at, s.change_type, s.ci_type, sum(s.n) as n from (
        select h.changed_at at time zone 'UTC' as at, h.change_type, h.ci_type, 1 as n from logged h
        union all select r.at, r.change_type, r.ci_type, r.n from rolled_up r) as s
      group by 1, 2, 3),
    by_type as (select c.ci_type, sum(c.n) as n from counts c group by 1 order by n desc, ci_type limit ${topTypes}),
    ends as (select min(c.at) as oldest, max(c.at) as newest from counts c),
    intervals as (
      select i.at, ${totals} from ends, generate_series(
        greatest(ends.oldest, ends.newest - ${maxIntervals - 1} * ${length}), ends.newest, ${length}) as i (at)
      left join counts c on c.at = i.at group by i.at)
    select json_build_object(
      'totals', (select to_json(t) from (select ${totals} from counts c) as t),
      'affected', (${affected(actor)}),
      'topTypes', (select coalesce(json_agg(json_build_object('ciType', t.ci_type, 'count', t.n)
        order by t.n desc, t.ci_type), '[]') from by_type t),
      'series', (select coalesce(json_agg(json_build_object('start', muster.iso(i.at at time zone 'UTC'),
        'created', i.created, 'updated', i.updated, 'archived', i.archived, 'purged', i.purged, 'total', i.total)
        order by i.at), '[]') from intervals i),
      'truncated', (select coalesce(ends.newest - ${maxIntervals - 1} * ${length} > ends.oldest, false) from ends)
    ) as statistics`;
}

/** Takes one batch of changes into the rollups. */
export function refreshStatistics(now: Date, batch: number): SQL {
  return sql`select (s.done ->> 'taken')::integer as taken, (s.done ->> 'finished')::boolean as finished,
      (s.done ->> 'skipped')::boolean as skipped
    from (select muster.refresh_change_stats(${now.toISOString()}::timestamptz, ${batch}) as done offset 0) s`;
}

/** Brings the materialized view up to the rollups. */
export function refreshTotals(now: Date): SQL {
  return sql`select muster.refresh_change_totals(${now.toISOString()}::timestamptz) as refreshed`;
}

/** Drops the months of the log that had ended by an instant, with their rollups. */
export function dropOldChanges(before: Date): SQL {
  return sql`select (s.gone ->> 'partitions')::integer as partitions, (s.gone ->> 'hours')::integer as hours
    from (select muster.drop_old_changes(${before.toISOString()}::timestamptz) as gone offset 0) s`;
}

/** Drops what the search knows of these months; after them, for what is in the log is put there. */
export function dropOldSearch(before: Date): SQL {
  return sql`select muster.drop_old_change_search(${before.toISOString()}::timestamptz) as partitions`;
}

const totals = sql`coalesce(sum(c.n), 0)::float8 as total,
  coalesce(sum(c.n) filter (where c.change_type = 'CREATED'), 0)::float8 as created,
  coalesce(sum(c.n) filter (where c.change_type = 'UPDATED'), 0)::float8 as updated,
  coalesce(sum(c.n) filter (where c.change_type = 'DELETED'), 0)::float8 as archived,
  coalesce(sum(c.n) filter (where c.change_type = 'PURGED'), 0)::float8 as purged`;

/**
 * The window [first, last), its whole days [from_day, to_day), by date [from_date, to_date), and of these the whole months
 * [from_month, to_month). Where there is none, both ends are that of the wider span.
 */
function spans(actor: Actor, start: string, end: string): SQL {
  const [first, last] = [sql`${start}::timestamptz`, sql`${end}::timestamptz`];
  const instant = sql.raw("at time zone 'UTC'");
  return sql`stretched as materialized (
      select case when ${hasChange(actor, dayOf(first), first)} then ${first} else ${dayOf(first)} end ${instant} as first,
        case when ${hasChange(actor, last, endOfDay(last))} then ${last} else ${endOfDay(last)} end ${instant} as last),
    spans as materialized (
      select s.first ${instant} as first, s.last ${instant} as last, f.from_day ${instant} as from_day, t.to_day ${instant} as to_day,
        f.from_day::date as from_date, t.to_day::date as to_date, m.from_month::date as from_month,
        greatest(date_trunc('month', t.to_day), m.from_month)::date as to_month
      from stretched s
      cross join lateral (
        select least(date_trunc('day', s.first + interval '1 day -1 microsecond'), s.last) as from_day) as f
      cross join lateral (select greatest(date_trunc('day', s.last), f.from_day) as to_day) as t
      cross join lateral (
        select least(date_trunc('month', f.from_day + interval '1 month -1 microsecond'), t.to_day) as from_month) as m)`;
}

// Ordered, so that the index finds it: a scan that hopes for an early hit would read a month to find none.
function hasChange(actor: Actor, from: SQL, to: SQL): SQL {
  return sql`(select h.changed_at from changes h where ${visibleTo(actor, "h")}
    and h.changed_at >= ${from} and h.changed_at < ${to} order by h.changed_at limit 1) is not null`;
}

function dayOf(instant: SQL): SQL {
  return sql`date_trunc('day', ${instant}, 'UTC')`;
}

/** The end of the day that an instant is in, or ends. */
function endOfDay(instant: SQL): SQL {
  return sql`${dayOf(sql`${instant} - interval '1 microsecond'`)} + interval '24 hours'`;
}

/** Changes that the log itself has to tell: of the days that the window cuts, and of whole days beyond the watermark. */
function logged(actor: Actor): SQL {
  const visible = visibleTo(actor, "h");
  const columns = sql`h.changed_at, h.ci_id, h.change_type, h.ci_type`;
  return sql`logged as materialized (
    select ${columns} from changes h where ${visible}
      and h.changed_at >= (select first from spans) and h.changed_at < (select from_day from spans)
    union all
    select ${columns} from changes h where ${visible}
      and h.changed_at >= (select to_day from spans) and h.changed_at < (select last from spans)
    union all
    select ${columns} from change_watermarks w cross join spans cross join lateral muster.changes_since(w.xid) h
      where w.name = 'stats' and ${visible} and h.changed_at >= spans.from_day and h.changed_at < spans.to_day)`;
}

/**
 * The rollups of the whole days: by hour those that the view does not know yet and, for a series of hours, those that it
 * can show; by day all others.
 */
function rolledUp(actor: Actor, interval: Interval): SQL {
  const shown = sql`select generate_series(date_trunc('day', newest.hour - ${maxIntervals} * interval '1 hour', 'UTC'), newest.hour,
      interval '24 hours') as day
    from (select r.hour from change_stats r where ${visibleTo(actor, "r")} and r.hour >= (select from_day from spans)
      and r.hour < (select to_day from spans) order by r.hour desc limit 1) as newest`;
  const touched = sql`select date_trunc('day', r.hour, 'UTC') as day from change_stats r
    where r.batch > (select w.batch from change_watermarks w where w.name = 'totals')`;
  return sql`by_hour as materialized (
      select distinct d.day from spans, (${touched} ${interval === "hour" ? sql`union all ${shown}` : sql``}) as d
      where d.day >= spans.from_day and d.day < spans.to_day),
    rolled_up as (
      select r.hour at time zone 'UTC' as at, r.change_type, r.ci_type, r.n::bigint as n
      from by_hour d join change_stats r on r.hour >= d.day and r.hour < d.day + interval '24 hours'
      where ${visibleTo(actor, "r")}
      union all
      select t.day::timestamp as at, t.change_type, t.ci_type, t.n from change_totals t
      where ${visibleTo(actor, "t")} and t.day >= (select from_date from spans) and t.day < (select to_date from spans)
        and t.day not in (select (d.day at time zone 'UTC')::date from by_hour d))`;
}

/** How many items the changes of the window are of. */
function affected(actor: Actor): SQL {
  const visible = visibleTo(actor, "d");
  return sql`select count(*) from (
    select d.ci_id from change_months d where ${visible}
      and d.month >= (select from_month from spans) and d.month < (select to_month from spans)
    union select d.ci_id from change_days d where ${visible}
      and d.day >= (select from_date from spans) and d.day < (select from_month from spans)
    union select d.ci_id from change_days d where ${visible}
      and d.day >= (select to_month from spans) and d.day < (select to_date from spans)
    union select h.ci_id from logged h) as items`;
}
