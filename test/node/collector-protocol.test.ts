import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signerOf } from "../support/muster-signature.ts";
import { openBench, pod } from "./collector-bench.ts";
import type { CollectorBench } from "./collector-bench.ts";
import { triggerBody } from "./collector-process.ts";
import { fakeSyncId } from "./fake-muster.ts";
import type { Answer } from "./fake-muster.ts";

let bench: CollectorBench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe("the reference collector, asked", () => {
  test("counts errors in a row, and tells them to whoever asks with Muster's signature", async () => {
    const collector = await bench.start([{ name: "prod", folder: "later" }]);
    for (const id of ["1", "2"]) {
      bench.muster.received = [];
      await collector.trigger(triggerBody(id, ["prod"]));
      expect(await bench.report()).toMatchObject({ consecutive_errors: Number(id) });
    }
    const headers = await bench.signer.sign({ method: "GET", url: `${collector.url}/health` }, new Date());
    expect(await (await collector.get("/health", headers)).json()).toMatchObject({
      status: "unhealthy",
      subsystems: { prod: { status: "unhealthy", last_error: expect.stringContaining("cannot be read") } },
    });
    mkdirSync(join(bench.folder, "later"));
    writeFileSync(join(bench.folder, "later/a.json"), JSON.stringify(pod("a")));
    bench.muster.received = [];
    await collector.trigger(triggerBody("3", ["prod"]));
    expect(await bench.report()).toMatchObject({ status: "healthy", consecutive_errors: 0 });
    const body = await (await collector.get("/health", headers)).json();
    expect(body).toMatchObject({ status: "healthy", subsystems: { prod: { last_collection: expect.any(String) } } });
  });

  test("tells a caller without a signature no more than how it is, and one with a bad one nothing", async () => {
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    const brief = await (await collector.get("/health")).json();
    expect(brief).toEqual({ status: "healthy", timestamp: expect.any(String) });
    const stranger = await (await signerOf(2)).sign({ method: "GET", url: `${collector.url}/health` }, new Date());
    expect((await collector.get("/health", stranger)).status).toBe(401);
  });

  test("takes a repeated trigger once, and refuses another while it collects", async () => {
    bench.write("a.json", pod("a"));
    const open = Promise.withResolvers<Answer>();
    bench.muster.script = { "/syncs": [open.promise] };
    const collector = await bench.start([
      { name: "prod", folder: "dump" },
      { name: "staging", folder: "dump" },
    ]);
    expect((await collector.trigger(triggerBody("1", ["prod"]))).status).toBe(202);
    await expect.poll(() => bench.calls()).toHaveLength(1);
    expect((await collector.trigger(triggerBody("1", ["prod"]))).status).toBe(202);
    expect((await collector.trigger(triggerBody("2", ["prod"]))).status).toBe(409);
    expect((await collector.trigger(triggerBody("3", ["prod", "staging"]))).status).toBe(202);
    await bench.report(2);
    open.resolve([201, { id: fakeSyncId }]);
    expect(await bench.report(1)).toMatchObject({ status: "healthy" });
    expect((await collector.trigger(triggerBody("1", ["prod"]))).status).toBe(202);
    await collector.end();
    expect(bench.calls().filter((call) => call.endsWith("/sources/1/syncs"))).toHaveLength(1);
  });

  test("reads nothing but what its own configuration names, whatever a trigger says", async () => {
    bench.write("a.json", pod("a"));
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    await collector.trigger(
      triggerBody("1", ["elsewhere", "prod"], { folder: "/etc", command: ["touch", join(bench.folder, "planted")] }),
    );
    expect(await bench.report(1)).toMatchObject({
      status: "unhealthy",
      message: 'no source "elsewhere" is configured at the collector',
    });
    expect(await bench.report(2)).toMatchObject({ status: "healthy" });
    const bulk = bench.muster.received.find(({ call }) => call.includes("bulk"));
    expect(bulk?.body.trim().split("\n")).toHaveLength(1);
    expect(() => rmSync(join(bench.folder, "planted"))).toThrow(/ENOENT/);
  });

  test("refuses with 401 what Muster did not sign just so, and with 400 and the like what is no trigger", async () => {
    bench.write("a.json", pod("a"));
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    const body = triggerBody("1", ["prod"]);
    const request = { method: "POST", url: `${collector.url}/trigger`, body: JSON.stringify(body) };
    const stale = new Date(Date.now() - 6 * 60_000);
    const bad = [
      {},
      await bench.signer.sign(request, stale),
      await (await signerOf(2)).sign(request, new Date()),
      await bench.signer.sign({ ...request, url: "https://elsewhere.example.com/trigger" }, new Date()),
      await bench.signer.sign({ ...request, body: "{}" }, new Date()),
    ];
    for (const headers of bad) expect((await collector.trigger(body, headers)).status).toBe(401);
    for (const wrong of [[], {}, { collection_id: "1" }, { collection_id: "1", sources: [{ id: "1", name: "prod" }] }])
      expect((await collector.trigger(wrong)).status).toBe(400);
    expect((await collector.trigger({ huge: "x".repeat(2 ** 20) })).status).toBe(413);
    expect((await collector.get("/trigger")).status).toBe(405);
    expect((await collector.get("/")).status).toBe(404);
    await collector.end();
    expect(bench.muster.received).toEqual([]);
  });

  test("cannot tell who calls while Muster's keys are away, and says so", async () => {
    bench.muster.script = { "jwks.json": [[500, {}]] };
    bench.write("a.json", pod("a"));
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    expect((await collector.trigger(triggerBody("1", ["prod"]))).status).toBe(503);
    expect((await collector.trigger(triggerBody("1", ["prod"]))).status).toBe(202);
    expect(await bench.report()).toMatchObject({ status: "healthy" });
  });

  test("collects on a schedule of its own", async () => {
    bench.write("a.json", pod("a"));
    await bench.start([{ name: "prod", folder: "dump", schedule: { source_id: 7, every_seconds: 1 } }]);
    await expect
      .poll(() => bench.calls().filter((call) => call.endsWith("commit")).length, { timeout: 10_000 })
      .toBe(2);
    expect(await bench.report(7)).toMatchObject({ status: "healthy" });
  });

  test("finishes what is under way when it is told to stop", async () => {
    bench.write("a.json", pod("a"));
    const open = Promise.withResolvers<Answer>();
    bench.muster.script = { "/syncs": [open.promise] };
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    await collector.trigger(triggerBody("1", ["prod"]));
    await expect.poll(() => bench.calls()).toHaveLength(1);
    const ended = collector.end("SIGTERM");
    await expect.poll(() => collector.output()).toContain("stopping");
    open.resolve([201, { id: fakeSyncId }]);
    expect(await ended).toBe(0);
    expect(await bench.report()).toMatchObject({ status: "healthy" });
  });

  test("ends after its grace period when the source does not, and reports that", async () => {
    const collector = await bench.start(
      [{ name: "prod", command: [process.execPath, "-e", "setInterval(() => {}, 1000)"] }],
      {
        grace_seconds: 1,
      },
    );
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await collector.end("SIGTERM")).toBe(0);
    expect(await bench.report()).toMatchObject({ status: "unhealthy", message: expect.stringContaining("stopped") });
  });
});
