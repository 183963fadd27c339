import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

interface Change {
  changes: { field: string; op: string; old_value: unknown; new_value: unknown }[];
}

let muster: Muster;

async function history(ciId: unknown): Promise<Change[]> {
  const response = await muster.request(`/api/v1/ci-changes/${String(ciId)}`);
  return (await body<{ items: Change[] }>(response)).items;
}

async function report(name: string, ci_type: string, raw_data: unknown): Promise<Row> {
  const response = await muster.request(itemsPath, { body: { name, ci_type, raw_data } });
  return body(response, response.status === 201 ? 201 : 200);
}

async function expectUnchanged(ciId: unknown, version = 1): Promise<void> {
  expect(await body(await muster.request(`${itemsPath}/${String(ciId)}`))).toMatchObject({ version });
  expect(await history(ciId)).toHaveLength(version);
}

const write = async (ciId: unknown, method: string, content: unknown) =>
  body(await muster.request(`${itemsPath}/${String(ciId)}`, { method, body: content }));

beforeAll(async () => {
  muster = await createMuster();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("what moves all the time", () => {
  const pod = (resourceVersion: string, phase = "Running") => ({
    metadata: { resourceVersion, managedFields: [{ time: resourceVersion }] },
    status: { phase },
  });
  const node = (time: string, ready = "True") => ({
    status: { conditions: [{ type: "Ready", status: ready, lastHeartbeatTime: time }] },
  });

  it.each([
    [
      "resourceVersion of a pod",
      "kubernetes.pod",
      pod("1"),
      pod("2"),
      pod("3", "Failed"),
      [["status.phase", "replace", "Running", "Failed"]],
    ],
    [
      "heartbeats of a node",
      "kubernetes.node",
      node("1"),
      node("2"),
      node("3", "False"),
      [["status.conditions", "replace", [{ type: "Ready", status: "True" }], [{ type: "Ready", status: "False" }]]],
    ],
  ])("%s: neither a change nor a version, in no verb", async (name, ci_type, first, second, third, entries) => {
    const { ci_id } = await report(name, ci_type, first);
    const sighting = { name, ci_type, raw_data: second };
    const { counts } = await body<{ counts: Row }>(await muster.request(bulkPath, { body: [sighting] }));
    expect(counts).toMatchObject({ unchanged: 1 });
    await report(name, ci_type, second);
    await write(ci_id, "PUT", sighting);
    await write(ci_id, "PATCH", { raw_data: second });
    await expectUnchanged(ci_id);
    await muster.sql("update configuration_items set raw_data = $1::jsonb where ci_id = $2", [
      JSON.stringify(second),
      ci_id,
    ]);
    await expectUnchanged(ci_id);
    await report(name, ci_type, third);
    const [change] = await history(ci_id);
    expect(change?.changes.map((entry) => [entry.field, entry.op, entry.old_value, entry.new_value])).toEqual(entries);
  });

  const table = (idx_scan: number, kind = "r") => ({ kind, metrics: { idx_scan, seq_scan: 7 } });
  const metrics = async (name: string) =>
    muster.sql(
      "select idx_scan::integer, seq_scan::integer from postgresql_table t join configuration_items c using (ci_id) where name = $1",
      [name],
    );

  it("metrics are refreshed without a change, whichever verb brings them", async () => {
    const ci_type = "postgresql.table";
    const { ci_id } = await report("users", ci_type, table(1));
    const item = (n: number) => ({ name: "users", ci_type, raw_data: table(n) });
    const { counts } = await body<{ counts: Row }>(await muster.request(bulkPath, { body: [item(2)] }));
    expect(counts).toMatchObject({ unchanged: 1 });
    expect(await metrics("users")).toEqual([{ idx_scan: 2, seq_scan: 7 }]);
    await report("users", ci_type, table(3));
    expect(await metrics("users")).toEqual([{ idx_scan: 3, seq_scan: 7 }]);
    await write(ci_id, "PUT", item(4));
    expect(await metrics("users")).toEqual([{ idx_scan: 4, seq_scan: 7 }]);
    await write(ci_id, "PATCH", { raw_data: { metrics: { idx_scan: 5 } } });
    expect(await metrics("users")).toEqual([{ idx_scan: 5, seq_scan: 7 }]);
    await expectUnchanged(ci_id);
  });

  it("a change of something else does not take metrics back to an older value", async () => {
    const ci_type = "postgresql.table";
    const { ci_id } = await report("orders", ci_type, table(1));
    await report("orders", ci_type, table(2));
    await write(ci_id, "PATCH", { raw_data: { kind: "v" } });
    expect(await metrics("orders")).toEqual([{ idx_scan: 2, seq_scan: 7 }]);
    await write(ci_id, "PATCH", { department: "it" });
    await muster.sql('update configuration_items set raw_data = raw_data || \'{"owner": "me"}\' where ci_id = $1', [
      ci_id,
    ]);
    expect(await metrics("orders")).toEqual([{ idx_scan: 2, seq_scan: 7 }]);
    await report("orders", ci_type, table(3, "m"));
    expect(await metrics("orders")).toEqual([{ idx_scan: 3, seq_scan: 7 }]);
  });

  it("the data of secrets is stored nowhere", async () => {
    const ci_type = "kubernetes.secret";
    const secret = (n: number) => ({ type: "Opaque", data: { key: `hush-${n}` }, stringData: { key: `hush-${n}` } });
    const { ci_id } = await report("secret", ci_type, secret(1));
    await report("secret", ci_type, secret(2));
    await body(await muster.request(bulkPath, { body: [{ name: "secret", ci_type, raw_data: secret(3) }] }));
    await write(ci_id, "PUT", { name: "secret", ci_type, raw_data: { ...secret(4), immutable: true } });
    await write(ci_id, "PATCH", { raw_data: { data: { other: "hush-5" } } });
    await write(ci_id, "DELETE", undefined);
    await report("secret", ci_type, secret(6));
    const tables = await muster.sql<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    expect(tables.length).toBeGreaterThan(40);
    const found = await Promise.all(
      tables.map(async ({ name }) => muster.sql(`select t::text from "${name}" t where t::text like '%hush-%'`)),
    );
    expect(found.flat()).toEqual([]);
    expect(await history(ci_id)).toHaveLength(4);
  });

  it("a bulk seen again moves last_seen and nothing else: no change, no row of an item rewritten", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const items = Array.from({ length: 300 }, (_, n) => ({
      name: `still ${n}`,
      ci_type: "kubernetes.pod",
      raw_data: pod(`${n}`),
    }));
    await body(await muster.request(bulkPath, { body: items }));
    const state = async () =>
      muster.sql(`select ci_id, xmin::text, ctid::text, version, (select count(*) from changes) as changes
        from configuration_items where name like 'still %' order by ci_id`);
    const before = await state();
    const later = new Date(Date.now() + 5000);
    vi.setSystemTime(later);
    const again = items.map((item, n) => ({ ...item, raw_data: pod(`later ${n}`) }));
    const { counts } = await body<{ counts: Row }>(await muster.request(bulkPath, { body: again }));
    expect(counts).toMatchObject({ unchanged: 300 });
    expect(await state()).toEqual(before);
    const page = await body<{ items: Row[] }>(
      await muster.request(`${itemsPath}?filter=name:startswith:still&limit=1000`),
    );
    expect(page.items.every((item) => item["last_seen"] === later.toISOString())).toBe(true);
  });
});
