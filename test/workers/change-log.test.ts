import { beforeAll, describe, expect, it } from "vitest";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

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

const write = async (ciId: unknown, method: string, content: unknown) =>
  body(await muster.request(`${itemsPath}/${String(ciId)}`, { method, body: content }));

beforeAll(async () => {
  muster = await createMuster();
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
