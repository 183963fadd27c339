import type { Tally } from "./tally.ts";

const refreshMs = 200;

/** One line on a terminal that is rewritten in place; on anything else it stays silent. */
export interface Progress {
  /** Shows the counts, unless it did so a moment ago. */
  readonly show: () => void;
  /** Removes the line. */
  readonly clear: () => void;
}

/** Starts the progress line of an import; it is drawn only when there is something to tell. */
export function startProgress(tally: Tally, output: NodeJS.WriteStream): Progress {
  if (!output.isTTY) return { show: () => {}, clear: () => {} };
  let shownAt = 0;
  function show(): void {
    const now = Date.now();
    if (now - shownAt < refreshMs) return;
    shownAt = now;
    const { created, updated, unchanged } = tally.outcomes;
    const rate = Math.round(tally.answered / Math.max(0.001, (now - tally.startedAt) / 1000));
    const retries = tally.retries > 0 ? `, ${tally.retries} retries` : "";
    const sent = `${tally.answered} sent (${rate}/s)${retries}`;
    const line = `${tally.seen} read, ${sent}: ${created} created, ${updated} updated, ${unchanged} unchanged`;
    output.write(`\r\u001b[K${line.slice(0, output.columns - 1)}`);
  }
  return { show, clear: () => void output.write("\r\u001b[K") };
}
