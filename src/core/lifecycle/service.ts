import { type Batch, runBatches } from "../batches.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import * as repository from "./repository.ts";

/** Items one statement turns; small enough to hold its locks for a fraction of a second. */
const batchSize = 2000;
/** A source that would lose more than this share of its items, and at least ten of them, keeps them until someone looks. */
const maxPurgeShare = 0.2;
const minHeldPurge = 10;

export interface SweepReport extends Record<string, unknown> {
  readonly deactivated: number;
  readonly archived: number;
  readonly purged: number;
  /** Sources whose removal is held; source 0 stands for items without one. */
  readonly held: readonly { readonly source_id: number; readonly due: number; readonly total: number }[];
  /** False when the time was used up first; the next run goes on where this one stopped. */
  readonly finished: boolean;
}

/**
 * Turns what was not seen for its threshold, or by deleted sources only, inactive, archives what has been inactive for its own, and removes what has
 * been archived for its retention. Works in batches until nothing is due or it is late; safe to run twice at once and to
 * break off anywhere.
 */
export async function sweepLifecycle(ctx: Ctx, isLate: () => boolean): Promise<SweepReport> {
  const context = writeContext(ctx);
  const unseen = await runBatches(isLate, () => turnRecords(ctx, repository.sweepUnseen(context, batchSize)));
  const left = await runBatches(isLate, () => turnRecords(ctx, repository.ageDeletedSources(context, batchSize)));
  const inactive = await runBatches(isLate, () => turnItems(ctx, repository.sweepInactive(context, batchSize)));
  const forecast = await run<{ source_id: number; due: number; total: number }>(ctx, repository.forecastPurge(ctx.now));
  const held = forecast.filter(({ due, total }) => due >= minHeldPurge && due > total * maxPurgeShare);
  const sources = forecast.filter((entry) => !held.includes(entry)).map((entry) => entry.source_id);
  const purged = await runBatches(
    () => sources.length === 0 || isLate(),
    () => turnItems(ctx, repository.purgeArchived(context, batchSize, sources)),
  );
  return {
    deactivated: unseen.done + left.done,
    archived: inactive.done,
    purged: purged.done,
    held,
    finished: !isLate(),
  };
}

/** Adds up the deltas of the item counts. Answers how many rows went away. */
export async function foldItemCounts(ctx: Ctx): Promise<{ rows: number }> {
  return runOne<{ rows: number }>(ctx, repository.foldItemCounts());
}

/** Makes the change log's partitions a year ahead. */
export async function ensurePartitions(ctx: Ctx): Promise<{ made: number }> {
  return runOne<{ made: number }>(ctx, repository.ensurePartitions(ctx.now));
}

/**
 * Runs a job and records when by `clock` and how it ended; a failure is recorded and thrown again. A run that answers undefined had
 * nothing to do and leaves no record.
 */
export async function recorded<Report extends Record<string, unknown> | undefined>(
  ctx: Ctx,
  job: string,
  clock: () => Date,
  work: () => Promise<Report>,
): Promise<Report> {
  const started = clock();
  try {
    const report = await work();
    if (report !== undefined) {
      await run(ctx, repository.recordRun(job, started, clock(), "succeeded", JSON.stringify(report)));
    }
    return report;
  } catch (error) {
    const details = JSON.stringify({ error: error instanceof Error ? error.message : "unknown failure" });
    const record = repository.recordRun(job, started, clock(), "failed", details);
    await run(ctx, record).catch((second: unknown) => {
      throw new AggregateError([error, second], `The job ${job} failed, and so did recording it`, { cause: error });
    });
    throw error;
  }
}

async function turnRecords(ctx: Ctx, statement: Parameters<typeof runOne>[1]): Promise<Batch> {
  const { records, items } = await runOne<{ records: number; items: number }>(ctx, statement);
  return { done: items, finished: records < batchSize };
}

async function turnItems(ctx: Ctx, statement: Parameters<typeof runOne>[1]): Promise<Batch> {
  const { items } = await runOne<{ items: number }>(ctx, statement);
  return { done: items, finished: items < batchSize };
}
