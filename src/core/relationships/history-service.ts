import { dayMs } from "../../lib/time.ts";
import { requirePermission } from "../access.ts";
import { runBatches } from "../batches.ts";
import { type Ctx, runOne } from "../context.ts";
import { type CountMode, openPage, type Page, type PageRequest } from "../page.ts";
import * as repository from "./history-repository.ts";
import type { RelationshipChangeShape } from "./render.ts";
import { closeKnownPage, type KnownPageRow } from "./service.ts";

/** Rows that one statement forgets; small enough to take a fraction of a second. */
const batchSize = 10_000;

/** What became of an item's relationships, newest first, in one statement; also of an item that is gone. Throws `not_found`. */
export async function listRelationshipChanges(
  ctx: Ctx,
  selection: repository.RelationshipHistorySelection,
  page: PageRequest,
  count: CountMode,
  shape: RelationshipChangeShape,
): Promise<Page> {
  requirePermission(ctx.actor, "relationships:read");
  requirePermission(ctx.actor, "changes:read");
  const fingerprint = JSON.stringify(["relationship changes", selection]);
  const window = { ...page, after: await openPage(ctx, fingerprint, page) };
  const statement = repository.selectRelationshipHistory(ctx.actor, selection, window, count, shape);
  return closeKnownPage(ctx, fingerprint, await runOne<KnownPageRow>(ctx, statement), count);
}

/** Forgets what became of relationships more than so many days ago, in batches; safe to run twice at once and to break off. */
export async function dropOldRelationshipChanges(
  ctx: Ctx,
  days: number,
  isLate: () => boolean,
): Promise<{ dropped: number; finished: boolean }> {
  const before = new Date(ctx.now.getTime() - days * dayMs);
  const { done: dropped, finished } = await runBatches(isLate, async () => {
    const batch = await runOne<{ dropped: number }>(ctx, repository.dropOldRelationshipChanges(before, batchSize));
    return { done: batch.dropped, finished: batch.dropped < batchSize };
  });
  return { dropped, finished };
}
