import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { dayMs, setClock } from "../support/clock.ts";
import { body, bulkPath, createMuster, type Muster } from "../support/muster.ts";
import { iso, numbered, syncsOf, toItem } from "../support/syncs.ts";

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

describe("a commit", () => {
  it("turns what the sync did not see at once, and the log names the source, the actor and the reason", async () => {
    const sync = await syncs.openAfter(source, numbered("p", 5));
    await syncs.bulk(`sync_id=${sync.id}`, ["p0", "p1", "new"]);
    setClock(2000);
    const response = await syncs.request(syncs.path(source, `/${sync.id}/commit`), {
      method: "POST",
      headers: { "X-Change-Reason": "nightly" },
    });
    const outcome = await body(response);
    expect(outcome).toEqual({
      id: sync.id,
      source_id: source,
      status: "committed",
      dry_run: false,
      committed_at: iso(2000),
      forced: false,
      counts: { seen: 3, unseen: 3, deactivated: 3, kept_by_other_sources: 0 },
    });
    expect(await syncs.states()).toEqual({
      new: "active",
      p0: "active",
      p1: "active",
      p2: "inactive",
      p3: "inactive",
      p4: "inactive",
    });
    const log = await muster.sql(
      `select source_id, actor like 'key:%' as by_key, reason, request_id, muster.iso(changed_at) as at, entries -> 0 ->> 'new' as status
       from changes where name = 'p4' and change_type = 'UPDATED'`,
    );
    const request_id = response.headers.get("X-Request-Id");
    expect(log).toEqual([
      { source_id: source, by_key: true, reason: "nightly", request_id, at: iso(2000), status: "inactive" },
    ]);
    expect(await body(await syncs.request(syncs.path(source, `/${sync.id}`)))).toMatchObject({
      status: "committed",
      committed_at: iso(2000),
      counts: outcome["counts"],
    });
  });

  it("answers the same again, whatever it is asked, and is closed to bulks and to being given up", async () => {
    const sync = await syncs.openAfter(source, ["gone"]);
    const first = await body(await syncs.commit(source, sync));
    setClock(2 * dayMs);
    await syncs.bulk(`source_id=${source}`, ["gone"]);
    expect(await body(await syncs.commit(source, sync))).toEqual(first);
    expect(await body(await syncs.commit(source, sync, { dry_run: true, force: true }))).toEqual(first);
    expect(await syncs.states()).toEqual({ gone: "active" });
    const late = await syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: [toItem("y")] });
    expect(await body(late, 409)).toMatchObject({ detail: expect.stringMatching(/was committed at/) });
    expect((await syncs.request(syncs.path(source, `/${sync.id}`), { method: "DELETE" })).status).toBe(409);
  });

  it("leaves alone what is outside its scope, of other sources, or of clients", async () => {
    const other = await syncs.source();
    await syncs.bulk(`source_id=${other}`, ["other"]);
    await syncs.bulk("", ["client"]);
    const mine = [
      { name: "none", namespace: null },
      { name: "a" },
      { name: "b", namespace: "b" },
      { name: "node", ci_type: "node" },
    ];
    await syncs.bulk(`source_id=${source}`, mine);
    setClock(1000);
    const sync = await syncs.open(source, { types: ["pod"], namespaces: [null, "b"] });
    expect(await body(await syncs.commit(source, sync))).toMatchObject({
      counts: { seen: 0, unseen: 2, deactivated: 2 },
    });
    expect(await syncs.states()).toEqual({
      a: "active",
      b: "inactive",
      client: "active",
      node: "active",
      none: "inactive",
      other: "active",
    });
  });

  it("keeps what another source still sees, and turns it when that one's sync misses it too", async () => {
    const other = await syncs.source();
    await syncs.bulk(`source_id=${source}`, ["both", "mine"]);
    await syncs.share(["both"], other);
    setClock(1000);
    const sync = await syncs.open(source);
    expect(await body(await syncs.commit(source, sync))).toMatchObject({
      counts: { seen: 0, unseen: 2, deactivated: 1, kept_by_other_sources: 1 },
    });
    expect(await syncs.states()).toEqual({ both: "active", mine: "inactive" });
    const second = await syncs.open(other);
    expect(await body(await syncs.commit(other, second))).toMatchObject({ counts: { unseen: 1, deactivated: 1 } });
    expect(await syncs.states()).toEqual({ both: "inactive", mine: "inactive" });
  });

  it("counts records that do not age by themselves, and neither those of archived items nor those that are not live", async () => {
    await syncs.bulk(`source_id=${source}`, ["stays", "archived", "dead", "by hand"]);
    await muster.sql("update source_records set ages = false where name = 'stays'");
    await muster.sql("update configuration_items set status = 'archived' where name in ('archived', 'by hand')");
    await muster.sql("update source_records set live = false where name in ('dead', 'archived')");
    await muster.sql("update configuration_items set status = 'inactive' where name = 'dead'");
    setClock(1000);
    const sync = await syncs.open(source);
    const counts = { seen: 0, unseen: 1, deactivated: 1, kept_by_other_sources: 0 };
    expect(await body(await syncs.commit(source, sync, { dry_run: true }))).toMatchObject({ counts });
    expect(await body(await syncs.commit(source, sync))).toMatchObject({ counts });
    expect(await syncs.states()).toEqual({
      archived: "archived",
      "by hand": "archived",
      dead: "inactive",
      stays: "inactive",
    });
  });

  it("brings what comes back to life again, and the sweep has nothing more to do", async () => {
    const sync = await syncs.openAfter(source, ["gone", "here"]);
    await syncs.bulk(`sync_id=${sync.id}`, ["here"]);
    await syncs.commit(source, sync);
    setClock(2000);
    const next = await syncs.open(source);
    expect((await syncs.bulk(`sync_id=${next.id}`, ["gone"])).counts).toMatchObject({ reactivated: 1 });
    await body(await syncs.commit(source, next));
    expect(await syncs.states()).toEqual({ gone: "active", here: "inactive" });
  });

  it.each<[unknown, number]>([
    [{ max_drop_percent: 101 }, 422],
    [{ max_drop_percent: -1 }, 422],
    [{ max_drop_percent: "20" }, 422],
    [{ force: "yes" }, 422],
    [{ dryrun: true }, 422],
    [[], 422],
    ["{", 400],
  ])("refuses %j", async (options, status) => {
    const sync = await syncs.openAfter(source, ["gone"]);
    const response = await syncs.request(syncs.path(source, `/${sync.id}/commit`), { body: options });
    expect(response.status).toBe(status);
    expect(await syncs.states()).toEqual({ gone: "active" });
  });
});
