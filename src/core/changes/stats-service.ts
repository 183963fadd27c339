import { dayMs } from "../../lib/time.ts";
import { requirePermission } from "../access.ts";
import { runBatches } from "../batches.ts";
import { type Ctx, runOne } from "../context.ts";
import { recorded } from "../lifecycle/service.ts";
import { checkWindow } from "./feed-service.ts";
import * as repository from "./stats-repository.ts";

/** Changes by what happened; `archived` are those that the log calls DELETED. */
export interface ChangeCounts {
  readonly total: number;
  readonly created: number;
  readonly updated: number;
  readonly archived: number;
  readonly purged: number;
}

export interface ChangeStatistics {
  readonly start: string;
  readonly end: string;
  readonly totals: ChangeCounts;
  /** Items that changed. */
  readonly affected: number;
  readonly topTypes: readonly { readonly ciType: string; readonly count: number }[];
  /** Every interval from that of the first change to that of the last; the newest of them where `truncated`. */
  readonly series: readonly (ChangeCounts & { readonly start: string })[];
  readonly truncated: boolean;
}

export interface StatisticsQuery {
  /** Instants in UTC, as ISO 8601. */
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly interval: repository.Interval;
}

export interface RefreshReport extends Record<string, unknown> {
  readonly taken: number;
  /** False when the time was used up first, or another run was at it. */
  readonly finished: boolean;
}

const defaultWindowMs = 7 * dayMs;
const beginningOfTime = "0001-01-01T00:00:00.000Z";
/** Changes a statement takes in: half a second of work. */
const batchSize = 20_000;

/**
 * What changed in [start, end), exact at this instant, in one statement. Without a start the window is the seven days
 * before its end, without an end it lasts until now. Throws `invalid` when it ends before it starts.
 */
export async function readChangeStatistics(ctx: Ctx, query: StatisticsQuery): Promise<ChangeStatistics> {
  requirePermission(ctx.actor, "changes:read");
  const end = query.end ?? ctx.now.toISOString();
  const start = query.start ?? weekBefore(end);
  checkWindow({ filters: [], from: start, to: end });
  const statement = repository.selectStatistics(ctx.actor, { start, end, interval: query.interval });
  const row = await runOne<{ statistics: Omit<ChangeStatistics, "start" | "end"> }>(ctx, statement);
  return { start, end, ...row.statistics };
}

/** Takes in what has changed since the last run, in batches; one run at a time, safe to break off anywhere. */
export async function refreshChangeStatistics(ctx: Ctx, isLate: () => boolean): Promise<RefreshReport> {
  const { done: taken, finished } = await runBatches(isLate, async () => {
    const statement = repository.refreshStatistics(ctx.now, batchSize);
    const batch = await runOne<{ taken: number; finished: boolean; skipped: boolean }>(ctx, statement);
    return { ...batch, done: batch.taken };
  });
  return { taken, finished };
}

/** Brings the totals by day up to the rollup. Answers whether it did: not while another run is at it. */
export async function refreshChangeTotals(ctx: Ctx): Promise<{ refreshed: boolean }> {
  return runOne<{ refreshed: boolean }>(ctx, repository.refreshTotals(ctx.now));
}

/** Both refreshes, as a caller asks for them; on record like a scheduled run, with the times that `clock` tells. */
export async function requestRefresh(ctx: Ctx, clock: () => Date, isLate: () => boolean): Promise<RefreshReport> {
  requirePermission(ctx.actor, "changes:refresh");
  return recorded(ctx, "refresh_change_stats", clock, async () => {
    const report = await refreshChangeStatistics(ctx, isLate);
    await refreshChangeTotals(ctx);
    return report;
  });
}

/** Drops whole months of the log that ended at least so many days ago, what was rolled up of them and their search. */
export async function dropOldChanges(ctx: Ctx, days: number): Promise<{ partitions: number; hours: number }> {
  const before = new Date(ctx.now.getTime() - days * dayMs);
  const log = await runOne<{ partitions: number; hours: number }>(ctx, repository.dropOldChanges(before));
  const search = await runOne<{ partitions: number }>(ctx, repository.dropOldSearch(before));
  return { partitions: log.partitions + search.partitions, hours: log.hours };
}

function weekBefore(end: string): string {
  const start = Date.parse(end) - defaultWindowMs;
  return start < Date.parse(beginningOfTime) ? beginningOfTime : new Date(start).toISOString();
}
