import { maxItemBytes, toBulks } from "./bulks.ts";
import type { ImportFormat, Item, Reject } from "./format.ts";
import type { Input } from "./inputs.ts";
import type { Tally } from "./tally.ts";

export interface ImportRun {
  readonly inputs: readonly Input[];
  readonly format: ImportFormat;
  readonly concurrency: number;
  readonly tally: Tally;
  /** Aborted to end the import early: no more is read, bulks under way are finished. */
  readonly stop: AbortController;
  readonly send: (items: readonly Item[]) => Promise<void>;
  readonly onProgress: () => void;
}

/**
 * Reads the inputs and sends them in bulks, reading on while bulks are under way. Returns when all that was sent is answered, also after an
 * interruption; throws the SendError that ended the import, after the other bulks under way are answered.
 */
export async function runImport(run: ImportRun): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: Error[] = [];

  async function send(items: readonly Item[]): Promise<void> {
    try {
      await run.send(items);
    } catch (error) {
      if (!isAbort(error, run.stop.signal)) failures.push(error instanceof Error ? error : new Error(String(error)));
      run.stop.abort();
    }
  }

  try {
    for await (const items of toBulks(readItems(run), () => run.tally.duplicates++)) {
      while (underWay.size >= run.concurrency) await Promise.race(underWay);
      if (run.stop.signal.aborted) break;
      const sending: Promise<void> = send(items).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
  } finally {
    await Promise.all(underWay);
  }
  const [failure] = failures;
  if (failure !== undefined) throw failure;
}

async function* readItems({ inputs, format, tally, stop, onProgress }: ImportRun): AsyncGenerator<Item> {
  for (const input of inputs) {
    if (stop.signal.aborted) return;
    tally.files++;
    try {
      for await (const reading of format.read(input.open(stop.signal), input.label)) {
        onProgress();
        if ("reject" in reading) tally.addReject(reading.reject);
        else {
          tally.addSeen(reading.item);
          if (reading.item.bytes <= maxItemBytes) yield reading.item;
          else tally.addReject(tooLarge(reading.item));
        }
      }
    } catch (error) {
      if (isAbort(error, stop.signal)) return;
      if (!isReadError(error)) throw error;
      tally.addReject({ file: input.label, place: null, reason: `cannot be read: ${error.code}` });
    }
  }
}

function tooLarge({ file, place, ciType, namespace, name }: Item): Reject {
  return { file, place, reason: `larger than ${maxItemBytes / 1024 / 1024} MiB`, item: { ciType, namespace, name } };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error instanceof Error && error.name === "AbortError";
}

function isReadError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
