import { setTimeout as pause } from "node:timers/promises";
import type { Variables } from "./bindings.ts";

/** What a Worker is started with. */
export interface WorkerStart {
  readonly variables: Variables;
  readonly port: number;
  readonly dataDir: string;
  readonly closing: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/** A Worker that answers. */
export interface WorkerServer {
  readonly url: string;
  readonly crons: readonly string[];
  /** Resolves when it ends, with how. */
  readonly ended: Promise<string>;
  /** Fires the cron handler and resolves when it is done. Throws when it failed. */
  runCron(cron: string, at: Date, signal: AbortSignal): Promise<void>;
}

const readyDeadlineMs = 60_000;
const pollMs = 50;

/** Resolves once the Worker is healthy. Throws when it ends first, or is not healthy within a minute. */
export async function untilHealthy(url: string, ended: Promise<string>, signal: AbortSignal): Promise<void> {
  let end: string | undefined;
  void ended.then((how) => (end = how));
  const deadline = Date.now() + readyDeadlineMs;
  let answer = "nothing";
  while (Date.now() < deadline) {
    if (end !== undefined) throw new Error(end);
    signal.throwIfAborted();
    answer = await askHealth(url);
    if (answer === "healthy") return;
    await pause(pollMs);
  }
  throw new Error(`the Worker at ${url} is not healthy: it answers ${answer}`);
}

async function askHealth(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(readyDeadlineMs) });
    const text = await response.text();
    return response.ok ? "healthy" : `${response.status} ${text}`;
  } catch (error) {
    if (error instanceof TypeError) return "nothing"; // nobody listens yet
    throw error;
  }
}

/** Throws when the answer to a cron trigger says that the handler failed. */
export async function expectCronDone(response: Response, cron: string): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`the jobs of "${cron}" failed: ${text}`);
}
