import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { dayMs, setClock, start } from "../support/clock.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";
import { type Entry, iso, itemPath, revertPath, short, travellerOf } from "../support/time-travel.ts";

let muster: Muster;
let past: ReturnType<typeof travellerOf>;

beforeAll(async () => {
  muster = await createMuster();
  past = travellerOf(muster);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("taking a change back", () => {
  it("restores what it changed, as a change of its own", async () => {
    setClock(0);
    const { ci_id } = await past.report({ name: "undo", raw_data: { a: 1, "x.y": { z: 1 }, list: [1], n: null } });
    const before = await past.get(ci_id);
    setClock(1000);
    await past.patch(ci_id, {
      name: "undone",
      department: "it",
      raw_data: { a: 2, "x.y": { z: 2, w: 1 }, list: [], n: 1 },
    });
    setClock(2000);
    const id = await past.changeId(ci_id, 2);
    const { patch: entries, ...rest } = await past.revert(id);
    expect(short(entries)).toEqual([
      ["name", "replace", "undone", "undo"],
      ["department", "replace", "it", null],
      ["a", "replace", 2, 1],
      ["list", "replace", [], [1]],
      ["n", "replace", 1, null],
      [`["x.y"].w`, "remove", 1, null],
      [`["x.y"].z`, "replace", 2, 1],
    ]);
    const item: Row = { ...before, version: 3, updated_at: iso(start + 2000) };
    expect(rest).toEqual({ dry_run: false, change_id: id, ci_id, item });
    expect(await past.get(ci_id)).toEqual(item);
    const history = await body<{ items: Row[] }>(await muster.request(`/api/v1/ci-changes/${String(ci_id)}`));
    expect(history.items[0]).toMatchObject({
      change_type: "UPDATED",
      reason: `revert of change ${id}`,
      changes: entries,
    });
    expect(await past.revert(id)).toMatchObject({ patch: [], item });
    // The record by which the item is known by hand has followed its name.
    expect((await past.report({ name: "undo", raw_data: item["raw_data"] }))["ci_id"]).toBe(ci_id);
  });

  it("reaches back over later changes elsewhere, and is stopped by the first that touched the same place", async () => {
    const { ci_id } = await past.report({ name: "conflicts", raw_data: { a: { b: { c: 1 } }, d: 1, ab: 1 } });
    await past.patch(ci_id, { raw_data: { a: { b: { c: 2 } } } });
    await past.patch(ci_id, { raw_data: { d: 2, ab: 2, status: "x" } });
    await past.archive(ci_id);
    expect((await past.revert(await past.changeId(ci_id, 2), "?dry_run=true")).patch).toHaveLength(1);
    await past.patch(ci_id, { raw_data: { a: { b: { e: 1 } } } });
    expect((await past.revert(await past.changeId(ci_id, 2), "?dry_run=true")).patch).toHaveLength(1);
    await past.patch(ci_id, { raw_data: { a: { b: 5 } } });
    await past.patch(ci_id, { raw_data: { a: { b: 6 } } });
    const [, second, third, fourth, fifth, sixth] = await past.changeIds(ci_id);
    const refusal = (id: string | undefined, field: string) =>
      new RegExp(`^409 Change ${id ?? ""} has touched "${field}" since`);
    for (const query of ["", "?dry_run=true"]) {
      expect(await past.revertRefusal(second, query)).toMatch(refusal(sixth, "a\\.b"));
      expect(await past.revertRefusal(fifth, query)).toMatch(refusal(sixth, "a\\.b"));
      expect(await past.revertRefusal(sixth, query)).toMatch(refusal((await past.changeIds(ci_id))[6], "a\\.b"));
    }
    expect((await past.revert(third)).item).toMatchObject({
      status: "archived",
      raw_data: { a: { b: 6 }, d: 1, ab: 1 },
    });
    expect((await past.revert(fourth)).item).toMatchObject({
      status: "active",
      raw_data: { a: { b: 6 }, d: 1, ab: 1 },
    });
    expect((await past.revert(await past.changeId(ci_id, 7))).item).toMatchObject({ raw_data: { a: { b: 5 } } });
  });

  it("by a dry run tells the same and writes nothing", async () => {
    const { ci_id } = await past.report({ name: "dry", raw_data: { a: 1 } });
    await past.replace(ci_id, { name: "dry 2", namespace: "n", raw_data: { a: 2, big: "b".repeat(100_000) } });
    const present = await past.get(ci_id);
    const state = `select (select jsonb_agg(to_jsonb(c) order by ci_id) from configuration_items c) as items,
      (select jsonb_agg(to_jsonb(r) order by ci_id) from source_records r) as records, (select count(*) from changes) as changes`;
    const before = await muster.sql(state);
    const dry = await past.revert(await past.changeId(ci_id, 2), "?dry_run=true");
    expect(dry).toMatchObject({ dry_run: true, item: null });
    expect(await muster.sql(state)).toEqual(before);
    expect(await past.get(ci_id)).toEqual(present);
    const wet = await past.revert(await past.changeId(ci_id, 2), "?dry_run=false");
    expect(wet.patch).toEqual(dry.patch);
    expect((await past.revert(await past.changeId(ci_id, 3))).item).toMatchObject({
      name: "dry 2",
      raw_data: present["raw_data"],
    });
  });

  it("brings an archived item back to what it was, its records with it", async () => {
    setClock(0);
    const seen = await past.report({ name: "pod", ci_type: "kubernetes.pod" }, "?source=cluster");
    setClock(1000);
    await past.archive(seen["ci_id"]);
    expect((await past.revert(await past.changeId(seen["ci_id"], 2))).item).toMatchObject({
      status: "active",
      status_updated_at: iso(start + 1000),
    });
    setClock(2 * dayMs);
    await muster.cron("*/15 * * * *", new Date());
    expect(await past.get(seen["ci_id"])).toMatchObject({ status: "inactive", version: 4 });
    setClock(3 * dayMs);
    await past.archive(seen["ci_id"]);
    expect((await past.revert(await past.changeId(seen["ci_id"], 5))).item).toMatchObject({
      status: "inactive",
      status_updated_at: iso(start + 3 * dayMs),
    });
    expect(await muster.sql("select live from source_records where ci_id = $1", [seen["ci_id"]])).toEqual([
      { live: false },
    ]);
    const refused = /^422 .*follows what sources see/;
    expect(await past.revertRefusal(await past.changeId(seen["ci_id"], 4))).toMatch(refused);
    await past.report({ name: "pod", ci_type: "kubernetes.pod" }, "?source=cluster");
    expect(await past.revertRefusal(await past.changeId(seen["ci_id"], 7))).toMatch(refused);
    expect(await past.revertRefusal(await past.changeId(seen["ci_id"], 1))).toMatch(/^422 .*archive the item/);
    const [sums] = await muster.sql(`select (select count(*) from configuration_items where status = 'active') -
      (select sum(n) from item_counts where status = 'active') as off`);
    expect(sums).toEqual({ off: "0" });
  });

  it("leaves hidden values and metrics as they are", async () => {
    const document = (version: string, phase: string, scans: number) => ({
      metadata: { resourceVersion: version },
      status: { conditions: [{ type: "Ready", status: phase, lastHeartbeatTime: version }] },
      metrics: { total_size_bytes: scans },
    });
    const node = { name: "node", ci_type: "kubernetes.node" };
    const { ci_id } = await past.report({ ...node, raw_data: document("1", "up", 1) });
    await past.report({ ...node, raw_data: document("2", "down", 1) });
    const reverted = (await past.revert(await past.changeId(ci_id, 2))).item;
    expect(reverted).toMatchObject({
      raw_data: {
        metadata: { resourceVersion: "2" },
        status: { conditions: [{ status: "up", lastHeartbeatTime: "2" }] },
      },
    });
    const table = { name: "table", ci_type: "postgresql.table" };
    const created = await past.report({ ...table, raw_data: { owner: "a", metrics: { total_size_bytes: 1 } } });
    await past.report({ ...table, raw_data: { owner: "b", metrics: { total_size_bytes: 2 } } });
    await past.report({ ...table, raw_data: { owner: "b", metrics: { total_size_bytes: 3 } } });
    expect((await past.revert(await past.changeId(created["ci_id"], 2))).item).toMatchObject({
      raw_data: { owner: "a", metrics: { total_size_bytes: 3 } },
    });
    const typed = "select owner, total_size_bytes from postgresql_table where ci_id = $1";
    expect(await muster.sql(typed, [created["ci_id"]])).toEqual([{ owner: "a", total_size_bytes: "3" }]);
    // Seeing it again as the source knows it is a change, and as it now is none.
    expect(
      (await past.report({ ...table, raw_data: { owner: "a", metrics: { total_size_bytes: 4 } } }))["version"],
    ).toBe(3);
  });

  it("undoes a change of type with the whole document", async () => {
    const raw_data = { metadata: { resourceVersion: "1" }, spec: { x: 1 } };
    const { ci_id } = await past.report({ name: "typed", ci_type: "kubernetes.pod", raw_data });
    await past.replace(ci_id, { name: "typed", ci_type: "thing", raw_data: { y: 1 } });
    const id = await past.changeId(ci_id, 2);
    expect((await past.revert(id)).item).toMatchObject({ ci_type: "kubernetes.pod", raw_data });
    expect(await muster.sql("select ci_id from kubernetes_pod where ci_id = $1", [ci_id])).toEqual([{ ci_id }]);
    expect((await past.revert(id)).patch).toEqual([]);
    await past.replace(ci_id, { name: "typed", ci_type: "thing", raw_data: { y: 1 } });
    await past.patch(ci_id, { raw_data: { y: 2 } });
    expect(await past.revertRefusal(await past.changeId(ci_id, 4))).toMatch(
      new RegExp(`^409 Change ${await past.changeId(ci_id, 5)} has touched "y"`),
    );
  });

  it("is refused where another item bears the name by now, dry or not", async () => {
    const { ci_id } = await past.report({ name: "taken" });
    await past.patch(ci_id, { name: "moved" });
    await past.report({ name: "taken" });
    for (const query of ["", "?dry_run=true"]) {
      expect(await past.revertRefusal(await past.changeId(ci_id, 2), query)).toMatch(/^409 Another item already has/);
    }
    expect(await past.get(ci_id)).toMatchObject({ name: "moved", version: 2 });
  });

  it("keeps the reason that the caller gives", async () => {
    const { ci_id } = await past.report({ name: "reason", raw_data: { a: 1 } });
    await past.patch(ci_id, { raw_data: { a: 2 } });
    const options = { method: "POST", headers: { "X-Change-Reason": "it was better" } };
    await body(await muster.request(revertPath(await past.changeId(ci_id, 2)), options));
    expect(await muster.sql("select reason from changes where ci_id = $1 and version = 3", [ci_id])).toEqual([
      { reason: "it was better" },
    ]);
  });

  it("loses nothing when many do it at once", async () => {
    const { ci_id } = await past.report({ name: "race", raw_data: { a: 1, n: 0 } });
    await past.patch(ci_id, { raw_data: { a: 2 } });
    const id = await past.changeId(ci_id, 2);
    const writers = Array.from({ length: 8 }, (_, n) => n);
    const answers = await Promise.all(
      writers.flatMap((n) => [
        muster.request(revertPath(id), { method: "POST" }),
        muster.request(itemPath(ci_id), { method: "PATCH", body: { raw_data: { [`n${n}`]: n } } }),
      ]),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
    const patches = await Promise.all(
      answers.filter((_, n) => n % 2 === 0).map(async (answer) => (await body<{ patch: Entry[] }>(answer)).patch),
    );
    expect(patches.filter((entries) => entries.length > 0).map(short)).toEqual([[["a", "replace", 2, 1]]]);
    expect(await past.get(ci_id)).toMatchObject({
      version: 11,
      raw_data: { a: 1, ...Object.fromEntries(writers.map((n) => [`n${n}`, n])) },
    });
  });
});
