import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rateLimit, type RateLimit } from "../../src/gate/policies.ts";
import { isSpent, take, type Bucket, type Verdict } from "../../src/gate/token-bucket.ts";

const start = Date.UTC(2026, 0, 1);
const perMinute100 = rateLimit(100);

interface Arrival {
  stepMs: number;
  cost: number;
}

const limits = fc.record({ perMinute: fc.integer({ min: 1, max: 6000 }), burst: fc.integer({ min: 1, max: 500 }) });
const arrivals = fc.array(
  fc.record({ stepMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90_000 })), cost: fc.constant(1) }),
  { minLength: 1, maxLength: 150 },
);
const jumpingArrivals = fc.array(
  fc.record({ stepMs: fc.integer({ min: -200_000, max: 200_000 }), cost: fc.integer({ min: 1, max: 20 }) }),
  { minLength: 1, maxLength: 150 },
);

describe("a token bucket", () => {
  it("admits at most burst + rate × t in any window, whenever the requests arrive", () => {
    fc.assert(fc.property(limits, arrivals, (limit, steps) => expectBoundedInEveryWindow(limit, steps)));
  });

  it("admits at most burst + rate × (forward movement of the clock) in any window when the clock jumps", () => {
    fc.assert(fc.property(limits, jumpingArrivals, (limit, steps) => expectBoundedInEveryWindow(limit, steps)));
  });

  it("passes a request after exactly the wait it was told, and not a millisecond sooner", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 1000 }), fc.nat(5000), (limit, cost, pauseMs) => {
        const first = take(undefined, limit, cost, start);
        const refused = take(first.bucket, limit, cost, start + pauseMs);
        fc.pre(!refused.verdict.allowed);
        const { retryAfterMs } = refused.verdict;
        expect(take(refused.bucket, limit, cost, start + pauseMs + retryAfterMs).verdict.allowed).toBe(true);
        expect(take(refused.bucket, limit, cost, start + pauseMs + retryAfterMs - 1).verdict.allowed).toBe(false);
      }),
    );
  });

  it("is full at resetAt, and not a millisecond sooner", () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 500 }), (limit, cost) => {
        const { bucket, verdict } = take(undefined, limit, cost, start);
        expect(take(bucket, limit, limit.burst, verdict.resetAt).verdict.allowed).toBe(true);
        expect(take(bucket, limit, limit.burst, verdict.resetAt - 1).verdict.allowed).toBe(false);
      }),
    );
  });

  it("starts full and counts down", () => {
    const first = take(undefined, perMinute100, 1, start);
    expect(first.verdict).toEqual({
      allowed: true,
      limit: 100,
      remaining: 99,
      resetAt: start + 600,
      retryAfterMs: 0,
    } satisfies Verdict);
    expect(take(first.bucket, perMinute100, 5, start).verdict.remaining).toBe(94);
  });

  it("takes nothing when it refuses", () => {
    const { bucket } = take(undefined, perMinute100, 95, start);
    const refused = take(bucket, perMinute100, 6, start);
    expect(refused.verdict).toMatchObject({ allowed: false, remaining: 5, retryAfterMs: 600 });
    expect(take(refused.bucket, perMinute100, 5, start).verdict.allowed).toBe(true);
  });

  it("is spent below one token", () => {
    expect(isSpent(take(undefined, perMinute100, 99, start).bucket)).toBe(false);
    expect(isSpent(take(undefined, perMinute100, 100, start).bucket)).toBe(true);
  });

  it("lets a cost above the burst pass on a full bucket, and empties it", () => {
    const heavy = take(undefined, perMinute100, 1000, start);
    expect(heavy.verdict).toMatchObject({ allowed: true, remaining: 0, resetAt: start + 60_000 });
    expect(take(heavy.bucket, perMinute100, 1000, start + 59_999).verdict.allowed).toBe(false);
  });

  it("counts a state older than a full refill as a full bucket", () => {
    const { bucket } = take(undefined, perMinute100, 100, start);
    expect(take(bucket, perMinute100, 1, start + 86_400_000).verdict.remaining).toBe(99);
  });

  it("holds no more than a lowered burst, and fills a raised one at the new rate", () => {
    const { bucket } = take(undefined, perMinute100, 1, start);
    expect(take(bucket, rateLimit(10), 1, start).verdict).toMatchObject({ limit: 10, remaining: 9 });
    expect(take(bucket, rateLimit(600), 1, start).verdict).toMatchObject({ limit: 600, remaining: 98 });
    expect(take(bucket, rateLimit(600), 1, start + 1000).verdict.remaining).toBe(108);
  });

  it("pays no time twice when the clock wavers", () => {
    let { bucket } = take(undefined, perMinute100, 100, start);
    let passed = 0;
    for (let i = 0; i < 20; i += 1) {
      const taken = take(bucket, perMinute100, 1, i % 2 === 0 ? start + 1000 : start);
      bucket = taken.bucket;
      passed += taken.verdict.allowed ? 1 : 0;
    }
    expect(passed).toBe(1);
    expect(take(bucket, perMinute100, 1, start).verdict.retryAfterMs).toBe(1200);
  });

  it("does not lock a client out after a clock that was an hour ahead", () => {
    const { bucket } = take(undefined, perMinute100, 100, start + 3_600_000);
    expect(take(bucket, perMinute100, 1, start).verdict).toMatchObject({ allowed: false, retryAfterMs: 600 });
  });
});

/** A full bucket, the requests in order, and for every window of them: what it let through against what it may. */
function expectBoundedInEveryWindow(limit: RateLimit, steps: Arrival[]): void {
  let bucket: Bucket | undefined;
  let now = start;
  let forwardMs = 0;
  const passed: { forwardMs: number; cost: number }[] = [];
  for (const { stepMs, cost } of steps) {
    now += stepMs;
    forwardMs += Math.max(0, stepMs);
    const taken = take(bucket, limit, cost, now);
    bucket = taken.bucket;
    if (taken.verdict.allowed) {
      passed.push({ forwardMs, cost: Math.min(cost, limit.burst) });
    }
  }
  for (const [from, first] of passed.entries()) {
    let tokens = 0;
    for (const one of passed.slice(from)) {
      tokens += one.cost;
      const earned = (one.forwardMs - first.forwardMs) * limit.perMinute;
      expect(tokens * 60_000).toBeLessThanOrEqual(limit.burst * 60_000 + earned);
    }
  }
}
