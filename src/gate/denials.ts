import type { RateLimit } from "./policies.ts";
import type { Verdict } from "./token-bucket.ts";

interface Denial {
  limit: RateLimit;
  verdict: Verdict;
  retryAt: number;
  askAgainAt: number;
}

/** Refusals that this isolate has seen and that still hold. */
export interface Denials {
  /** The refusal in force for a bucket under this limit, its wait counted from `now` (epoch ms), or nothing. */
  recall(bucket: string, limit: RateLimit, now: number): Verdict | undefined;
  /** Keeps a refusal of a request of cost 1, which is exact: a token cannot come back sooner than the verdict says. */
  remember(bucket: string, limit: RateLimit, verdict: Verdict, now: number): void;
}

/** Holds the latest `capacity` refusals for `maxAgeMs` at most, so that a raised limit is noticed that soon. */
export function createDenials(capacity = 10_000, maxAgeMs = 5000): Denials {
  const denials = new Map<string, Denial>();
  return { recall, remember };

  function recall(bucket: string, limit: RateLimit, now: number): Verdict | undefined {
    const denial = denials.get(bucket);
    if (!denial) {
      return undefined;
    }
    const hasChanged = denial.limit.perMinute !== limit.perMinute || denial.limit.burst !== limit.burst;
    if (hasChanged || now >= denial.askAgainAt) {
      denials.delete(bucket);
      return undefined;
    }
    return { ...denial.verdict, retryAfterMs: denial.retryAt - now };
  }

  function remember(bucket: string, limit: RateLimit, verdict: Verdict, now: number): void {
    const retryAt = now + verdict.retryAfterMs;
    // Deleting first moves the entry to the end, so the map's first key is always the oldest.
    denials.delete(bucket);
    denials.set(bucket, { limit, verdict, retryAt, askAgainAt: Math.min(retryAt, now + maxAgeMs) });
    const oldest = denials.keys().next();
    if (denials.size > capacity && !oldest.done) {
      denials.delete(oldest.value);
    }
  }
}
