import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { benchKey, openBench, pod } from "./collector-bench.ts";
import type { CollectorBench } from "./collector-bench.ts";
import { triggerBody } from "./collector-process.ts";
import { fakeSyncId } from "./fake-muster.ts";

let bench: CollectorBench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe("the reference collector, collecting", () => {
  test("pushes all of a folder as one full collection of its scope, and reports", async () => {
    bench.write("a.json", pod("a"), pod("b", "other"), {
      kind: "Service",
      metadata: { name: "s", namespace: "default" },
    });
    bench.write("deep/b.json", { kind: "PodList", items: [{ metadata: { name: "c", namespace: "default" } }] });
    bench.write("notes.txt");
    const collector = await bench.start(
      [{ name: "prod", folder: "dump", types: ["kubernetes.pod"], namespaces: ["default"] }],
      {
        max_drop_percent: 7,
      },
    );
    const answer = await collector.trigger(triggerBody("1", ["prod"]));
    expect(answer.status).toBe(202);
    expect(await bench.report()).toMatchObject({
      status: "healthy",
      consecutive_errors: 0,
      duration: expect.any(Number),
    });
    expect(bench.calls()).toEqual([
      "POST /api/v1/sources/1/syncs",
      `POST /api/v1/configuration-items/bulk?sync_id=${fakeSyncId}`,
      `POST /api/v1/sources/1/syncs/${fakeSyncId}/commit`,
      "PUT /api/v1/sources/1/health",
    ]);
    const [open, bulk, commit] = bench.muster.received;
    expect(JSON.parse(open?.body ?? "")).toEqual({ types: ["kubernetes.pod"], namespaces: ["default"] });
    const names = bulk?.body
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).name);
    expect(names).toEqual(["a", "c"]);
    expect(bulk?.headers).toMatchObject({ "content-type": "application/x-ndjson", "x-api-key": benchKey });
    expect(JSON.parse(commit?.body ?? "")).toEqual({ max_drop_percent: 7 });
  });

  test("collects what a command prints, without a shell and without showing it the key", async () => {
    const print = `console.log(JSON.stringify({ kind: "A", metadata: { name: "$HOME" }, env: Object.keys(process.env), args: process.argv.slice(1) }))`;
    const collector = await bench.start([
      { name: "prod", command: [process.execPath, "-e", print, "--", "$HOME; ls"] },
    ]);
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await bench.report()).toMatchObject({ status: "healthy" });
    const [item] = bench.muster.received
      .filter(({ call }) => call.includes("bulk"))
      .map(({ body }) => JSON.parse(body));
    expect(item).toMatchObject({ name: "$HOME", raw_data: { args: ["$HOME; ls"] } });
    expect(item.raw_data.env).not.toContain("MUSTER_API_KEY");
  });

  test.each([
    ["a missing folder", { folder: "nowhere" }, /cannot be read: .*nowhere/],
    ["a folder with no object in it", { folder: "dump/deep" }, /no object/],
    ["a broken file", { folder: "dump" }, /broken\.json, line 2: broken JSON/],
    ["a command that is not there", { command: ["no-such-program"] }, /no-such-program .*ENOENT/],
    [
      "a command that fails after it began to print",
      {
        command: [process.execPath, "-e", "console.log('{}'); console.error('no such cluster'); process.exitCode = 3"],
      },
      /exit code 3: no such cluster/,
    ],
    [
      "a command that complains in bytes and at length",
      {
        command: [
          process.execPath,
          "-e",
          `process.stderr.write("\\0\\ud83d".concat("x".repeat(1e6))); process.exitCode = 1`,
        ],
      },
      /exit code 1: .?\ufffdx{250,}$/,
    ],
    [
      "a command that hangs",
      { command: [process.execPath, "-e", "setInterval(() => {}, 1000)"] },
      /not done after 2 s/,
    ],
  ])("reports %s as unhealthy and retires nothing", async (_, input, message) => {
    bench.write("a.json", pod("a"));
    writeFileSync(join(bench.folder, "dump/broken.json"), '{"kind":"Pod","metadata":{"name":"b"}}\n{"kind": hunter2');
    const collector = await bench.start([{ name: "prod", ...input }], { timeout_seconds: 2 });
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await bench.report()).toMatchObject({
      status: "unhealthy",
      message: expect.stringMatching(message),
      consecutive_errors: 1,
    });
    expect(bench.calls().filter((call) => call.endsWith("commit"))).toEqual([]);
  });

  test("sends the same again when Muster is busy", async () => {
    bench.write("a.json", pod("a"));
    bench.muster.script = {
      "/syncs": [[429, {}, { "retry-after": "0" }]],
      [`=${fakeSyncId}`]: [[503, {}, { "retry-after": "0" }]],
    };
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await bench.report()).toMatchObject({ status: "healthy", duration: expect.any(Number) });
    const bulks = bench.muster.received.filter(({ call }) => call.includes("bulk"));
    expect(bulks.map(({ body }) => body)).toEqual([bulks[0]?.body, bulks[0]?.body]);
  });

  test("does not commit when Muster refused an item, and says which reason it gave", async () => {
    bench.write("a.json", pod("a"), pod("b"));
    const results = [
      { index: 0, outcome: "created", error: null },
      { index: 1, outcome: "error", error: { message: "the name is too long" } },
    ];
    bench.muster.script = { [`=${fakeSyncId}`]: [[200, { results }]] };
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await bench.report()).toMatchObject({
      status: "degraded",
      message: "Muster refused 1 of 2 objects, nothing was retired: the name is too long",
    });
    expect(bench.calls().some((call) => call.endsWith("commit"))).toBe(false);
  });

  test.each([
    [
      "the fuse holds",
      { detail: "60 of 100 unseen", counts: { unseen: 60 } },
      "degraded",
      /60 of 100 unseen .sync 0198/,
    ],
    ["the sync has expired", { detail: "The sync expired" }, "unhealthy", /HTTP 409: The sync expired/],
  ])("says so when %s", async (_, body, status, message) => {
    bench.write("a.json", pod("a"));
    bench.muster.script = { "/commit": [[409, body]] };
    const collector = await bench.start([{ name: "prod", folder: "dump" }]);
    await collector.trigger(triggerBody("1", ["prod"]));
    expect(await bench.report()).toMatchObject({ status, message: expect.stringMatching(message) });
  });
});
