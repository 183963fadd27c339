import { readDetail, readResults } from "./answer.ts";
import type { ItemResult } from "./answer.ts";
import type { Item } from "./format.ts";
import { refusal, requestUntilAnswered, SendError, withoutKey } from "./request.ts";
import type { Answer, RepeatableRequest, RequestOptions } from "./request.ts";
import type { Target } from "./target.ts";

export interface SendOptions extends RequestOptions {
  /** Who reports, as the query of a bulk says it: `source=prod`. */
  readonly origin: string;
  /** Told of each bulk, or part of one, that was answered: one result per item, in order. */
  readonly onResults: (items: readonly Item[], results: readonly ItemResult[]) => void;
}

/**
 * Sends one bulk and reports a result per item. Tries again while the far side is busy or away, and halves a bulk that is too large for it.
 * Throws SendError when it gives up or is refused, and AbortError when told to stop while waiting.
 */
export async function sendBulk(items: readonly Item[], options: SendOptions): Promise<void> {
  const answer = await requestUntilAnswered(bulkRequest(items, options.origin), options);
  if (answer.status === 413 && items.length > 1) {
    const middle = Math.ceil(items.length / 2);
    await sendBulk(items.slice(0, middle), options);
    await sendBulk(items.slice(middle), options);
  } else options.onResults(items, resultsOf(answer, items.length, options.target));
}

function resultsOf(answer: Answer, count: number, target: Target): ItemResult[] {
  if (answer.status === 413)
    return [{ outcome: "error", error: `too large for the server: ${readDetail(answer.text)}` }];
  if (answer.status !== 200) throw refusal(answer, target);
  try {
    return readResults(answer.text, count);
  } catch (error) {
    throw new SendError(withoutKey(error instanceof Error ? error.message : String(error), target));
  }
}

/** A bulk of these items; an empty one only makes sure of its source. */
export function bulkRequest(items: readonly Item[], origin: string): RepeatableRequest {
  const body = items.map(({ line }) => `${line}\n`).join("");
  const path = `/api/v1/configuration-items/bulk?${origin}`;
  return { method: "POST", path, contentType: "application/x-ndjson", body };
}
