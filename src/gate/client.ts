import { createDenials } from "./denials.ts";
import type { AdmitRequest } from "./policies.ts";
import type { Verdict } from "./token-bucket.ts";

/** Whose tokens are taken: an API key, by its id, or an address, by itself or its hash. */
export type Principal = `k:${string}` | `ip:${string}`;

/** The part of the Durable Object namespace that is needed; `env.GATE` fits. */
export interface GateNamespace {
  getByName(name: string): { admit(request: AdmitRequest): Promise<Verdict> };
}

/** `enforce: false` asks and counts, but refuses nobody: neither when the bucket is spent nor when the gate is away. */
export interface AdmitOptions {
  enforce: boolean;
  deadlineMs?: number;
}

/** `unavailable`: the gate failed or did not answer in time, and the caller decides what may pass; `cause` says why. */
export type Admission =
  | { outcome: "admitted"; verdict?: Verdict }
  | { outcome: "refused"; verdict: Verdict }
  | { outcome: "unavailable"; cause: unknown };

const defaultDeadlineMs = 150;

/** Shared by the requests of an isolate: a flood that has been refused once does not reach the object again. */
const denials = createDenials();

/**
 * Asks the principal's gate for `request.cost` tokens. Never throws, and answers within the deadline (150 ms unless
 * given): a failure the platform calls retryable is tried once more within it, an overloaded object never.
 */
export async function admit(
  gate: GateNamespace,
  principal: Principal,
  request: AdmitRequest,
  options: AdmitOptions,
): Promise<Admission> {
  const bucket = `${principal} ${request.class}`;
  const isUnitCost = request.cost === 1;
  const denied = options.enforce && isUnitCost ? denials.recall(bucket, request.limit, Date.now()) : undefined;
  if (denied) {
    return { outcome: "refused", verdict: denied };
  }
  try {
    const verdict = await withDeadline(ask(gate, principal, request), options.deadlineMs ?? defaultDeadlineMs);
    if (verdict.allowed || !options.enforce) {
      return { outcome: "admitted", verdict };
    }
    if (isUnitCost) {
      denials.remember(bucket, request.limit, verdict, Date.now());
    }
    return { outcome: "refused", verdict };
  } catch (cause) {
    return options.enforce ? { outcome: "unavailable", cause } : { outcome: "admitted" };
  }
}

/**
 * The refusal that this isolate has seen and that still holds for requests of cost 1, without asking the gate: for work
 * that should not even begin for a principal that is refused anyway.
 */
export function knownRefusal(principal: Principal, request: AdmitRequest): Admission | undefined {
  const verdict = denials.recall(`${principal} ${request.class}`, request.limit, Date.now());
  return verdict && { outcome: "refused", verdict };
}

/**
 * The X-RateLimit headers (Reset in epoch seconds, rounded up), with Retry-After in whole seconds, at least 1, on a
 * refusal. None when the gate gave no verdict.
 */
export function rateLimitHeaders(admission: Admission): Record<string, string> {
  if (admission.outcome === "unavailable" || !admission.verdict) {
    return {};
  }
  const { limit, remaining, resetAt, retryAfterMs } = admission.verdict;
  const headers: Record<string, string> = {
    "X-RateLimit-Limit": String(limit),
    "X-RateLimit-Remaining": String(remaining),
    "X-RateLimit-Reset": String(Math.ceil(resetAt / 1000)),
  };
  if (admission.outcome === "refused") {
    headers["Retry-After"] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  }
  return headers;
}

async function ask(gate: GateNamespace, principal: Principal, request: AdmitRequest): Promise<Verdict> {
  try {
    return await gate.getByName(principal).admit(request);
  } catch (error) {
    if (!isRetryable(error)) {
      throw error;
    }
    // A stub that has failed stays broken, so the second call takes a new one.
    return gate.getByName(principal).admit(request);
  }
}

function isRetryable(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  const isOverloaded = "overloaded" in error && error.overloaded === true;
  return "retryable" in error && error.retryable === true && !isOverloaded;
}

async function withDeadline<T>(answer: Promise<T>, deadlineMs: number): Promise<T> {
  const { promise: expiry, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`The gate did not answer within ${deadlineMs} ms`)), deadlineMs);
  try {
    return await Promise.race([answer, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
