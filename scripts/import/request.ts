import { setTimeout as wait } from "node:timers/promises";
import { readDetail } from "./answer.ts";
import { waitBeforeRetry } from "./retry.ts";
import type { Target } from "./target.ts";

export interface RequestOptions {
  readonly target: Target;
  readonly tries: number;
  readonly maxWaitMs: number;
  /** Aborted when nothing more is to be sent: ends waiting for the next try, never a request under way. */
  readonly stop: AbortSignal;
  readonly onRetry: (reason: string) => void;
}

/** A request that does no harm when it arrives twice. */
export interface RepeatableRequest {
  readonly method: "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly contentType?: "application/json" | "application/x-ndjson";
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

/** Muster did not take what was sent; the message says why and never holds the key. */
export class SendError extends Error {}

const requestTimeoutMs = 120_000;
const busy = new Set([429, 502, 503, 504]);
// Errors of a connection that may well work the next time: one request that did arrive may be sent again.
const passing = new Set(
  "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EAI_AGAIN EHOSTUNREACH ENETUNREACH UND_ERR_SOCKET UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT TimeoutError".split(
    " ",
  ),
);

/**
 * Sends a request with the key and resolves with the answer, trying again while the far side is busy or away, as Retry-After asks. Throws
 * SendError when it gives up, and AbortError when told to stop while waiting.
 */
export async function requestUntilAnswered(request: RepeatableRequest, options: RequestOptions): Promise<Answer> {
  let waited = 0;
  for (let attempt = 1; ; attempt++) {
    const answer = await send(request, options.target);
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

/** The error that an answer stands for which is not the one hoped for. */
export function refusal({ status, text }: Answer, target: Target): SendError {
  if (status >= 300 && status < 400)
    return new SendError(`${target.url} redirects elsewhere (HTTP ${status}): give the final URL`);
  return new SendError(withoutKey(`${target.url} answered HTTP ${status}: ${readDetail(text)}`, target));
}

/** A text that came from outside, safe to show. */
export function withoutKey(text: string, target: Target): string {
  return text.replaceAll(target.key, "[key]");
}

/** Sends once; a string tells why no answer came when trying again may help. */
async function send({ method, path, contentType, body }: RepeatableRequest, target: Target): Promise<Answer | string> {
  try {
    const response = await fetch(`${target.url}${path}`, {
      method,
      headers: {
        "X-API-Key": target.key,
        accept: "application/json",
        ...(contentType === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body }),
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

/** fetch wraps the cause; a host with several addresses wraps one cause per address once more. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  if (error.cause !== undefined) return errorCode(error.cause);
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name === "Error" ? error.message : error.name;
}
