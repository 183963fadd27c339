import { toBulks, maxItemBytes } from "../../scripts/import/bulks.ts";
import type { Item, Reject } from "../../scripts/import/format.ts";
import type { RequestOptions } from "../../scripts/import/request.ts";
import { sendBulk } from "../../scripts/import/send.ts";
import type { ConfiguredSource } from "./configuration.ts";
import { commitSync, openSync } from "./muster.ts";
import type { Outcome, Scope } from "./muster.ts";
import { readSource } from "./source-reader.ts";

export interface CollectionOptions {
  readonly source: ConfiguredSource;
  /** What Muster calls it. */
  readonly sourceId: number;
  readonly maxDropPercent: number;
  readonly muster: RequestOptions;
  readonly signal: AbortSignal;
}

/** What went by, and the first example of what did not go well. */
interface Tally {
  sent: number;
  unreadable: number;
  firstUnreadable: string;
  refused: number;
  firstRefused: string;
}

/**
 * Collects a source once. Only when every object was read and taken does Muster learn that this was all: after half a collection, the other half
 * would count as gone. For the same reason a source that yields nothing at all has failed. Throws when it cannot be read or sent.
 */
export async function collect({
  source,
  sourceId,
  maxDropPercent,
  muster,
  signal,
}: CollectionOptions): Promise<Outcome> {
  const tally: Tally = { sent: 0, unreadable: 0, firstUnreadable: "", refused: 0, firstRefused: "" };
  let syncId: string | undefined;
  for await (const items of toBulks(readItems(source, tally, signal), () => undefined)) {
    syncId ??= await openSync(sourceId, source, muster);
    await sendBulk(items, {
      ...muster,
      origin: `sync_id=${syncId}`,
      onResults(part, results) {
        tally.sent += part.length;
        for (const { error } of results) if (error !== null && tally.refused++ === 0) tally.firstRefused = error;
      },
    });
  }
  if (tally.unreadable > 0)
    return unhealthy(
      `${count(tally.unreadable, "object")} could not be read, nothing was retired: ${tally.firstUnreadable}`,
    );
  if (syncId === undefined) return unhealthy("there is no object in the source, nothing was retired");
  if (tally.refused > 0)
    return degraded(
      `Muster refused ${tally.refused} of ${count(tally.sent, "object")}, nothing was retired: ${tally.firstRefused}`,
    );
  const { held, detail } = await commitSync(sourceId, syncId, maxDropPercent, muster);
  const seen = `${count(tally.sent, "object")} seen`;
  // Whoever looks at it may commit this sync with force.
  if (held) return degraded(`${seen}, nothing was retired: ${detail} (sync ${syncId})`);
  return { status: "healthy", message: `${seen}, ${detail}` };
}

async function* readItems(source: ConfiguredSource, tally: Tally, signal: AbortSignal): AsyncGenerator<Item> {
  for await (const reading of readSource(source.input, signal)) {
    if ("reject" in reading) {
      if (tally.unreadable++ === 0) tally.firstUnreadable = describe(reading.reject);
    } else if (reading.item.bytes > maxItemBytes) {
      if (tally.unreadable++ === 0) tally.firstUnreadable = `${reading.item.name} is larger than Muster takes`;
    } else if (isWithin(source, reading.item)) yield reading.item;
  }
}

function isWithin({ types, namespaces }: Scope, { ciType, namespace }: Item): boolean {
  return (types === null || types.includes(ciType)) && (namespaces === null || namespaces.includes(namespace));
}

function describe({ file, place, reason }: Reject): string {
  return place === null ? `${file}: ${reason}` : `${file}, line ${place.line}: ${reason}`;
}

function unhealthy(message: string): Outcome {
  return { status: "unhealthy", message };
}

function degraded(message: string): Outcome {
  return { status: "degraded", message };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
