import { afterEach, describe, expect, it, vi } from "vitest";
import { admit, rateLimitHeaders, type GateNamespace, type Principal } from "../../src/gate/client.ts";
import { createDenials } from "../../src/gate/denials.ts";
import { type AdmitRequest, rateLimit } from "../../src/gate/policies.ts";
import type { Verdict } from "../../src/gate/token-bucket.ts";

const enforced = { enforce: true };
const request: AdmitRequest = { class: "standard", cost: 1, limit: rateLimit(100) };
const allowed: Verdict = { allowed: true, limit: 100, remaining: 99, resetAt: 1_767_225_600_600, retryAfterMs: 0 };
const refused: Verdict = { allowed: false, limit: 100, remaining: 0, resetAt: 1_767_225_660_000, retryAfterMs: 600 };

afterEach(() => {
  vi.useRealTimers();
});

describe("asking the gate", () => {
  it("asks the object of the principal, for the request as given", async () => {
    const asked: unknown[] = [];
    const gate: GateNamespace = {
      getByName: (name) => ({
        admit: (sent) => {
          asked.push(name, sent);
          return Promise.resolve(allowed);
        },
      }),
    };
    expect(await admit(gate, "ip:2001:db8::1", request, enforced)).toEqual({ outcome: "admitted", verdict: allowed });
    expect(asked).toEqual(["ip:2001:db8::1", request]);
  });

  it("is unavailable when the object has not answered after 150 ms, and not before", async () => {
    vi.useFakeTimers();
    let outcome = "waiting";
    const asking = admit(gateThat(() => new Promise<Verdict>(() => {})).gate, newPrincipal(), request, enforced);
    const settled = asking.then((admission) => (outcome = admission.outcome));
    await vi.advanceTimersByTimeAsync(149);
    expect(outcome).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1);
    await settled;
    expect(outcome).toBe("unavailable");
  });

  it("leaves no timer behind when the object has answered", async () => {
    vi.useFakeTimers();
    await admit(gateThat(() => Promise.resolve(allowed)).gate, newPrincipal(), request, enforced);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tries a retryable failure once more, on a new stub", async () => {
    const { gate, calls } = gateThat((call) => {
      return call === 1 ? Promise.reject(platformError({ retryable: true })) : Promise.resolve(allowed);
    });
    expect(await admit(gate, newPrincipal(), request, enforced)).toMatchObject({ outcome: "admitted" });
    expect(calls()).toBe(2);
  });

  it("gives up after the second retryable failure", async () => {
    const error = platformError({ retryable: true });
    const { gate, calls } = gateThat(() => Promise.reject(error));
    expect(await admit(gate, newPrincipal(), request, enforced)).toEqual({ outcome: "unavailable", cause: error });
    expect(calls()).toBe(2);
  });

  it.each([{ overloaded: true }, { retryable: true, overloaded: true }, {}])(
    "does not repeat a failure marked %o",
    async (marks) => {
      const { gate, calls } = gateThat(() => Promise.reject(platformError(marks)));
      expect(await admit(gate, newPrincipal(), request, enforced)).toMatchObject({ outcome: "unavailable" });
      expect(calls()).toBe(1);
    },
  );

  it("answers from the isolate after a refusal, for that principal and class only", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { gate, calls } = gateThat(() => Promise.resolve(refused));
    const principal = newPrincipal();
    await admit(gate, principal, request, enforced);
    vi.advanceTimersByTime(100);
    expect(await admit(gate, principal, request, enforced)).toEqual({
      outcome: "refused",
      verdict: { ...refused, retryAfterMs: 500 },
    });
    expect(calls()).toBe(1);
    await admit(gate, principal, { ...request, class: "bulk" }, enforced);
    await admit(gate, newPrincipal(), request, enforced);
    expect(calls()).toBe(3);
    vi.advanceTimersByTime(500);
    await admit(gate, principal, request, enforced);
    expect(calls()).toBe(4);
  });

  it("does not remember the refusal of a heavier request, which a lighter one may survive", async () => {
    const { gate, calls } = gateThat(() => Promise.resolve(refused));
    const principal = newPrincipal();
    await admit(gate, principal, { ...request, cost: 5 }, enforced);
    await admit(gate, principal, request, enforced);
    expect(calls()).toBe(2);
  });

  it("refuses nobody when it does not enforce, yet asks each time and shows the headers", async () => {
    const { gate, calls } = gateThat(() => Promise.resolve(refused));
    const principal = newPrincipal();
    await admit(gate, principal, request, enforced);
    const admission = await admit(gate, principal, request, { enforce: false });
    expect(admission).toEqual({ outcome: "admitted", verdict: refused });
    expect(rateLimitHeaders(admission)).not.toHaveProperty("Retry-After");
    expect(rateLimitHeaders(admission)).toHaveProperty("X-RateLimit-Remaining", "0");
    expect(calls()).toBe(2);
  });

  it("admits without headers when it does not enforce and the gate is away", async () => {
    const { gate } = gateThat(() => Promise.reject(platformError({})));
    const admission = await admit(gate, newPrincipal(), request, { enforce: false });
    expect(admission).toEqual({ outcome: "admitted" });
    expect(rateLimitHeaders(admission)).toEqual({});
  });
});

describe("the headers", () => {
  it("give the reset in whole epoch seconds, rounded up", () => {
    expect(rateLimitHeaders({ outcome: "admitted", verdict: allowed })).toEqual({
      "X-RateLimit-Limit": "100",
      "X-RateLimit-Remaining": "99",
      "X-RateLimit-Reset": "1767225601",
    });
  });

  it("tell a refused client to wait at least a second", () => {
    expect(rateLimitHeaders({ outcome: "refused", verdict: refused })).toMatchObject({ "Retry-After": "1" });
    const later = { ...refused, retryAfterMs: 6001 };
    expect(rateLimitHeaders({ outcome: "refused", verdict: later })).toMatchObject({ "Retry-After": "7" });
  });
});

describe("remembered refusals", () => {
  it("hold for 5 s at most, and say the full wait", () => {
    const denials = createDenials();
    denials.remember("a", request.limit, { ...refused, retryAfterMs: 60_000 }, 0);
    expect(denials.recall("a", request.limit, 4999)).toMatchObject({ retryAfterMs: 55_001 });
    expect(denials.recall("a", request.limit, 5000)).toBeUndefined();
  });

  it("end when the limit changes", () => {
    const denials = createDenials();
    denials.remember("a", request.limit, refused, 0);
    expect(denials.recall("a", rateLimit(100, 200), 1)).toBeUndefined();
  });

  it("give way to newer ones when there are too many", () => {
    const denials = createDenials(2);
    denials.remember("a", request.limit, refused, 0);
    denials.remember("b", request.limit, refused, 0);
    denials.remember("a", request.limit, refused, 0);
    denials.remember("c", request.limit, refused, 0);
    expect(denials.recall("a", request.limit, 1)).toBeDefined();
    expect(denials.recall("b", request.limit, 1)).toBeUndefined();
    expect(denials.recall("c", request.limit, 1)).toBeDefined();
  });
});

function gateThat(answer: (call: number) => Promise<Verdict>): { gate: GateNamespace; calls: () => number } {
  let calls = 0;
  const gate: GateNamespace = {
    getByName() {
      calls += 1;
      const call = calls;
      return { admit: () => answer(call) };
    },
  };
  return { gate, calls: () => calls };
}

function newPrincipal(): Principal {
  return `k:${crypto.randomUUID()}`;
}

function platformError(marks: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error("the object failed"), marks);
}
