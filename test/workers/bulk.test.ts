import { beforeAll, describe, expect, it } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

interface BulkAnswer {
  results: { index: number; outcome: string; ci_id: string | null; error: { detail: string } | null }[];
  counts: Record<string, number>;
}

const maxBytes = 8 * 1024 * 1024;
const ndjson = { "Content-Type": "application/x-ndjson" };
let muster: Muster;

async function bulk(content: unknown, query = "", headers = {}): Promise<BulkAnswer> {
  return body<BulkAnswer>(await muster.request(`${bulkPath}${query}`, { body: content, headers }));
}

async function refused(content: unknown, status: number, headers = {}): Promise<string> {
  const before = await rows();
  const path = Array.isArray(content) || typeof content !== "object" ? bulkPath : itemsPath;
  const answer = await body(await muster.request(path, { method: "POST", body: content, headers }), status);
  expect(await rows()).toBe(before);
  return String(answer["detail"]);
}

async function rows(): Promise<number> {
  const [row] = await muster.sql(
    "select (select count(*) from configuration_items) + (select count(*) from changes) as n",
  );
  return Number(row?.["n"]);
}

const item = (name: string, more: Row = {}): Row => ({ name, ci_type: "host", ...more });
const outcomes = (answer: BulkAnswer) => answer.results.map(({ outcome }) => outcome);

beforeAll(async () => {
  muster = await createMuster();
});

describe("a bulk", () => {
  it("says of each item what became of it", async () => {
    const first = await bulk([item("a"), item("b"), item("c"), item("d")]);
    expect(outcomes(first)).toEqual(["created", "created", "created", "created"]);
    expect(first.counts).toEqual({ created: 4, updated: 0, unchanged: 0, reactivated: 0, error: 0 });
    await muster.sql("update configuration_items set status = 'archived' where name = 'c'");
    const second = await bulk([item("d", { raw_data: { x: 1 } }), item("c"), item("e"), item("a"), { name: "" }]);
    expect(outcomes(second)).toEqual(["updated", "reactivated", "created", "unchanged", "error"]);
    expect(second.results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(second.results[0]?.ci_id).toBe(first.results[3]?.ci_id);
    expect(second.results[4]).toMatchObject({ ci_id: null, error: { detail: expect.stringContaining("name") } });
    expect(second.counts).toEqual({ created: 1, updated: 1, unchanged: 1, reactivated: 1, error: 1 });
  });

  it("is taken as NDJSON too, blank lines and a bad line included", async () => {
    const lines = [JSON.stringify(item("line 1")), "", "{broken", `${JSON.stringify(item("line 2"))}\r`, " ", '"text"'];
    const answer = await bulk(lines.join("\n"), "", ndjson);
    expect(outcomes(answer)).toEqual(["created", "error", "created", "error"]);
    expect(answer.results[1]?.error?.detail).toMatch(/not JSON/);
    expect(outcomes(await bulk(lines.join("\n"), "", ndjson))).toEqual(["unchanged", "error", "unchanged", "error"]);
  });

  it("lets bad items fail alone, each with its own reason", async () => {
    const bad: [unknown, RegExp][] = [
      [null, /object/],
      ["text", /object/],
      [item("x", { ci_type: "" }), /ci_type/],
      [item("x", { colour: "red" }), /colour/],
      [item("x", { raw_data: [] }), /JSON object/],
      [item("x".repeat(10_000)), /1024 bytes/],
      [item("ü".repeat(513)), /1024 bytes/],
      [item("x", { namespace: "n".repeat(513) }), /512 bytes/],
      [item("x", { ci_type: "t".repeat(129) }), /128 bytes/],
      [item("nul \0"), /NUL/],
      [item("x", { raw_data: { "k\0": 1 } }), /NUL/],
      [item("x", { raw_data: { a: ["\ud83d"] } }), /surrogate/],
      [item("x", { namespace: "\udc00" }), /surrogate/],
    ];
    const good = [item("good 1"), item("good 2", { raw_data: { emoji: "😀" } })];
    const answer = await bulk([good[0], ...bad.map(([content]) => content), good[1]]);
    expect(answer.counts).toMatchObject({ created: 2, error: bad.length });
    for (const [place, [, reason]] of bad.entries()) {
      expect(answer.results[place + 1]?.error?.detail).toMatch(reason);
    }
    const numbers = `[${[
      '{"name":"n1","ci_type":"host","raw_data":{"a":1e400}}',
      `{"name":"n2","ci_type":"host","raw_data":{"a":0.${"1".repeat(20_000)}}}`,
      `{"name":"n3","ci_type":"host","raw_data":{"a":${"[".repeat(65)}${"]".repeat(65)}}}`,
      '{"name":"n4","ci_type":"host","raw_data":{"a":1e-400}}',
      '{"name":"n6","ci_type":"host"}',
    ].join(",")}]`;
    const numbered = await bulk(numbers);
    expect(outcomes(numbered)).toEqual(["error", "error", "error", "error", "created"]);
    const deep = `{"name":"deep","ci_type":"host","raw_data":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`;
    expect(outcomes(await bulk(`[${deep},{"name":"beside deep","ci_type":"host"}]`))).toEqual(["error", "created"]);
  });

  it("with atomic=true lands whole or not at all", async () => {
    const before = await rows();
    const content = [item("atomic 1"), item("atomic 2", { raw_data: 5 })];
    const answer = await body<BulkAnswer>(await muster.request(`${bulkPath}?atomic=true`, { body: content }), 422);
    expect(outcomes(answer)).toEqual(["unchanged", "error"]);
    expect(await rows()).toBe(before);
    expect(outcomes(await bulk([item("atomic 1")], "?atomic=true"))).toEqual(["created"]);
  });

  it("takes the last of several with one identity, and says so of the others", async () => {
    const answer = await bulk([
      item("twin", { raw_data: { v: 1 } }),
      item("same"),
      item("twin", { raw_data: { v: 2 } }),
      item("same", { namespace: null }),
      item("same"),
    ]);
    expect(outcomes(answer)).toEqual(["error", "error", "created", "error", "created"]);
    expect(answer.results[0]?.error?.detail).toMatch(/index 2/);
    const [row] = await muster.sql("select raw_data from configuration_items where name = 'twin'");
    expect(row).toEqual({ raw_data: { v: 2 } });
    const equal = await bulk([item("equal"), item("equal")]);
    expect(outcomes(equal)).toEqual(["unchanged", "created"]);
    expect(equal.results[0]?.ci_id).toBe(equal.results[1]?.ci_id);
  });

  it("keeps what two sources report under one name apart, and makes a source on first use", async () => {
    const [one, again, two] = [
      await bulk([item("shared")], "?source=one"),
      await bulk([item("shared")], "?source=one"),
      await bulk([item("shared")], "?source=two"),
    ];
    expect([outcomes(one), outcomes(again), outcomes(two)]).toEqual([["created"], ["unchanged"], ["created"]]);
    expect(await muster.sql("select name from sources order by id")).toEqual([{ name: "one" }, { name: "two" }]);
  });

  it("takes 5,000 items and refuses 5,001, in both forms", async () => {
    const many = Array.from({ length: 5001 }, (_, n) => item(`many ${n}`));
    expect(await refused(many, 422)).toMatch(/5000/);
    expect(await refused(many.map((one) => JSON.stringify(one)).join("\n"), 422, ndjson)).toMatch(/5000/);
    expect((await bulk(many.slice(1))).counts).toMatchObject({ created: 5000 });
    expect((await bulk([])).results).toEqual([]);
  });
});

describe("a body", () => {
  it("over 8 MiB is refused, whether or not it says its length beforehand", async () => {
    const large = JSON.stringify([item("large", { raw_data: { text: "x".repeat(maxBytes) } })]);
    expect(await refused(large, 413)).toMatch(/8 MiB/);
    const chunk = new TextEncoder().encode(large.slice(0, 1024 * 1024));
    const stream = (chunks: number) => {
      let left = chunks;
      return new ReadableStream({
        pull(controller) {
          left -= 1;
          return left < 0 ? controller.close() : controller.enqueue(chunk);
        },
      });
    };
    for (const headers of [{}, ndjson]) {
      const response = await muster.request(bulkPath, { body: stream(1000), headers });
      expect(await body(response, 413)).toMatchObject({ type: "PayloadTooLargeError" });
    }
    const empty = JSON.stringify([item("limit", { raw_data: { text: "" } })]);
    const exact = empty.replace('""', `"${"x".repeat(maxBytes - empty.length)}"`);
    expect(outcomes(await bulk(exact))).toEqual(["created"]);
  });

  it.each([
    ["[{]", /not JSON/],
    ["", /empty/],
    ["  ", /empty/],
    ['{"name":"a","ci_type":"b"', /not JSON/],
    [new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]), /UTF-8/],
    [new Uint8Array([0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d]), /UTF-8/],
    [new Uint8Array([0x22, 0xe2, 0x82]), /UTF-8/],
  ])("that is no JSON in UTF-8 is 400: %j", async (content, reason) => {
    expect(await refused(content, 400)).toMatch(reason);
  });

  it.each(["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx"])(
    "of type %s is 415",
    async (type) => {
      const headers = { "Content-Type": type };
      for (const path of [bulkPath, itemsPath]) {
        const response = await muster.request(path, { body: "[]", headers });
        expect(await body(response, 415)).toMatchObject({ type: "UnsupportedMediaTypeError" });
      }
    },
  );

  it("may be of JSON's own type with parameters, and begin with a byte order mark", async () => {
    const headers = { "Content-Type": "Application/JSON; charset=utf-8" };
    expect(outcomes(await bulk(`\ufeff${JSON.stringify([item("bom")])}`, "", headers))).toEqual(["created"]);
  });

  it("that is no array is refused by the bulk, one that is no object by the others", async () => {
    for (const [path, content] of [
      [bulkPath, item("x")],
      [itemsPath, [item("x")]],
      [itemsPath, "5"],
      [itemsPath, "null"],
    ] as const) {
      expect((await muster.request(path, { body: content })).status).toBe(422);
    }
  });
});
