import { closeSync, openSync, writeSync } from "node:fs";
import type { ItemResult } from "./answer.ts";
import type { Item, Reject } from "./format.ts";

const listedRejects = 20;

/** Counts what happens to the items of one import. Of the rejects it holds the first 20; all go to the rejects file, if there is one. */
export class Tally {
  readonly seenByType = new Map<string, number>();
  readonly outcomesByType = new Map<string, Map<string, number>>();
  readonly outcomes: Record<string, number> = { created: 0, updated: 0, unchanged: 0, reactivated: 0, error: 0 };
  readonly firstRejects: Reject[] = [];
  readonly startedAt = Date.now();
  seen = 0;
  duplicates = 0;
  answered = 0;
  bulks = 0;
  retries = 0;
  rejects = 0;
  files = 0;
  skippedFiles = 0;
  #rejectsFile: number | null = null;

  /** Empties or creates the rejects file. Throws when it cannot be written. */
  openRejectsFile(path: string): void {
    this.#rejectsFile = openSync(path, "w");
  }

  closeRejectsFile(): void {
    if (this.#rejectsFile !== null) closeSync(this.#rejectsFile);
    this.#rejectsFile = null;
  }

  addSeen(item: Item): void {
    this.seen++;
    increment(this.seenByType, item.ciType);
  }

  addReject(reject: Reject): void {
    this.rejects++;
    if (this.firstRejects.length < listedRejects) this.firstRejects.push(reject);
    if (this.#rejectsFile !== null) writeSync(this.#rejectsFile, `${JSON.stringify(rejectRecord(reject))}\n`);
  }

  /** Counts the answer to a bulk; an item the server refused is a reject. */
  addResults(items: readonly Item[], results: readonly ItemResult[]): void {
    this.bulks++;
    for (const [index, result] of results.entries()) {
      const item = items[index];
      if (item === undefined) continue;
      this.answered++;
      this.outcomes[result.outcome] = (this.outcomes[result.outcome] ?? 0) + 1;
      const ofType = this.outcomesByType.get(item.ciType) ?? new Map<string, number>();
      this.outcomesByType.set(item.ciType, ofType);
      increment(ofType, result.outcome);
      const { ciType, namespace, name, file, place } = item;
      if (result.error !== null)
        this.addReject({ file, place, reason: result.error, item: { ciType, namespace, name } });
    }
  }
}

/** A reject as it is written for machines. */
export function rejectRecord({ file, place, reason, item }: Reject): Record<string, unknown> {
  const identity = item === undefined ? {} : { ci_type: item.ciType, namespace: item.namespace, name: item.name };
  return { file, ...place, reason, ...identity };
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
