import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

interface Change {
  change_type: string;
  version: number;
  actor: string | null;
  request_id: string | null;
  reason: string | null;
  changes: { field: string; op: string; old_value: unknown; new_value: unknown }[];
}

let muster: Muster;

async function history(ciId: unknown, query = ""): Promise<Change[]> {
  const response = await muster.request(`/api/v1/ci-changes/${String(ciId)}${query}`);
  return (await body<{ items: Change[] }>(response)).items;
}

async function report(name: string, ci_type: string, raw_data: unknown): Promise<Row> {
  const response = await muster.request(itemsPath, { body: { name, ci_type, raw_data } });
  return body(response, response.status === 201 ? 201 : 200);
}

/** The entries of the one change that these two sightings make, without the op where it says no more than the values. */
async function changed(name: string, ci_type: string, before: unknown, after: unknown): Promise<unknown[][]> {
  const { ci_id } = await report(name, ci_type, before);
  await report(name, ci_type, after);
  const [latest, ...older] = await history(ci_id);
  expect(older.map((change) => change.change_type)).toEqual(["CREATED"]);
  expect(latest).toMatchObject({ change_type: "UPDATED", version: 2 });
  return (latest?.changes ?? []).map((entry) => [entry.field, entry.op, entry.old_value, entry.new_value]);
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

describe("an edited document", () => {
  it.each([
    [
      "one value",
      { spec: { replicas: 3, x: 1 } },
      { spec: { replicas: 5, x: 1 } },
      [["spec.replicas", "replace", 3, 5]],
    ],
    [
      "keys that hold signs of the grammar",
      { labels: { "a.b/c": "x", 'q"]': "x", "": 1 } },
      { labels: { "a.b/c": "y", 'q"]': "y", "": 2 } },
      [
        ['labels[""]', "replace", 1, 2],
        ['labels["a.b/c"]', "replace", "x", "y"],
        [String.raw`labels["q\"]"]`, "replace", "x", "y"],
      ],
    ],
    [
      "fields named like columns",
      { status: "up", name: "a", nested: { status: "up" } },
      { status: "down", name: "b", nested: { status: "down" } },
      [
        ["raw_data.name", "replace", "a", "b"],
        ["nested.status", "replace", "up", "down"],
        ["raw_data.status", "replace", "up", "down"],
      ],
    ],
    [
      "absent against null",
      { a: null, b: 1 },
      { b: null, c: null },
      [
        ["a", "remove", null, null],
        ["b", "replace", 1, null],
        ["c", "add", null, null],
      ],
    ],
    ["an array, whole", { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, [["a", "replace", [1, { b: 2 }], [1, { b: 3 }]]]],
    ["an object that becomes a value", { a: { b: 1 } }, { a: "b" }, [["a", "replace", { b: 1 }, "b"]]],
    ["a whole object that appears", {}, { a: { b: { c: 1 } } }, [["a", "add", null, { b: { c: 1 } }]]],
    ["a number that becomes a text", { a: 1 }, { a: "1" }, [["a", "replace", 1, "1"]]],
  ])("leaves exactly its own entries: %s", async (name, before, after, entries) => {
    expect(await changed(name, "thing", before, after)).toEqual(entries);
  });

  it("is logged with who, by which request and why", async () => {
    const created = await report("why", "thing", {});
    const reason = `${"r".repeat(499)}😀 and more`;
    const response = await muster.request(`${itemsPath}/${String(created["ci_id"])}`, {
      method: "PATCH",
      body: { department: "it" },
      headers: { "X-Change-Reason": reason },
    });
    await body(response);
    const [change] = await history(created["ci_id"]);
    expect(change).toMatchObject({
      actor: expect.stringMatching(/^key:[\da-f-]{36}$/),
      request_id: response.headers.get("X-Request-Id"),
      reason: expect.stringMatching(/^r{499}/),
      changes: [{ field: "department", op: "replace", old_value: null, new_value: "it" }],
    });
  });

  it("in the API's other verbs and by hand leaves the same kind of row", async () => {
    const { ci_id } = await report("verbs", "thing", { a: 1 });
    await write(ci_id, "PUT", { name: "verbs 2", ci_type: "thing", raw_data: { a: 2 } });
    await write(ci_id, "PATCH", { namespace: "n", raw_data: { b: 1 } });
    await write(ci_id, "DELETE", undefined);
    await muster.sql(
      "update configuration_items set raw_data = raw_data || '{\"c\": 3}', name = 'hand' where ci_id = $1",
      [ci_id],
    );
    const rows = await history(ci_id);
    expect(
      rows.map((change) => [change.version, change.change_type, change.changes.map(({ field }) => field)]),
    ).toEqual([
      [5, "UPDATED", ["name", "c"]],
      [4, "DELETED", ["status"]],
      [3, "UPDATED", ["namespace", "b"]],
      [2, "UPDATED", ["name", "a"]],
      [1, "CREATED", []],
    ]);
    expect(rows[0]?.actor).toBeNull();
    const pages = [
      await history(ci_id, "?limit=2"),
      await history(ci_id, "?limit=2&offset=2"),
      await history(ci_id, "?offset=4"),
    ];
    expect(pages.flat()).toEqual(rows);
  });

  it("over 64 KiB is shortened in the list, visibly, and whole in the table", async () => {
    const text = Array.from({ length: 9000 }, (_, n) => `word ${n}`).join(" ");
    const [entry] = await changed("large", "thing", { text: "short", other: 1 }, { text, other: 1 });
    const size = text.length + 2;
    expect(entry).toEqual([
      "text",
      "replace",
      "short",
      { truncated: true, bytes: size, preview: `"${text.slice(0, 1023)}` },
    ]);
    const [row] = await muster.sql(
      "select entries -> 0 ->> 'new' as text from changes where name = 'large' and version = 2",
    );
    expect(row?.["text"]).toBe(text);
    const repeated = "x".repeat(100_000);
    const [squeezed] = await changed("squeezed", "thing", {}, { text: repeated });
    expect(squeezed?.[3]).toMatchObject({ truncated: true, bytes: 100_002 });
  });
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

describe("totals", () => {
  it("from the counts equal count(*) after any writes and folds", async () => {
    muster = await createMuster();
    const name = fc.constantFrom("a", "b", "c");
    const namespace = fc.option(fc.constantFrom("x", "y"));
    const ci_type = fc.constantFrom("host", "thing");
    const item = fc.record({ name, namespace, ci_type, department: fc.constantFrom("it", null) });
    const anyItem = "(select ci_id from configuration_items order by hashtext(ci_id::text || $1) limit 1)";
    const step = fc.oneof(
      fc.tuple(fc.constant("bulk"), fc.array(item, { maxLength: 4 })),
      fc.tuple(fc.constant("state"), fc.constantFrom("active", "inactive", "archived")),
      fc.tuple(fc.constant("rename"), namespace),
      fc.tuple(fc.constant("delete"), fc.constant(null)),
      fc.tuple(fc.constant("fold"), fc.constant(null)),
    );
    const filters = [
      "",
      "&filter=namespace:ne:x",
      "&filter=status:in:active,archived&filter=ci_type:eq:host",
      "&filter=department:null",
      "&filter=source_id:notnull&filter=namespace:null",
    ];
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const [kind, value] of steps) {
          n += 1;
          if (kind === "bulk") {
            await body(await muster.request(`${bulkPath}${n % 2 ? "?source=s" : ""}`, { body: value }));
          } else if (kind === "fold") {
            await muster.cron("*/15 * * * *", new Date());
          } else if (kind === "delete") {
            await muster.sql(
              `with gone as (delete from configuration_items where ci_id = ${anyItem} returning ci_id)
              delete from source_records r using gone where r.ci_id = gone.ci_id`,
              [n],
            );
          } else {
            const column = kind === "state" ? "status" : "namespace";
            await muster.sql(`update configuration_items set ${column} = $2 where ci_id = ${anyItem}`, [n, value]);
          }
        }
        for (const filter of filters) {
          const query = `${itemsPath}?status=all${filter}`;
          // A filter that the counts do not know makes the total a count of rows.
          const [fast, slow] = await Promise.all(
            [query, `${query}&filter=version:notnull`].map(async (path) =>
              body<{ total: number }>(await muster.request(path)),
            ),
          );
          expect(fast?.total, filter).toBe(slow?.total);
        }
      }),
      { numRuns: 25 },
    );
  });
});
