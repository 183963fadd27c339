/** What one batch did; `finished` when nothing was left for another. */
export interface Batch {
  readonly done: number;
  readonly finished: boolean;
  /** Another run is at it, so this one gives way. */
  readonly skipped?: boolean;
}

/**
 * Runs a step, each time a transaction of its own, until nothing is left for it, another run is at it, or it is late. Answers what
 * all of them did, and whether nothing was left.
 */
export async function runBatches(
  isLate: () => boolean,
  step: () => Promise<Batch>,
): Promise<{ done: number; finished: boolean }> {
  let done = 0;
  while (!isLate()) {
    // The next batch looks for what this one has left.
    // oxlint-disable-next-line no-await-in-loop -- see above
    const batch = await step();
    done += batch.done;
    if (batch.finished || batch.skipped) {
      return { done, finished: batch.finished };
    }
  }
  return { done, finished: false };
}
