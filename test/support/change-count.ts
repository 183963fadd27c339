import { expect } from "vitest";
import { emptyInventory, body, type Muster, type Row } from "./muster.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
// 1970-01-01 was a Thursday.
const mondayOffsetMs = 4 * dayMs;

export const statisticsPath = "/api/v1/changes/stats";
export const refreshPath = "/api/v1/changes/refresh-stats";

/** A window in epoch milliseconds, its end not included. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** The widest window that can be asked for. */
export const always: Window = { start: Date.parse("0001-01-01"), end: Date.parse("9999-12-31T23:59:59.999Z") };

type Interval = "hour" | "day" | "week";

/** A row of the log, its instant in epoch milliseconds. */
interface CountedChange extends Record<string, unknown> {
  readonly ci_id: string;
  readonly ci_type: string;
  readonly change_type: string;
  readonly at: number;
}

/** What the API answers for a window, or for what is given of it. */
export async function readStatistics(
  muster: Muster,
  window: Partial<Window>,
  interval: Interval = "hour",
): Promise<Row> {
  const bounds = (["start", "end"] as const).flatMap((side) => {
    const at = window[side];
    return at === undefined ? [] : [`&${side}_date=${new Date(at).toISOString()}`];
  });
  return body(await muster.request(`${statisticsPath}?group_by=${interval}${bounds.join("")}`));
}

/** Holds the answers of all groupings against a plain count of the log. */
export async function expectExact(muster: Muster, window: Window): Promise<void> {
  const log = await readLog(muster);
  const check = async (interval: Interval) => {
    const expected = countChanges(log, window, interval);
    expect(await readStatistics(muster, window, interval)).toEqual(expected);
  };
  await Promise.all([check("hour"), check("day"), check("week")]);
}

/** Empties items, log and rollups. */
export async function clearChanges(muster: Muster): Promise<void> {
  await emptyInventory(muster, "job_runs", "change_stats", "change_days", "change_months");
  await muster.sql("update change_watermarks set xid = '0', batch = 0");
  await muster.sql("select muster.refresh_change_totals(now())");
}

/** All of the log. */
export async function readLog(muster: Muster): Promise<CountedChange[]> {
  return muster.sql<CountedChange>(
    "select ci_id, ci_type, change_type, (extract(epoch from changed_at) * 1000)::float8 as at from changes",
  );
}

/** What the statistics of a window must say, by counting. */
function countChanges(log: readonly CountedChange[], { start, end }: Window, interval: Interval) {
  const changes = log.filter(({ at }) => at >= start && at < end);
  const types = Map.groupBy(changes, ({ ci_type }) => ci_type);
  const buckets = Map.groupBy(changes, ({ at }) => bucketOf(at, interval));
  const length = { hour: hourMs, day: dayMs, week: 7 * dayMs }[interval];
  const newest = Math.max(...buckets.keys());
  const oldest = Math.min(...buckets.keys());
  const wanted = changes.length === 0 ? 0 : (newest - oldest) / length + 1;
  const shown = Math.min(wanted, 1000);
  const { total, ...changes_by_type } = countTypes(changes);
  return {
    total_changes: total,
    affected_cis: new Set(changes.map(({ ci_id }) => ci_id)).size,
    changes_by_type,
    top_changed_ci_types: [...types]
      .map(([ci_type, rows]) => ({ ci_type, count: rows.length }))
      .toSorted((left, right) => right.count - left.count || (left.ci_type < right.ci_type ? -1 : 1))
      .slice(0, 10),
    time_range: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
    series: Array.from({ length: shown }, (_, place) => {
      const at = newest - (shown - 1 - place) * length;
      return { start: new Date(at).toISOString(), ...countTypes(buckets.get(at) ?? []) };
    }),
    series_truncated: wanted > shown,
  };
}

function countTypes(changes: readonly CountedChange[]) {
  const count = (type: string) => changes.filter(({ change_type }) => change_type === type).length;
  return {
    created: count("CREATED"),
    updated: count("UPDATED"),
    archived: count("DELETED"),
    purged: count("PURGED"),
    total: changes.length,
  };
}

function bucketOf(at: number, interval: Interval): number {
  switch (interval) {
    case "hour":
      return Math.floor(at / hourMs) * hourMs;
    case "day":
      return Math.floor(at / dayMs) * dayMs;
    case "week":
      return Math.floor((at - mondayOffsetMs) / (7 * dayMs)) * 7 * dayMs + mondayOffsetMs;
  }
}
