import { connect } from "./db/client.ts";
import { indexChanges } from "./core/changes/search-service.ts";
import * as statistics from "./core/changes/stats-service.ts";
import { triggerDueSources } from "./core/collectors/trigger-service.ts";
import type { Ctx } from "./core/context.ts";
import { dropOldRelationshipChanges } from "./core/relationships/history-service.ts";
import * as lifecycle from "./core/lifecycle/service.ts";
import { relateItems } from "./core/relationships/extraction-service.ts";
import { forgetSyncs } from "./core/sources/sync-service.ts";
import { type Bindings, type Config, configOf } from "./env.ts";
import { logEvent } from "./lib/log.ts";

/** Time a run may take; what is left is done by the next. Well below the 15 minutes that the platform allows. */
const budgetMs = 5 * 60 * 1000;

/** Answers what it did; undefined where there was nothing to do. */
type Job = (ctx: Ctx, isLate: () => boolean, config: Config) => Promise<Record<string, unknown> | undefined>;

/** The schedule of wrangler.toml; a test compares the two. */
export const schedule: Readonly<Record<string, Readonly<Record<string, Job>>>> = {
  "* * * * *": {
    trigger_sources: (ctx, isLate) => triggerDueSources(ctx, isLate),
  },
  "*/15 * * * *": {
    sweep: lifecycle.sweepLifecycle,
    fold_item_counts: lifecycle.foldItemCounts,
    refresh_change_stats: statistics.refreshChangeStatistics,
    index_changes: indexChanges,
    relate_items: relateItems,
  },
  "0 3 * * *": {
    ensure_partitions: lifecycle.ensurePartitions,
    refresh_change_totals: statistics.refreshChangeTotals,
    forget_syncs: forgetSyncs,
    drop_old_changes: (ctx, _isLate, config) => statistics.dropOldChanges(ctx, config.changeRetentionDays),
    drop_old_relationship_changes: (ctx, isLate, config) =>
      dropOldRelationshipChanges(ctx, config.changeRetentionDays, isLate),
  },
};

/** Runs the jobs of a cron expression. A failing job is recorded and does not keep the others from running. */
export async function runCron(cron: string, scheduledAt: Date, bindings: Bindings): Promise<void> {
  const config = await configOf(bindings);
  const jobs = schedule[cron];
  if (!jobs) {
    throw new Error(`There is no job for the cron expression "${cron}"`);
  }
  const deadline = Date.now() + budgetMs;
  const runs = Object.entries(jobs).map(async ([name, job]) => {
    const ctx: Ctx = {
      db: connect(config.jobsDatabaseUrl, { endpoint: config.databaseEndpoint }),
      actor: { kind: "system", label: `system:${name}` },
      now: scheduledAt,
      requestId: crypto.randomUUID(),
      cursorKey: config.cursorKey,
      ports: config.ports,
    };
    const report = await lifecycle.recorded(
      ctx,
      name,
      () => new Date(),
      () => job(ctx, () => Date.now() > deadline, config),
    );
    if (report !== undefined) {
      logEvent("info", { event: "job", job: name, ...report });
    }
  });
  const failures = (await Promise.allSettled(runs)).filter((run) => run.status === "rejected");
  if (failures.length > 0) {
    throw new AggregateError(
      failures.map((failure) => failure.reason),
      `${failures.length} of the jobs of "${cron}" failed`,
    );
  }
}
