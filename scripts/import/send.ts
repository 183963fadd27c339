import { setTimeout as wait } from "node:timers/promises";
import { readDetail, readResults } from "./answer.ts";
import type { ItemResult } from "./answer.ts";
import type { Item } from "./format.ts";
import { waitBeforeRetry } from "./retry.ts";
import type { Target } from "./target.ts";

export interface SendOptions {
  readonly target: Target;
  readonly source: string;
  readonly tries: number;
  readonly maxWaitMs: number;
  /** Aborted when nothing more is to be sent: ends waiting for the next try, never a request under way. */
  readonly stop: AbortSignal;
  readonly onRetry: (reason: string) => void;
  /** Told of each bulk, or part of one, that was answered: one result per item, in order. */
  readonly onResults: (items: readonly Item[], results: readonly ItemResult[]) => void;
}

/** The import cannot go on; the message says why and never holds the key. */
export class SendError extends Error {}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

const requestTimeoutMs = 120_000;
const busy = new Set([429, 502, 503, 504]);
// Errors of a connection that may well work the next time: a bulk is idempotent, so one that did arrive may be sent again.
const passing = new Set(
  "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EAI_AGAIN EHOSTUNREACH ENETUNREACH UND_ERR_SOCKET UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT TimeoutError".split(
    " ",
  ),
);

/**
 * Sends one bulk and reports a result per item. Tries again while the far side is busy or away, and halves a bulk that is too large for it.
 * Throws SendError when it gives up or is refused, and AbortError when told to stop while waiting.
 */
export async function sendBulk(items: readonly Item[], options: SendOptions): Promise<void> {
  const answer = await postUntilAnswered(items, options);
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

async function postUntilAnswered(items: readonly Item[], options: SendOptions): Promise<Answer> {
  const body = items.map(({ line }) => `${line}\n`).join("");
  let waited = 0;
  for (let attempt = 1; ; attempt++) {
    const answer = await post(body, options);
    if (typeof answer !== "string" && !busy.has(answer.status)) return answer;
    const reason = typeof answer === "string" ? answer : `HTTP ${answer.status}: ${readDetail(answer.text)}`;
    const retryAfter = typeof answer === "string" ? null : answer.retryAfter;
    const pause = waitBeforeRetry(attempt, retryAfter, Date.now(), Math.random());
    waited += pause;
    if (attempt >= options.tries || waited > options.maxWaitMs) {
      const asked = retryAfter === null ? "" : ` (Retry-After: ${retryAfter})`;
      throw new SendError(
        withoutKey(`gave up after ${attempt} ${attempt === 1 ? "try" : "tries"}: ${reason}${asked}`, options.target),
      );
    }
    options.onRetry(withoutKey(reason, options.target));
    await wait(pause, undefined, { signal: options.stop });
  }
}

/** Posts once; a string tells why no answer came when trying again may help. */
async function post(body: string, { target, source }: SendOptions): Promise<Answer | string> {
  try {
    const response = await fetch(`${target.url}/api/v1/configuration-items/bulk?source=${encodeURIComponent(source)}`, {
      method: "POST",
      headers: { "X-API-Key": target.key, "content-type": "application/x-ndjson", accept: "application/json" },
      body,
      // A redirect would take the key elsewhere and turn the request into a GET.
      redirect: "manual",
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), text: await response.text() };
  } catch (error) {
    const code = errorCode(error);
    const reason = `cannot reach ${target.url}: ${code}`;
    if (passing.has(code)) return reason;
    throw new SendError(reason);
  }
}

function refusal({ status, text }: Answer, target: Target): SendError {
  if (status >= 300 && status < 400)
    return new SendError(`${target.url} redirects elsewhere (HTTP ${status}): give the final URL`);
  return new SendError(withoutKey(`${target.url} answered HTTP ${status}: ${readDetail(text)}`, target));
}

/** fetch wraps the cause; a host with several addresses wraps one cause per address once more. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  if (error.cause !== undefined) return errorCode(error.cause);
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name === "Error" ? error.message : error.name;
}

function withoutKey(text: string, target: Target): string {
  return text.replaceAll(target.key, "[key]");
}
