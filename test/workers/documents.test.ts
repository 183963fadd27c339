import { beforeAll, describe, expect, it } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

const ndjson = { "Content-Type": "application/x-ndjson" };
let muster: Muster;

/** The id of the one item that this bulk takes in. */
async function bulkOne(content: unknown, headers = {}): Promise<string> {
  const response = await muster.request(bulkPath, { body: content, headers });
  return String((await body<{ results: Row[] }>(response)).results[0]?.["ci_id"]);
}

const item = (name: string, more: Row = {}): Row => ({ name, ci_type: "host", ...more });

beforeAll(async () => {
  muster = await createMuster();
});

describe("documents", () => {
  const exact =
    '{"big":576460752032874495,"more":123456789012345678901234567890,"small":0.12345678901234567891,"less":-9223372036854775808}';

  async function shown(ciId: unknown): Promise<string> {
    const text = await (await muster.request(`${itemsPath}/${String(ciId)}`)).text();
    return text.slice(text.indexOf('"raw_data"')).replaceAll(/\s/g, "");
  }

  async function write(path: string, method: string, document: string, name: string): Promise<Row> {
    const content = `{"name":"${name}","ci_type":"host","raw_data":${document}}`;
    return body(await muster.request(path, { method, body: content }), method === "POST" ? 201 : 200);
  }

  it("keep every digit through POST, PUT, PATCH and bulk, and in the change log", async () => {
    const expectExact = async (ciId: unknown) => {
      const text = await shown(ciId);
      for (const pair of exact.slice(1, -1).split(",")) {
        expect(text).toContain(pair);
      }
    };
    const { ci_id } = await write(itemsPath, "POST", exact, "digits");
    await expectExact(ci_id);
    const path = `${itemsPath}/${String(ci_id)}`;
    await write(path, "PUT", "{}", "digits");
    await write(path, "PUT", exact, "digits");
    await expectExact(ci_id);
    await write(path, "PUT", "{}", "digits");
    await body(await muster.request(path, { method: "PATCH", body: `{"raw_data":${exact}}` }));
    await expectExact(ci_id);
    for (const [content, headers] of [
      [`[{"name":"digits b","ci_type":"host","raw_data":${exact}}]`, {}],
      [`{"name":"digits n","ci_type":"host","raw_data":${exact}}`, ndjson],
    ] as const) {
      await expectExact(await bulkOne(content, headers));
    }
    const changes = await (await muster.request(`/api/v1/ci-changes/${String(ci_id)}`)).text();
    expect(changes).toMatch(/"new_value"\s*:\s*576460752032874495/);
  });

  it("keep __proto__, constructor and empty keys like any other", async () => {
    const odd = '{"__proto__":{"polluted":true},"constructor":{"prototype":1},"":0,"n":576460752032874495}';
    const { ci_id } = await write(itemsPath, "POST", odd, "proto");
    expect(await shown(ci_id)).toContain('"__proto__":{"polluted":true}');
    await body(
      await muster.request(`${itemsPath}/${String(ci_id)}`, {
        method: "PATCH",
        body: '{"raw_data":{"__proto__":{"more":1}}}',
      }),
    );
    expect(await shown(ci_id)).toContain('"__proto__":{"more":1,"polluted":true}');
    const inBulk = await bulkOne(`[{"name":"proto b","ci_type":"host","raw_data":${odd}}]`);
    expect(await shown(inBulk)).toContain('"__proto__":{"polluted":true}');
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    const top = '{"name":"x","ci_type":"host","__proto__":{"ci_type":"y"}}';
    expect((await muster.request(itemsPath, { body: top })).status).toBeGreaterThanOrEqual(200);
    expect(Object.hasOwn(Object.prototype, "ci_type")).toBe(false);
  });

  it("may be nested 64 levels deep and no deeper, in every verb", async () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    // The body and raw_data are two levels of their own.
    const { ci_id } = await write(itemsPath, "POST", nested(62), "deep");
    for (const [method, path] of [
      ["POST", itemsPath],
      ["PUT", `${itemsPath}/${String(ci_id)}`],
      ["PATCH", `${itemsPath}/${String(ci_id)}`],
    ] as const) {
      for (const levels of [63, 100_000]) {
        const content = `{"name":"deep","ci_type":"host","raw_data":${nested(levels)}}`;
        expect(await body(await muster.request(path, { method, body: content }), 422)).toMatchObject({
          detail: expect.stringMatching(/64 levels/),
        });
      }
    }
    const withDigits = `{"name":"deep","ci_type":"host","raw_data":{"n":576460752032874495,"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`;
    expect([400, 422]).toContain((await muster.request(itemsPath, { body: withDigits })).status);
  });

  it.each([
    [item("x".repeat(1025)), /1024 bytes/],
    [item("nul \0"), /NUL/],
    [item("x", { raw_data: { a: "\ud800" } }), /surrogate/],
    [item("x", { raw_data: { "\0": 1 } }), /NUL/],
    [item("x", { department: "d".repeat(256) }), /255 bytes/],
  ])("that cannot be stored are 422 with the reason (%#)", async (content, reason) => {
    const { detail } = await body(await muster.request(itemsPath, { body: content }), 422);
    expect(detail).toMatch(reason);
    expect(await muster.sql("select 1 from configuration_items where name = 'x'")).toEqual([]);
  });
});
