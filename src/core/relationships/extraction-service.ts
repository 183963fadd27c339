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
  let items = 0;
  let finished = false;
  while (!finished && !isLate()) {
    // oxlint-disable-next-line no-await-in-loop -- each batch is a transaction of its own, and the next begins where it ended
    const batch = await runOne<{ items: number; finished: boolean }>(ctx, relateBatch(context, batchSize));
    items += batch.items;
    finished = batch.finished;
  }
  return { items, finished };
}
