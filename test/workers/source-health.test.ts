import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  type ForeignHosts,
  getSource,
  json,
  makeCollector,
  makeSource,
  routesOf,
  sourcesPath,
} from "../support/collectors.ts";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(sourcesPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  hosts = answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const { report, check } = routesOf(() => muster);

describe("a collector's report", () => {
  it("is taken as documented and shown", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    const documented = {
      status: "healthy",
      message: "Collection completed successfully",
      timestamp: 1738363200,
      duration: 2.5,
      consecutive_errors: 0,
    };
    const answer = await body(await report(id, documented));
    expect(answer).toEqual({ status: "ok", message: "Health status updated" });
    const { timestamp: _timestamp, ...said } = documented;
    const at = "2025-01-31T22:40:00.000Z";
    expect(await getSource(muster, id)).toMatchObject({
      health_status: { ...said, last_check: at, reported_at: at },
      last_collection: at,
      last_error: null,
      consecutive_errors: 0,
    });
  });

  it("says its time in seconds, with more digits than a double has, or in ISO 8601, or leaves it out", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    for (const [text, at] of [
      ["1738363200.1234567", "2025-01-31T22:40:00.123Z"],
      ['"2025-02-01T00:00:00Z"', "2025-02-01T00:00:00.000Z"],
      ['"2025-02-01T02:00:00+01:00"', "2025-02-01T01:00:00.000Z"],
    ]) {
      const response = await muster.request(`${sourcesPath}/${id}/health`, {
        method: "PUT",
        body: `{"status":"healthy","timestamp":${text},"duration":0.12345678901234567}`,
      });
      await body(response);
      expect(await getSource(muster, id)).toMatchObject({ last_collection: at });
    }
    await body(await report(id, { status: "healthy", details: { version: "v1.28.0", api_server: "reachable" } }));
    const { last_collection, health_status } = await getSource(muster, id);
    expect(Date.parse(String(last_collection))).toBeGreaterThan(Date.parse("2026-01-01"));
    expect(health_status).toMatchObject({ details: { version: "v1.28.0", api_server: "reachable" } });
  });

  it("counts errors, its own count first, and is healthy again at once", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    const state = async (content: Row) => {
      await body(await report(id, content));
      const { consecutive_errors, last_error, last_collection } = await getSource(muster, id);
      return [consecutive_errors, last_error, last_collection !== null];
    };
    expect(await state({ status: "unhealthy", message: "no route" })).toEqual([1, "no route", false]);
    expect(await state({ status: "unhealthy" })).toEqual([2, expect.any(String), false]);
    expect(await state({ status: "unhealthy", message: "still", consecutive_errors: 7 })).toEqual([7, "still", false]);
    expect(await state({ status: "unhealthy", message: "on" })).toEqual([8, "on", false]);
    expect(await state({ status: "unhealthy", message: "new", consecutive_errors: 0 })).toEqual([1, "new", false]);
    expect(await state({ status: "degraded", message: "slow" })).toEqual([0, null, true]);
  });

  it("that is older than the last one changes nothing, one from the future counts as of now", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    await body(await report(id, { status: "healthy", timestamp: "2025-02-01T00:00:00Z" }));
    const before = await getSource(muster, id);
    expect(await body(await report(id, { status: "unhealthy", timestamp: "2025-01-31T23:59:59Z" }))).toMatchObject({
      status: "ok",
    });
    expect(await getSource(muster, id)).toEqual(before);
    await body(await report(id, { status: "healthy", timestamp: "2990-01-01T00:00:00Z" }));
    await body(await report(id, { status: "unhealthy", message: "later, and heard" }));
    expect(await getSource(muster, id)).toMatchObject({ last_error: "later, and heard" });
  });

  it("from a collector whose clock is behind counts after a check by ours, and is not lost to the check's answer", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    hosts.answer("collector.example.com", () => json({ status: "healthy" }));
    const behind = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
    await body(await report(id, { status: "healthy", timestamp: behind(10) }));
    await body(await check(id));
    await body(await report(id, { status: "unhealthy", message: "said later", timestamp: behind(9) }));
    expect(await getSource(muster, id)).toMatchObject({
      last_error: "said later",
      health_status: { status: "unhealthy" },
    });
    await body(await check(id));
    await body(await report(id, { status: "healthy", timestamp: behind(10) }));
    expect(await getSource(muster, id)).toMatchObject({ last_error: "said later" });
    hosts.answer("collector.example.com", async () => {
      await body(await report(id, { status: "degraded" }));
      return json({ status: "healthy" });
    });
    await body(await check(id));
    expect(await getSource(muster, id)).toMatchObject({ health_status: { status: "degraded" } });
  });

  it.each([
    ["no state", {}],
    ["a state that there is not", { status: "unknown" }],
    ["an unknown key", { status: "healthy", extra: 1 }],
    ["no time", { status: "healthy", timestamp: "yesterday" }],
    ["milliseconds", { status: "healthy", timestamp: 1738363200000 }],
    ["a time before 1970", { status: "healthy", timestamp: -1 }],
    ["a negative duration", { status: "healthy", duration: -1 }],
    ["errors that are no whole number", { status: "unhealthy", consecutive_errors: 1.5 }],
    ["errors without bound", { status: "unhealthy", consecutive_errors: 1e12 }],
    ["details that are no object", { status: "healthy", details: [] }],
    ["details without bound", { status: "healthy", details: { a: "x".repeat(70_000) } }],
  ])("with %s is refused with 422", async (_what, content) => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    expect((await report(id, content)).status).toBe(422);
    expect(await getSource(muster, id)).toMatchObject({ health_status: null, consecutive_errors: 0 });
  });
});

describe("a check of a source's health", () => {
  it.each([
    ["its name", (source: Row) => String(source["name"])],
    ["source_<id>", (source: Row) => `source_${String(source["id"])}`],
    ["its id", (source: Row) => String(source["id"])],
  ])("finds what its collector says of it under %s, and keeps it", async (_what, key) => {
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id);
    const part = {
      status: "healthy",
      connections: { primary: "connected", messaging: "connected" },
      last_collection: "2025-08-01T09:55:00Z",
    };
    hosts.answer("collector.example.com", () => json({ status: "degraded", subsystems: { [key(source)]: part } }));
    const checked = await body(await check(source.id));
    expect(checked).toEqual({
      source_id: source.id,
      name: source["name"],
      status: "healthy",
      health_status: part,
      last_check: expect.stringMatching(/Z$/),
      message: "Health check completed: healthy",
    });
    expect(await getSource(muster, source.id)).toMatchObject({
      health_status: { ...part, last_check: checked["last_check"] },
      last_collection: "2025-08-01T09:55:00.000Z",
    });
    expect(await body(await muster.request(`${collectorsPath}/${id}`))).toMatchObject({
      health_status: { status: "degraded" },
    });
    expect(await muster.statements(async () => check(source.id))).toBe(2);
  });

  it("is no collection, and whatever a collector calls reported_at keeps none of its reports from being heard", async () => {
    const source = await makeSource(muster, (await makeCollector(muster)).id);
    for (const claimed of ["never", "2999-01-01T00:00:00Z"]) {
      const part = { status: "healthy", reported_at: claimed };
      hosts.answer("collector.example.com", () => json({ subsystems: { [`source_${source.id}`]: part } }));
      await body(await check(source.id));
      expect((await getSource(muster, source.id))["health_status"]).not.toMatchObject({ reported_at: claimed });
      await body(await report(source.id, { status: "unhealthy", message: claimed }));
      expect(await getSource(muster, source.id)).toMatchObject({ last_error: claimed, last_collection: null });
    }
  });

  it("takes the collector's own state where it says nothing of the source, and unhealthy where it says nothing at all", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id);
    hosts.answer("collector.example.com", () => json({ status: "degraded", message: "starting" }));
    expect(await body(await check(id))).toMatchObject({
      status: "degraded",
      health_status: { status: "degraded", message: "starting" },
      message: "Health check completed: degraded",
    });
    hosts.answer("collector.example.com", () => new Response(null, { status: 502 }));
    expect(await body(await check(id))).toMatchObject({
      status: "unhealthy",
      health_status: { message: expect.stringContaining("502") },
    });
  });

  it("is unknown where there is nobody to ask, and then leaves what was reported", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster, { endpoint: null })).id);
    await body(await report(id, { status: "healthy" }));
    expect(await body(await check(id))).toMatchObject({
      status: "unknown",
      message: "Health check completed: unknown",
    });
    expect(await getSource(muster, id)).toMatchObject({ health_status: { status: "healthy" } });
    const lone = await body(
      await muster.request(`${itemsPath}?source=lone`, { body: { name: "l", ci_type: "host" } }),
      201,
    );
    expect(await body(await check(Number(lone["source_id"])))).toMatchObject({ status: "unknown" });
    expect(await getSource(muster, Number(lone["source_id"]))).toMatchObject({ collector_id: null, collector: null });
  });
});
