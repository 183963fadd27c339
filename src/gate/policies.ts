/** Each class of request has a bucket of its own, so that bulk work cannot use up what single requests live on. */
export type RateClass = "standard" | "bulk" | "ai" | "anonymous";

/** Whole numbers, both at least 1: tokens that come back per minute, and tokens a rested bucket holds. */
export interface RateLimit {
  perMinute: number;
  burst: number;
}

/** What holds for a principal whose key does not say otherwise. */
export const defaultLimits: Readonly<Record<RateClass, RateLimit>> = {
  standard: rateLimit(100),
  bulk: rateLimit(10),
  ai: rateLimit(10),
  anonymous: rateLimit(50),
};

/** A limit per minute; the burst is one minute's worth unless it is given. */
export function rateLimit(perMinute: number, burst = perMinute): RateLimit {
  return { perMinute, burst };
}

/** One request at the gate: which bucket it draws on, how many tokens it costs (at least 1), and the limit in force. */
export interface AdmitRequest {
  class: RateClass;
  cost: number;
  limit: RateLimit;
}
