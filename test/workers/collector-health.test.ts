import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  type ForeignHosts,
  json,
  makeCollector,
} from "../support/collectors.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(collectorsPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  hosts = answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the health of a collector", () => {
  const health = async (id: number) => body(await muster.request(`${collectorsPath}/${id}/health`));

  it("is what the collector says, in the universal format, and is kept", async () => {
    const said = {
      status: "healthy",
      message: "All sources operational",
      timestamp: "2025-08-01T10:00:00Z",
      capabilities: { supports_universal_format: true, supports_multi_source: true },
      subsystems: {
        source_1: { status: "healthy", last_collection: "2025-08-01T09:55:00Z" },
        source_2: { status: "degraded", last_error: "Connection timeout" },
      },
    };
    hosts.answer("collector.example.com", () => json(said));
    const { id } = await makeCollector(muster);
    const shown = { ...said, timestamp: "2025-08-01T10:00:00.000Z" };
    expect(await health(id)).toEqual(shown);
    expect(hosts.received[0]?.headers.get("Signature")).toMatch(/^muster=:/);
    const kept = (await body(await muster.request(`${collectorsPath}/${id}`)))["health_status"];
    expect(kept).toEqual({ ...shown, last_check: expect.stringMatching(/Z$/) });
    expect(await muster.statements(async () => health(id))).toBe(2);
  });

  it.each([
    ["no answer", undefined, "unhealthy", "cannot be reached"],
    ["an error", () => json({ status: "healthy" }, 503), "unhealthy", "HTTP status 503"],
    ["a refusal", () => json({ detail: "who are you?" }, 401), "unhealthy", "who are you?"],
    ["UP", () => json({ status: "UP" }), "healthy", "is healthy"],
    ["warn", () => json({ status: "warn", message: "slow" }), "degraded", "slow"],
    ["an unknown word", () => json({ status: "so-so" }), "healthy", "is healthy"],
    ["an array", () => json([1]), "healthy", "is healthy"],
    ["a text", () => new Response("OK"), "unhealthy", "not JSON"],
    ["nothing", () => new Response(null, { status: 204 }), "healthy", "is healthy"],
    ["a redirect", () => Response.redirect("http://169.254.169.254/"), "unhealthy", "redirect"],
    ["what cannot be stored", () => json({ status: "ok", message: "\0" }), "unhealthy", "NUL"],
    ["too much", () => json({ status: "ok", subsystems: { a: { x: "y".repeat(100_000) } } }), "healthy", "too long"],
    ["far too much", () => json({ x: "y".repeat(300_000) }), "unhealthy", "256 KiB"],
  ])("of one that answers %s is 200 with its state and the reason", async (_what, answer, status, message) => {
    if (answer) {
      hosts.answer("collector.example.com", answer);
    }
    const { id } = await makeCollector(muster);
    expect(await health(id)).toMatchObject({
      status,
      message: expect.stringContaining(message),
      timestamp: expect.any(String),
    });
  });

  it("takes parts of all kinds, under any name", async () => {
    const said = '{"status":"ok","subsystems":{"a":"down","b":1,"c":null,"__proto__":{"status":"warn","x":1}}}';
    hosts.answer(
      "collector.example.com",
      () => new Response(said, { headers: { "Content-Type": "application/json" } }),
    );
    const { id } = await makeCollector(muster);
    const { subsystems } = await health(id);
    expect(new Map(Object.entries(subsystems as object))).toEqual(
      new Map<string, unknown>([
        ["a", { status: "unhealthy" }],
        ["b", { status: "unknown" }],
        ["c", { status: "unknown" }],
        ["__proto__", { status: "degraded", x: 1 }],
      ]),
    );
  });

  it("of one without an endpoint is unknown", async () => {
    const { id } = await makeCollector(muster, { endpoint: null });
    expect(await health(id)).toMatchObject({ status: "unknown", message: expect.stringContaining("no endpoint") });
  });
});
