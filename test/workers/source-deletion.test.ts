import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  cephSource,
  makeCollector,
  makeSource,
  routesOf,
  sourcesPath,
} from "../support/collectors.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster } from "../support/muster.ts";

let muster: Muster;

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(sourcesPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const { put, remove, report, check } = routesOf(() => muster);

describe("a deleted source", () => {
  const pod = (name: string) => ({ name, ci_type: "kubernetes.pod", raw_data: { name } });
  const bulk = async (at: Muster, source: string, names: string[]) =>
    body(await at.request(`${bulkPath}?source=${source}`, { body: names.map(pod) }));
  const states = async (at: Muster) =>
    Object.fromEntries(
      (await at.sql("select name, status from configuration_items order by name")).map((row) => [
        row["name"],
        row["status"],
      ]),
    );

  it("is gone with its credentials, its history stays, and its name is free", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, cephSource);
    expect(await body(await remove(source.id))).toEqual({ message: "Source deleted successfully" });
    for (const response of [
      await remove(source.id),
      await muster.request(`${sourcesPath}/${source.id}`),
      await put(source.id, { name: "x" }),
      await put(source.id, { token: "x" }),
      await report(source.id, { status: "healthy" }),
      await check(source.id),
    ]) {
      expect(response.status).toBe(404);
    }
    const [row] = await muster.sql("select * from sources where id = $1", [source.id]);
    expect(row).toMatchObject({
      name: cephSource.name,
      credentials: null,
      username: null,
      due_at: null,
      claimed_until: null,
    });
    expect(await makeSource(muster, collector.id, cephSource)).toMatchObject({ name: cephSource.name });
  });

  it("leaves inactive what it alone saw, and as it is what another sees, too", async () => {
    const own = await createMuster();
    const { id } = await makeCollector(own);
    const source = await makeSource(own, id, { name: "doomed" });
    await bulk(own, "doomed", ["alone", "shared"]);
    // One item with records of two sources, as a merge leaves it.
    const other = await makeSource(own, id, { name: "other" });
    await own.sql(
      `insert into source_records (ci_id, last_seen, source_id, ci_type, namespace, name, content_hash)
       select ci_id, last_seen, $1, ci_type, namespace, name, content_hash from source_records where name = 'shared'`,
      [other.id],
    );
    expect(await own.statements(async () => remove(source.id, own))).toBe(1);
    expect(await states(own)).toEqual({ alone: "inactive", shared: "active" });
    const history = await own.sql("select change_type, entries from changes h where h.name = 'alone' order by h.id");
    expect(history.map((row) => row["change_type"])).toEqual(["CREATED", "UPDATED"]);
    // A report under its name makes a source anew.
    await bulk(own, "doomed", ["alone"]);
    const [fresh] = await own.sql("select id from sources where name = 'doomed' and deleted_at is null");
    expect(fresh?.["id"]).not.toBe(source.id);
  });

  it("with more records than one statement takes is aged to the end by the sweep, which then asks no more", async () => {
    const own = await createMuster();
    const { id } = await makeCollector(own);
    const source = await makeSource(own, id, { name: "large" });
    const names = Array.from({ length: 7500 }, (_, n) => `pod ${n}`);
    await bulk(own, "large", names.slice(0, 5000));
    await bulk(own, "large", names.slice(5000));
    const active = async () =>
      (await own.sql("select count(*)::int as n from configuration_items where status = 'active'"))[0]?.["n"];
    await body(await remove(source.id, own));
    expect(await active()).toBe(2500);
    await own.cron("*/15 * * * *", new Date());
    expect(await active()).toBe(0);
    const [run] = await own.sql("select details from job_runs where job = 'sweep' order by id desc limit 1");
    expect(run?.["details"]).toMatchObject({ deactivated: 2500 });
    expect(await own.sql("select due_at from sources where id = $1", [source.id])).toEqual([{ due_at: null }]);
  });

  it("deleted while it is reported ends without a live record, whoever was first", async () => {
    const own = await createMuster();
    const { id } = await makeCollector(own);
    const names = Array.from({ length: 200 }, (_, n) => `pod ${n}`);
    for (const round of [1, 2, 3, 4]) {
      const name = `raced-${round}`;
      const source = await makeSource(own, id, { name });
      const [deletion, ...bulks] = await Promise.all([
        remove(source.id, own),
        ...Array.from({ length: 4 }, async () => own.request(`${bulkPath}?source=${name}`, { body: names.map(pod) })),
      ]);
      expect(deletion.status).toBe(200);
      expect(bulks.map((response) => response.status)).toEqual([200, 200, 200, 200]);
      const left = await own.sql("select count(*)::int as n from source_records where source_id = $1 and live", [
        source.id,
      ]);
      expect(left).toEqual([{ n: 0 }]);
    }
  });
});

describe("a report that names its source", () => {
  it("means the one without a collector, else the only one, and is a conflict among several", async () => {
    const [first, second] = [await makeCollector(muster), await makeCollector(muster)];
    const send = async (name: string) =>
      muster.request(`${itemsPath}?source=${name}`, { body: { name: `of ${name}`, ci_type: "host" } });
    const only = await makeSource(muster, first.id, { name: "only" });
    expect(await body(await send("only"), 201)).toMatchObject({ source_id: only.id });
    const [one, other] = [
      await makeSource(muster, first.id, { name: "twice" }),
      await makeSource(muster, second.id, { name: "twice" }),
    ];
    const { detail } = await body(await send("twice"), 409);
    expect(detail).toContain("source_id");
    expect(detail).toContain(`${one.id}, ${other.id}`);
    expect((await muster.request(`${bulkPath}?source=twice`, { body: [{ name: "x", ci_type: "host" }] })).status).toBe(
      409,
    );
    await remove(one.id);
    expect(await body(await send("twice"), 201)).toMatchObject({ source_id: other.id });
    const made = await body(await send("unheard-of"), 201);
    await makeSource(muster, first.id, { name: "unheard-of" });
    expect(await body(await send("unheard-of"))).toMatchObject({ source_id: made["source_id"] });
  });
});
