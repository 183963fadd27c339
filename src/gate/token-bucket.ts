import type { RateLimit } from "./policies.ts";

/**
 * Credit is counted in 1/60000 of a token: a millisecond then earns exactly `perMinute` units, so all arithmetic is
 * in whole numbers and a client that waits as long as it was told is never refused by a rounding error.
 */
const unitsPerToken = 60_000;

/** The state of a bucket: its credit at an instant, and when it will be full again if nobody takes from it. */
export interface Bucket {
  credit: number;
  at: number;
  fullAt: number;
}

/** The answer to one request. Times are epoch milliseconds, waits are milliseconds. */
export interface Verdict {
  allowed: boolean;
  /** Tokens per minute, as configured. */
  limit: number;
  /** Whole tokens left. */
  remaining: number;
  /** When the bucket is full again. */
  resetAt: number;
  /** 0 when allowed; otherwise the wait after which the same request passes if nobody else takes from the bucket. */
  retryAfterMs: number;
}

/**
 * Takes `cost` tokens if the bucket holds them, and nothing otherwise. A missing bucket counts as full. A cost above the
 * burst asks for a full bucket, so that a heavy request can always pass in the end.
 */
export function take(
  stored: Bucket | undefined,
  limit: RateLimit,
  cost: number,
  now: number,
): { bucket: Bucket; verdict: Verdict } {
  const { credit, at } = refill(stored, limit, now);
  const price = Math.min(cost, limit.burst) * unitsPerToken;
  const allowed = credit >= price;
  const left = allowed ? credit - price : credit;
  const fullAt = at + msToEarn(limit.burst * unitsPerToken - left, limit);
  return {
    bucket: { credit: left, at, fullAt },
    verdict: {
      allowed,
      limit: limit.perMinute,
      remaining: Math.floor(left / unitsPerToken),
      resetAt: fullAt,
      retryAfterMs: allowed ? 0 : at - now + msToEarn(price - credit, limit),
    },
  };
}

/** Whether less than one token was left at the bucket's instant, so that losing the state would hand out new ones. */
export function isSpent(bucket: Bucket): boolean {
  return bucket.credit < unitsPerToken;
}

function refill(stored: Bucket | undefined, limit: RateLimit, now: number): { credit: number; at: number } {
  const capacity = limit.burst * unitsPerToken;
  if (!stored) {
    return { credit: capacity, at: now };
  }
  const elapsed = now - stored.at;
  const credit = Math.min(capacity, stored.credit + Math.max(0, elapsed) * limit.perMinute);
  // A clock that steps back earns nothing and its lost time is not paid again; but a state further ahead than a full
  // refill comes from a clock that was wrong, and waiting for it would lock the client out.
  const isAhead = elapsed < 0 && -elapsed <= msToEarn(capacity, limit);
  return { credit, at: isAhead ? stored.at : now };
}

function msToEarn(units: number, limit: RateLimit): number {
  return Math.ceil(units / limit.perMinute);
}
