import { DurableObject } from "cloudflare:workers";
import type { AdmitRequest, RateClass } from "./policies.ts";
import { isSpent, take, type Bucket, type Verdict } from "./token-bucket.ts";

type Buckets = Partial<Record<RateClass, Bucket>>;

const bucketsKey = "buckets";
const flushDelayMs = 1000;
const cleanUpDelayMs = 60 * 60 * 1000;

/**
 * The rate limits of one principal. The buckets live in memory and are written behind: within a second of a change, at
 * once when a bucket is spent. An object that was hibernated or evicted therefore goes on where it stopped, and a crash
 * gives back one second's tokens at most.
 */
export class Gate extends DurableObject<unknown> {
  #buckets: Buckets;
  #isStored: boolean;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    const stored = ctx.storage.kv.get<Buckets>(bucketsKey);
    this.#buckets = stored ?? {};
    this.#isStored = stored !== undefined;
  }

  /** Decides in one synchronous step, so that concurrent requests cannot share a token. A refusal changes nothing. */
  admit(request: AdmitRequest): Verdict {
    const { bucket, verdict } = take(this.#buckets[request.class], request.limit, request.cost, Date.now());
    if (verdict.allowed) {
      this.#buckets[request.class] = bucket;
      // The pending timer also keeps the object from hibernating before it has written.
      this.#flushTimer ??= setTimeout(() => this.#flush(), flushDelayMs);
    }
    if (this.#flushTimer !== undefined && (!verdict.allowed || isSpent(bucket))) {
      this.#flush();
    }
    return verdict;
  }

  /** Forgets a principal that has been idle until all its buckets were full, which is what no state at all means. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    if (Object.values(this.#buckets).some((bucket) => bucket.fullAt > now)) {
      await this.ctx.storage.setAlarm(now + cleanUpDelayMs);
      return;
    }
    this.#cancelFlush();
    this.#buckets = {};
    this.#isStored = false;
    await this.ctx.storage.deleteAll();
  }

  #flush(): void {
    this.#cancelFlush();
    this.ctx.storage.kv.put(bucketsKey, this.#buckets);
    if (!this.#isStored) {
      this.#isStored = true;
      // With no await in between, the alarm is committed together with the state it will clean up.
      this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + cleanUpDelayMs));
    }
  }

  #cancelFlush(): void {
    if (this.#flushTimer !== undefined) {
      clearTimeout(this.#flushTimer);
      this.#flushTimer = undefined;
    }
  }
}
