import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admit, rateLimitHeaders, type GateNamespace } from "../../src/gate/client.ts";
import type { Gate } from "../../src/gate/gate.ts";
import { type AdmitRequest, defaultLimits, rateLimit } from "../../src/gate/policies.ts";

// Far ahead, because the runtime moves an alarm that lies in its own past to the present.
const start = Date.UTC(2100, 0, 1);
const standard: AdmitRequest = { class: "standard", cost: 1, limit: defaultLimits.standard };
const hourMs = 3_600_000;

type GateStub = DurableObjectStub<Gate>;

beforeEach(() => {
  // Only the clock: the object's own flush timer stays real.
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the gate", () => {
  it("lets exactly 100 of 200 concurrent requests through a bucket of 100", async () => {
    expect(await countAdmitted(newGate(), 200)).toBe(100);
  });

  it("gives a spent bucket 16 tokens after eviction and 10 s, not a full one", async () => {
    const gate = newGate();
    await countAdmitted(gate, 100);
    await evict(gate);
    vi.setSystemTime(start + 10_000);
    expect(await countAdmitted(gate, 200)).toBe(16);
  });

  it("never refills early while idle: the first token is back after 600 ms", async () => {
    const gate = newGate();
    await countAdmitted(gate, 100);
    await evict(gate);
    vi.setSystemTime(start + 599);
    expect(await gate.admit(standard)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    vi.setSystemTime(start + 600);
    expect(await countAdmitted(gate, 5)).toBe(1);
  });

  it("is full again after a minute, however it was interrupted", async () => {
    const gate = newGate();
    await countAdmitted(gate, 100);
    await evict(gate);
    vi.setSystemTime(start + 60_000);
    expect(await countAdmitted(gate, 200)).toBe(100);
  });

  it("writes an unspent bucket within a second or so, and goes on from it after eviction", async () => {
    const gate = newGate();
    await countAdmitted(gate, 40);
    expect(await isStored(gate)).toBe(false);
    await vi.waitFor(async () => expect(await isStored(gate)).toBe(true), { timeout: 3000 });
    // Waiting has moved the faked clock.
    vi.setSystemTime(start);
    await evict(gate);
    expect(await countAdmitted(gate, 200)).toBe(60);
  });

  it("writes at once when a refusal meets unwritten state", async () => {
    const gate = newGate();
    await countAdmitted(gate, 90);
    expect(await isStored(gate)).toBe(false);
    await gate.admit({ ...standard, cost: 20 });
    expect(await isStored(gate)).toBe(true);
    await evict(gate);
    expect(await countAdmitted(gate, 200)).toBe(10);
  });

  it("keeps the classes apart", async () => {
    const gate = newGate();
    await countAdmitted(gate, 100);
    expect(await countAdmitted(gate, 20, { class: "bulk", cost: 1, limit: defaultLimits.bulk })).toBe(10);
    expect(await countAdmitted(gate, 20, { class: "ai", cost: 1, limit: defaultLimits.ai })).toBe(10);
    expect(await countAdmitted(gate, 60, { class: "anonymous", cost: 1, limit: defaultLimits.anonymous })).toBe(50);
  });

  it("keeps the principals apart", async () => {
    await countAdmitted(newGate(), 100);
    expect(await countAdmitted(newGate(), 1)).toBe(1);
  });

  it("clamps a bucket to a lowered limit at once", async () => {
    const gate = newGate();
    await gate.admit(standard);
    expect(await countAdmitted(gate, 50, { ...standard, limit: rateLimit(10) })).toBe(10);
  });

  it("charges a heavy request its cost", async () => {
    const gate = newGate();
    expect(await gate.admit({ ...standard, cost: 30 })).toMatchObject({ allowed: true, remaining: 70 });
    expect(await gate.admit({ ...standard, cost: 71 })).toMatchObject({ allowed: false, remaining: 70 });
  });

  it("sets its clean-up alarm once, and forgets the principal when all its buckets are full", async () => {
    const gate = newGate();
    await countAdmitted(gate, 100);
    expect(await alarmAt(gate)).toBe(start + hourMs);
    vi.setSystemTime(start + 60_000);
    await countAdmitted(gate, 100);
    expect(await alarmAt(gate)).toBe(start + hourMs);
    vi.setSystemTime(start + hourMs);
    expect(await runDurableObjectAlarm(gate)).toBe(true);
    expect(await isStored(gate)).toBe(false);
    expect(await alarmAt(gate)).toBeNull();
    expect(await countAdmitted(gate, 200)).toBe(100);
    expect(await alarmAt(gate)).toBe(start + 2 * hourMs);
  });

  it("keeps a bucket that is still filling when the clean-up comes", async () => {
    const gate = newGate();
    const slow: AdmitRequest = { class: "ai", cost: 1, limit: rateLimit(1, 100) };
    await countAdmitted(gate, 100, slow);
    vi.setSystemTime(start + hourMs);
    expect(await runDurableObjectAlarm(gate)).toBe(true);
    expect(await alarmAt(gate)).toBe(start + 2 * hourMs);
    await evict(gate);
    expect(await countAdmitted(gate, 100, slow)).toBe(60);
  });

  it("answers a flood from the isolate once it has refused, with the headers a client needs", async () => {
    let calls = 0;
    const counted: GateNamespace = {
      getByName(name) {
        calls += 1;
        return env.GATE.getByName(name);
      },
    };
    const bulk: AdmitRequest = { class: "bulk", cost: 1, limit: defaultLimits.bulk };
    const patient = { enforce: true, deadlineMs: 5000 };
    for (let i = 0; i < 11; i += 1) {
      await admit(counted, "k:flood", bulk, patient);
    }
    const refused = await admit(counted, "k:flood", bulk, patient);
    expect(calls).toBe(11);
    expect(rateLimitHeaders(refused)).toEqual({
      "X-RateLimit-Limit": "10",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": String(start / 1000 + 60),
      "Retry-After": "6",
    });
  });
});

function newGate(): GateStub {
  return env.GATE.getByName(`k:${crypto.randomUUID()}`);
}

async function countAdmitted(gate: GateStub, requests: number, request = standard): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: requests }, () => gate.admit(request)));
  return verdicts.filter((verdict) => verdict.allowed).length;
}

/** Takes the object out of memory, and makes sure that it was. */
async function evict(gate: GateStub): Promise<void> {
  const before = await runInDurableObject(gate, (instance) => new WeakRef(instance));
  await evictDurableObject(gate);
  const isSame = await runInDurableObject(gate, (instance) => before.deref() === instance);
  expect(isSame).toBe(false);
}

async function isStored(gate: GateStub): Promise<boolean> {
  return runInDurableObject(gate, (_instance, state) => [...state.storage.kv.list()].length > 0);
}

async function alarmAt(gate: GateStub): Promise<number | null> {
  return runInDurableObject(gate, (_instance, state) => state.storage.getAlarm());
}
