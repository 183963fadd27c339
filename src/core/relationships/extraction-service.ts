import { runBatches } from "../batches.ts";
import { type Ctx, runOne, writeContext } from "../context.ts";
import { relateItems as relateBatch } from "./extraction-repository.ts";

/** Items that one statement reads; their sources' writers wait for it. */
const batchSize = 1000;

/**
 * Takes the relationships from the documents of items that were there before the present declarations of their types. What comes
 * later is related as it is written. Works in batches and goes on where it stopped; safe to run twice at once.
 */
export async function relateItems(ctx: Ctx, isLate: () => boolean): Promise<{ items: number; finished: boolean }> {
  const context = writeContext(ctx);
  const { done: items, finished } = await runBatches(isLate, async () => {
    const batch = await runOne<{ items: number; finished: boolean }>(ctx, relateBatch(context, batchSize));
    return { done: batch.items, finished: batch.finished };
  });
  return { items, finished };
}
