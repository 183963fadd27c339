import { beforeAll, describe, expect, test } from "vitest";
import { body, createMuster, itemsPath, type Muster, type RequestOptions } from "../support/muster.ts";
import { relationshipsOf, relationshipsPath, said, unknownItem } from "../support/relationships.ts";

let muster: Muster;
let own: ReturnType<typeof relationshipsOf>;

beforeAll(async () => {
  muster = await createMuster();
  own = relationshipsOf(muster);
});

describe("refused is", () => {
  let ends: [string, string];
  beforeAll(async () => {
    ends = await own.createPair();
  });

  test.each<[string, (source: string, target: string) => unknown, RegExp]>([
    ["an end that is no item", (source) => said(source, unknownItem), /target_ci_id: there is no .*dead/],
    [
      "two of them",
      () => said(unknownItem, unknownItem.replace("d", "c")),
      /source_ci_id: there is no .*; target_ci_id: there is no/,
    ],
    [
      "an item that is related to itself",
      (source) => said(source, source.toUpperCase()),
      /target_ci_id: must be another/,
    ],
    ["an end that is no UUID", (source) => said(source, "x"), /target_ci_id: must be a UUID/],
    ["an end that is missing", (source) => ({ source_ci_id: source, relationship_type: "x" }), /target_ci_id/],
    ["an empty type", (source, target) => said(source, target, "  "), /relationship_type/],
    ["a type of 129 bytes", (source, target) => said(source, target, `é${"x".repeat(127)}`), /longer than 128 bytes/],
    ["a type with a line break", (source, target) => said(source, target, "a\nb"), /control characters/],
    ["a type with a comma", (source, target) => said(source, target, "a,b"), /commas/],
    ["a type with NUL", (source, target) => said(source, target, "a\0b"), /cannot be stored/],
    [
      "properties that are a list",
      (source, target) => said(source, target, "x", { properties: [] }),
      /properties: must be/,
    ],
    [
      "properties over 64 KiB",
      (source, target) => said(source, target, "x", { properties: { a: "x".repeat(65_536) } }),
      /65536 bytes/,
    ],
    [
      "evidence over 64 KiB",
      (source, target) => said(source, target, "x", { evidence: "x".repeat(65_536) }),
      /65536 bytes/,
    ],
    ["a confidence over 1", (source, target) => said(source, target, "x", { confidence: 1.01 }), /confidence/],
    ["a confidence that is a text", (source, target) => said(source, target, "x", { confidence: "1" }), /confidence/],
    ["an unknown key", (source, target) => said(source, target, "x", { extracted: true }), /extracted/],
    [
      "a NUL in the properties",
      (source, target) => said(source, target, "x", { properties: { a: "\0" } }),
      /cannot be stored/,
    ],
    ["a body that is a number", () => 7, /object/],
    ["an array without elements", () => [], /1 to 1000/],
    ["an array of 1,001", (source, target) => Array.from({ length: 1001 }, () => said(source, target)), /1 to 1000/],
  ])("%s, with the reason", async (_name, make, reason) => {
    const answer = await own.state(make(...ends), 422);
    expect(answer.detail).toMatch(reason);
    expect(await own.list(ends[0], "status=all")).toMatchObject({ total: 0 });
  });

  test("another content type, no JSON and an unknown query key", async () => {
    const send = async (options: RequestOptions, status: number, query = "") =>
      body(await muster.request(`${relationshipsPath}${query}`, { method: "POST", ...options }), status);
    await send({ body: "x", headers: { "Content-Type": "text/plain" } }, 415);
    await send({ body: "{" }, 400);
    await send({ body: said(...ends) }, 400, "?sauce=x");
    await send({ body: said(...ends) }, 422, "?source=");
    expect(await own.list(ends[0])).toMatchObject({ total: 0 });
  });

  test("writing by those who may only read, and everything without a key", async () => {
    const viewer = await muster.createKey("user", { role: "viewer" });
    const { id } = await own.state(said(...ends, "kept"), 201);
    const url = `${relationshipsPath}/${id}`;
    const status = async (path: string, options: RequestOptions) => (await muster.request(path, options)).status;
    expect(await status(relationshipsPath, { body: said(...ends), key: viewer })).toBe(403);
    expect(await status(relationshipsPath, { body: [said(...ends)], key: viewer })).toBe(403);
    expect(await status(url, { method: "DELETE", key: viewer })).toBe(403);
    expect(await status(url, { key: viewer })).toBe(200);
    const urls = [relationshipsPath, url, `${itemsPath}/${ends[0]}/relationships`];
    expect(await Promise.all(urls.map(async (each) => status(each, { key: null })))).toEqual([401, 401, 401]);
    expect(await status(url, { method: "DELETE" })).toBe(200);
  });
});
