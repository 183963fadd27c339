import { mayHoldBadCharacters, storageProblem } from "./json.ts";
import { problemWithUrl } from "./outbound-url.ts";

/** A call to a URL that a user gave. */
export interface OutboundCall {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  /** Milliseconds for the whole call, body included. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/**
 * What became of a call; `problem` is for the caller to read, and says nothing of the inside. The body is undefined when there
 * was none, and when an error's was not JSON.
 */
export type OutboundAnswer =
  | { readonly outcome: "answered"; readonly status: number; readonly body: unknown }
  | { readonly outcome: "refused" | "unreachable" | "timed_out" | "malformed"; readonly problem: string };

/** The way out to URLs that users gave: guarded against calls to the inside. Never throws. */
export interface Outbound {
  /** Why a URL cannot be called, seen without a network; undefined when it can. */
  problemWith(url: string): string | undefined;
  /** Calls it: no redirect is followed, the answer must be JSON of at most 256 KiB. */
  call(call: OutboundCall): Promise<OutboundAnswer>;
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

const maxBodyBytes = 256 * 1024;
const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** A way out that lets calls to the listed origins pass whatever their address is; see originPattern. */
export function createOutbound(
  allowedOrigins: readonly string[],
  send: Send = (url, init) => fetch(url, init),
): Outbound {
  return {
    problemWith: (url) => problemWithUrl(url, allowedOrigins),
    async call(call) {
      const problem = problemWithUrl(call.url, allowedOrigins);
      return problem === undefined ? callWithin(call, send) : { outcome: "refused", problem };
    },
  };
}

async function callWithin(call: OutboundCall, send: Send): Promise<OutboundAnswer> {
  const deadline = AbortSignal.timeout(call.deadlineMs);
  const signal = call.signal ? AbortSignal.any([deadline, call.signal]) : deadline;
  // The deadline holds even where a signal goes unheard.
  const { promise: late, resolve } = Promise.withResolvers<OutboundAnswer>();
  function giveUp(): void {
    resolve({ outcome: "timed_out", problem: lateness(call, deadline) });
  }
  signal.addEventListener("abort", giveUp);
  try {
    if (signal.aborted) {
      giveUp();
      return await late;
    }
    return await Promise.race([answerOf(call, send, signal), late]);
  } catch {
    return signal.aborted
      ? await late
      : {
          outcome: "unreachable",
          problem: "It cannot be reached, or the connection broke before the whole answer came",
        };
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function lateness(call: OutboundCall, deadline: AbortSignal): string {
  return deadline.aborted
    ? `It did not answer within ${call.deadlineMs / 1000} s`
    : "It had not answered when the call was given up";
}

async function answerOf(call: OutboundCall, send: Send, signal: AbortSignal): Promise<OutboundAnswer> {
  const { method, url, body } = call;
  const response = await send(url, {
    method,
    redirect: "manual",
    signal,
    headers: {
      Accept: "application/json",
      "User-Agent": "Muster",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...call.headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const { status } = response;
  if (status >= 300 && status < 400) {
    await drop(response);
    return {
      outcome: "refused",
      problem: `It answered with a redirect (${status}), and none is followed; give the URL that it leads to`,
    };
  }
  const content = await readJson(response);
  if ("problem" in content && response.ok) {
    return { outcome: "malformed", problem: content.problem };
  }
  return { outcome: "answered", status, body: "problem" in content ? undefined : content.body };
}

async function readJson(response: Response): Promise<{ body: unknown } | { problem: string }> {
  const bytes = await readBytes(response);
  if (bytes === undefined) {
    return { problem: `Its answer is larger than ${maxBodyBytes / 1024} KiB` };
  }
  if (bytes.length === 0) {
    return { body: undefined };
  }
  if (!jsonType.test(response.headers.get("Content-Type") ?? "")) {
    return { problem: "Its answer is not JSON: the content type must be application/json" };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    const body: unknown = JSON.parse(text);
    const problem = storageProblem(body, mayHoldBadCharacters(text));
    return problem === undefined ? { body } : { problem: `Its answer cannot be used: ${problem}` };
  } catch {
    return { problem: "Its answer is not JSON, though its content type says so" };
  }
}

/** The body; undefined, and the rest left unread, when it is too large. */
async function readBytes(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the stream.
    if (size > maxBodyBytes) {
      return undefined;
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

// A connection that fails while it is closed has no more to say.
async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
