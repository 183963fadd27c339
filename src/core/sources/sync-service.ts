import { dayMs } from "../../lib/time.ts";
import { requirePermission } from "../access.ts";
import { runBatches } from "../batches.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import * as repository from "./sync-repository.ts";

/** What a sync is about; null for all. A null among the namespaces stands for items without one. */
export interface SyncScope {
  readonly types: readonly string[] | null;
  readonly namespaces: readonly (string | null)[] | null;
}

export interface CommitOptions {
  /** The share of the records in scope, in percent, that may be unseen; fewer than ten may always be. */
  readonly maxDropPercent: number;
  /** Commits whatever the share is. */
  readonly force: boolean;
  /** Changes nothing. */
  readonly dryRun: boolean;
}

interface SyncCounts {
  /** Live records of the source in the scope, by whether this sync saw them. */
  readonly seen: number;
  readonly unseen: number;
  /** Items, of those that it did not see. */
  readonly deactivated: number;
  readonly kept_by_other_sources: number;
}

interface Committed {
  readonly verdict: "committed";
  readonly committed_at: string;
  /** The fuse would have held it. */
  readonly forced: boolean;
  readonly counts: SyncCounts;
}

interface Uncommitted<Verdict extends "open" | "held"> {
  readonly verdict: Verdict;
  readonly would_trip_fuse: boolean;
  /** The first 1,000 of the items that would go inactive; none where it is held. */
  readonly items: readonly SyncItem[];
  readonly counts: SyncCounts;
}

interface SyncItem {
  readonly ci_id: string;
  readonly ci_type: string;
  readonly namespace: string | null;
  readonly name: string;
}

export type SyncEnding = Committed | Uncommitted<"open">;

const forgottenAfterDays = 90;
const forgetBatch = 10_000;

/** Opens a full collection of a source. Throws `not_found` when there is no such source. */
export async function openSync(
  ctx: Ctx,
  sourceId: number,
  scope: SyncScope,
  idleSeconds: number,
): Promise<{ id: string; sync: string }> {
  requirePermission(ctx.actor, "sources:report");
  const text = JSON.stringify({ types: distinct(scope.types), namespaces: distinct(scope.namespaces) });
  return runOne(ctx, repository.openSync(writeContext(ctx), sourceId, text, idleSeconds, ctx.now));
}

/** Lists the syncs of a source, newest first, exact total included. Throws `not_found` and `bad_request` for a foreign cursor. */
export async function listSyncs(ctx: Ctx, sourceId: number, request: PageRequest): Promise<Page> {
  requirePermission(ctx.actor, "sources:read");
  const fingerprint = JSON.stringify(["syncs", sourceId]);
  const after = await openPage(ctx, fingerprint, request);
  const { offset, limit } = request;
  const [row] = await run<PageRow>(ctx, repository.selectSyncPage(sourceId, { offset, limit, after }, ctx.now));
  if (!row) {
    throw new DomainError("not_found", "Source not found");
  }
  return closePage(ctx, fingerprint, row, "exact");
}

/** One sync as JSON text. Throws `not_found`. */
export async function getSync(ctx: Ctx, sourceId: number, syncId: string): Promise<string> {
  requirePermission(ctx.actor, "sources:read");
  const [row] = await run<{ sync: string }>(ctx, repository.selectSync(sourceId, syncId, ctx.now));
  if (!row) {
    throw new DomainError("not_found", "Sync not found");
  }
  return row.sync;
}

/** Gives a sync up: it takes no more bulks, and nothing goes inactive for it. Throws `not_found`, `conflict` once it is committed. */
export async function cancelSync(ctx: Ctx, sourceId: number, syncId: string): Promise<string> {
  requirePermission(ctx.actor, "sources:report");
  const statement = repository.cancelSync(writeContext(ctx), sourceId, syncId, ctx.now);
  return (await runOne<{ sync: string }>(ctx, statement)).sync;
}

/**
 * Ends a sync in one transaction: what it did not see ages, and what no source sees any more goes inactive. A sync that is
 * committed answers the same again. Throws `not_found`, and `conflict` for one that has ended otherwise or that the fuse
 * holds; that one stays open, and the error's details have the counts.
 */
export async function commitSync(
  ctx: Ctx,
  sourceId: number,
  syncId: string,
  options: CommitOptions,
): Promise<SyncEnding> {
  requirePermission(ctx.actor, "sources:report");
  const { maxDropPercent, force, dryRun } = options;
  const text = JSON.stringify({ max_drop_percent: maxDropPercent, force, dry_run: dryRun });
  const statement = repository.commitSync(writeContext(ctx), sourceId, syncId, text);
  const { ending } = await runOne<{ ending: SyncEnding | Uncommitted<"held"> }>(ctx, statement);
  if (ending.verdict === "held") {
    const { seen, unseen, deactivated } = ending.counts;
    throw new DomainError(
      "conflict",
      `The sync did not see ${unseen} of ${seen + unseen} records (${deactivated} items would go inactive), more than ` +
        `max_drop_percent (${maxDropPercent}) allows. Nothing was changed and the sync is still open: send what is missing, or commit with force`,
      { details: { counts: ending.counts } },
    );
  }
  return ending;
}

/** Forgets syncs that expired more than 90 days ago, in batches, until none is left or it is late. */
export async function forgetSyncs(ctx: Ctx, isLate: () => boolean): Promise<{ syncs: number; finished: boolean }> {
  const before = new Date(ctx.now.getTime() - forgottenAfterDays * dayMs);
  const { done: syncs, finished } = await runBatches(isLate, async () => {
    const batch = await runOne<{ syncs: number }>(ctx, repository.forgetSyncs(before, forgetBatch));
    return { done: batch.syncs, finished: batch.syncs < forgetBatch };
  });
  return { syncs, finished };
}

function distinct<Value>(values: readonly Value[] | null): Value[] | null {
  return values && [...new Set(values)];
}
