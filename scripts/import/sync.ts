import { readDetail } from "./answer.ts";
import { isObject } from "./json-text.ts";
import type { SyncOptions } from "./options.ts";
import { type Answer, refusal, type RepeatableRequest, requestUntilAnswered, SendError } from "./request.ts";
import { bulkRequest, type SendOptions } from "./send.ts";

/** An open sync of the source that the import reports for. */
export interface ImportSync {
  /** The query of its bulks. */
  readonly origin: string;
  readonly path: string;
}

/** What became of a sync; `counts` is null where it was given up. */
export interface SyncEnding {
  readonly status: "committed" | "held" | "given up";
  readonly counts: Readonly<Record<string, number>> | null;
  readonly detail: string | null;
}

/** Opens a sync. An empty bulk tells the id of the source, and makes it on first use. Throws SendError. */
export async function openSync(options: SendOptions): Promise<ImportSync> {
  const named = await expectObject(bulkRequest([], options.origin), 200, options);
  const path = `/api/v1/sources/${String(named.source_id)}/syncs`;
  const { id } = await expectObject({ method: "POST", path }, 201, options);
  if (typeof id !== "string") throw new SendError(`${options.target.url} opened a sync without an id`);
  return { origin: `sync_id=${encodeURIComponent(id)}`, path: `${path}/${encodeURIComponent(id)}` };
}

/** Commits a sync: what it did not see goes inactive, or the fuse holds and nothing does. Throws SendError. */
export async function commitSync(sync: ImportSync, how: SyncOptions, options: SendOptions): Promise<SyncEnding> {
  const body = JSON.stringify({ max_drop_percent: how.maxDropPercent, force: how.force });
  const request = { method: "POST", path: `${sync.path}/commit`, contentType: "application/json", body } as const;
  const answer = await requestUntilAnswered(request, options);
  const counts = readCounts(answer.text);
  if (answer.status === 200 && counts !== null) return { status: "committed", counts, detail: null };
  if (answer.status === 409 && counts !== null) return { status: "held", counts, detail: readDetail(answer.text) };
  throw refusal(answer, options.target);
}

/** Gives a sync up, so that nothing goes inactive for what was not sent. Throws SendError. */
export async function giveUpSync(sync: ImportSync, options: SendOptions): Promise<SyncEnding> {
  await expectObject({ method: "DELETE", path: sync.path }, 200, options);
  return {
    status: "given up",
    counts: null,
    detail: "not everything was sent, so nothing that is missing went inactive",
  };
}

async function expectObject(
  request: RepeatableRequest,
  status: number,
  options: SendOptions,
): Promise<Record<string, unknown>> {
  const answer: Answer = await requestUntilAnswered(request, options);
  const body = parse(answer.text);
  if (answer.status !== status || body === null) throw refusal(answer, options.target);
  return body;
}

function readCounts(text: string): Record<string, number> | null {
  const counts = parse(text)?.counts;
  if (!isObject(counts)) return null;
  return Object.fromEntries(
    Object.entries(counts).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : null;
  } catch {
    return null; // what is not JSON is shown as it is by whoever asked
  }
}
