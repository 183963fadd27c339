import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hourMs, setClock } from "../support/clock.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";
import { iso, syncsOf, toItem } from "../support/syncs.ts";

const nobody = "00000000-0000-4000-8000-000000000000";

let muster: Muster;
let syncs: ReturnType<typeof syncsOf>;
let source: number;

beforeAll(async () => {
  muster = await createMuster();
  syncs = syncsOf(muster);
});

beforeEach(async () => {
  source = await syncs.startOver();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("bulks", () => {
  it("of a source by id, by name or of a sync are one statement each, and answer their source", async () => {
    const sync = await syncs.open(source);
    for (const query of [`source_id=${source}`, `sync_id=${sync.id}`]) {
      const work = async () => expect((await syncs.bulk(query, ["x"])).source_id).toBe(source);
      expect(await muster.statements(work)).toBe(1);
    }
    expect(await muster.statements(async () => syncs.open(source))).toBe(1);
    expect(await muster.statements(async () => syncs.commit(source, sync))).toBe(1);
    const [record] = await muster.sql("select source_id from source_records");
    expect(record).toEqual({ source_id: source });
    expect((await syncs.bulk("", ["x"])).source_id).toBeNull();
  });

  it("name one origin at most, and a good one", async () => {
    const sync = await syncs.open(source);
    const status = async (query: string) => [
      (await syncs.request(`${bulkPath}?${query}`, { body: [] })).status,
      (await syncs.request(`${itemsPath}?${query}`, { body: toItem("x") })).status,
    ];
    expect(await status(`source=n&source_id=${source}`)).toEqual([400, 400]);
    expect(await status(`source=n&sync_id=${sync.id}`)).toEqual([400, 400]);
    expect(await status(`source_id=${source}&sync_id=${sync.id}`)).toEqual([400, 400]);
    expect(await status("source_id=x")).toEqual([422, 422]);
    expect(await status("source_id=-1")).toEqual([422, 422]);
    expect(await status("source_id=99999999999999")).toEqual([404, 404]);
    expect(await status("sync_id=x")).toEqual([422, 422]);
    expect(await status(`sync_id=${nobody}`)).toEqual([404, 404]);
  });

  it("refuse elements outside the scope, each for itself, and take the others", async () => {
    const sync = await syncs.open(source, { types: ["pod"], namespaces: ["a", null] });
    const items = [
      { name: "in" },
      { name: "type", ci_type: "node" },
      { name: "namespace", namespace: "b" },
      { name: "none", namespace: null },
      { name: "type", ci_type: "node" },
    ];
    const { results, counts } = await syncs.bulk(`sync_id=${sync.id}`, items);
    expect(results.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, "created"],
      [1, "error"],
      [2, "error"],
      [3, "created"],
      [4, "error"],
    ]);
    expect(results[1]?.error?.detail).toMatch(/outside the scope/);
    expect(counts).toMatchObject({ created: 2, error: 3 });
    expect(await syncs.states()).toEqual({ in: "active", none: "active" });
    const single = await syncs.request(`${itemsPath}?sync_id=${sync.id}`, {
      body: toItem({ name: "x", namespace: "b" }),
    });
    expect(await body(single, 422)).toMatchObject({ detail: expect.stringMatching(/outside the scope/) });
  });

  it("with atomic land whole or not at all", async () => {
    const sync = await syncs.open(source, { namespaces: ["a"] });
    const response = await syncs.request(`${bulkPath}?sync_id=${sync.id}&atomic=true`, {
      body: ["x", { name: "y", namespace: "b" }].map(toItem),
    });
    const { results } = await body<{ results: Row[] }>(response, 422);
    expect(results).toMatchObject([
      { outcome: "unchanged", ci_id: null, error: null },
      { outcome: "error", ci_id: null },
    ]);
    expect(await syncs.states()).toEqual({});
    expect(await muster.sql("select 1 from source_records")).toEqual([]);
    const whole = await syncs.request(`${bulkPath}?sync_id=${sync.id}&atomic=true`, { body: [toItem("x")] });
    expect(await body(whole)).toMatchObject({ counts: { created: 1 } });
  });

  it("count as seen by their sync though their clock is behind, and what came before does though its clock was ahead", async () => {
    setClock(5000);
    await syncs.bulk(`source_id=${source}`, ["gone", "here"]);
    setClock(0);
    const sync = await syncs.open(source);
    expect(sync.opened_at).toBe(iso(5001));
    setClock(-5000);
    await syncs.bulk(`sync_id=${sync.id}`, ["here", "new"]);
    expect(await body(await syncs.commit(source, sync))).toMatchObject({
      counts: { seen: 2, unseen: 1, deactivated: 1 },
    });
    expect(await syncs.states()).toEqual({ gone: "inactive", here: "active", new: "active" });
  });

  it("put off the expiry, until a day after the opening, and come too late after it", async () => {
    const sync = await syncs.open(source, { expires_in_seconds: 36_000 });
    const expiry = async () => (await body(await syncs.request(syncs.path(source, `/${sync.id}`))))["expires_at"];
    setClock(9 * hourMs);
    await syncs.bulk(`sync_id=${sync.id}`, ["x"]);
    expect(await expiry()).toBe(iso(19 * hourMs));
    setClock(18 * hourMs);
    await syncs.request(`${itemsPath}?sync_id=${sync.id}`, { body: toItem("x") });
    expect(await expiry()).toBe(iso(24 * hourMs));
    setClock(24 * hourMs - 1);
    await syncs.bulk(`sync_id=${sync.id}`, []);
    expect(await expiry()).toBe(iso(24 * hourMs));
    setClock(24 * hourMs);
    expect(await body(await syncs.request(syncs.path(source, `/${sync.id}`)))).toMatchObject({ status: "expired" });
    for (const response of [
      await syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: [toItem("y")] }),
      await syncs.request(`${itemsPath}?sync_id=${sync.id}`, { body: toItem("y") }),
      await syncs.commit(source, sync),
      await syncs.commit(source, sync, { dry_run: true }),
    ]) {
      expect(await body(response, 409)).toMatchObject({ detail: expect.stringMatching(/expired at/) });
    }
    expect(await syncs.states()).toEqual({ x: "active" });
  });

  it("can be sent again without harm", async () => {
    const sync = await syncs.openAfter(source, ["gone", "here"]);
    await syncs.bulk(`sync_id=${sync.id}`, ["here", "new"]);
    expect((await syncs.bulk(`sync_id=${sync.id}`, ["here", "new"])).counts).toMatchObject({ unchanged: 2 });
    expect(await body(await syncs.commit(source, sync))).toMatchObject({
      counts: { seen: 2, unseen: 1, deactivated: 1 },
    });
  });
});
