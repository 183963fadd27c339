import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDetail, readResults } from "../../scripts/import/answer.ts";
import { toBulks } from "../../scripts/import/bulks.ts";
import { encodeItem } from "../../scripts/import/format.ts";
import type { Item, Reading } from "../../scripts/import/format.ts";
import { kubernetes } from "../../scripts/import/kubernetes.ts";
import { waitBeforeRetry } from "../../scripts/import/retry.ts";
import { findTarget } from "../../scripts/import/target.ts";

const key = "ps_svc_not-a-real-key";
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-import-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function pod(name: string, more: object = {}): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, ...more };
}

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe("reading Kubernetes", () => {
  async function read(input: string | Uint8Array): Promise<Reading[]> {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(input);
    }
    return Array.fromAsync(kubernetes.read(chunks(), "in.json"));
  }

  async function lines(input: string | Uint8Array): Promise<string[]> {
    return (await read(input)).map((reading) => ("item" in reading ? reading.item.line : reading.reject.reason));
  }

  test.each([
    '{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}]}',
    '{"items":[{"metadata":{"name":"a"}}],"apiVersion":"v1","kind":"PodList"}',
    '{"kind":"PodList","items":[{"metadata":{"name":"a","namespace":null}}],"apiVersion":"v1"}',
  ])("gives the items of a typed list its kind, wherever it stands: %s", async (input) => {
    const [line = ""] = await lines(input);
    expect(JSON.parse(line)).toMatchObject({
      name: "a",
      namespace: null,
      ci_type: "kubernetes.pod",
      raw_data: { kind: "Pod" },
    });
  });

  test("keeps an item's own kind and apiVersion, in lists and in a stream of objects", async () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d", namespace: "n" },
      spec: { replicas: 2 },
    };
    const expected = JSON.stringify({
      name: "d",
      namespace: "n",
      ci_type: "kubernetes.deployment",
      raw_data: deployment,
    });
    const text = JSON.stringify(deployment);
    const pretty = JSON.stringify(deployment, null, 2);
    const input = `{"kind":"List","apiVersion":"v1","items":[${text}]}${pretty}\n${text}\n[${text}]`;
    expect((await lines(input)).map((line) => JSON.parse(line))).toEqual(
      Array.from({ length: 4 }, () => JSON.parse(expected)),
    );
  });

  test("keeps every number as it was written", async () => {
    const numbers =
      '{"a":12345678901234567890,"b":[1.0,1e400,-0],"c":"12345678901234567890","d":9007199254740993,"e":5}';
    const [line] = await lines(`{"kind":"A","metadata":{"name":"n"},"spec": ${numbers}}`);
    expect(line).toContain(`"spec":${numbers}`);
  });

  test("drops the values of a Secret, and nothing else", async () => {
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "hunter2", team: "blue" };
    const secret = {
      data: { p: "hunter2" },
      stringData: { p: "hunter2" },
      type: "Opaque",
      metadata: { name: "s", annotations },
    };
    const [line = ""] = await lines(JSON.stringify({ items: [secret], kind: "SecretList", apiVersion: "v1" }));
    expect(line).not.toContain("hunter2");
    const kept = {
      type: "Opaque",
      metadata: { name: "s", annotations: { team: "blue" } },
      kind: "Secret",
      apiVersion: "v1",
    };
    expect(JSON.parse(line)).toMatchObject({ ci_type: "kubernetes.secret", raw_data: kept });
  });

  test.each([
    ['{"node":{"nodeName":"n"}}', "no kind: not a Kubernetes object"],
    ['{"items":[{"metadata":{"name":"a"}}]}', "no kind: not a Kubernetes object, and its list tells none"],
    ['{"kind":"Pod","metadata":{}}', "Pod without metadata.name"],
    ['{"kind":"Pod","metadata":{"name":"a","namespace":1}}', "Pod whose metadata.namespace is not a string"],
    ["[3]", "not an object"],
    [" \n", "empty: there is no JSON in it"],
  ])("rejects %s", async (input, reason) => {
    expect(await lines(input)).toEqual([reason]);
  });

  test("takes an empty list for what it is", async () => {
    expect(await lines('{"kind":"PodList","items":null}{"kind":"PodList","items":[]}')).toEqual([]);
  });

  test("rejects an item that is not UTF-8 and goes on, and tells UTF-16 by name", async () => {
    const bad = Buffer.concat([
      Buffer.from('{"kind":"'),
      Buffer.of(0xc3),
      Buffer.from(`"}${JSON.stringify(pod("b"))}`),
    ]);
    expect(await lines(bad)).toEqual(["not valid UTF-8", expect.stringContaining('"name":"b"')]);
    expect(await lines(Buffer.from("\u{feff}{}", "utf16le"))).toEqual([expect.stringContaining("UTF-16")]);
  });

  test("stops at broken JSON, tells where, keeps what came before and never quotes it", async () => {
    const readings = await read(
      `${JSON.stringify(pod("a"))}\n{"kind":"Secret",\n"data":hunter2}\n${JSON.stringify(pod("c"))}`,
    );
    expect(readings).toHaveLength(2);
    expect(readings[1]).toMatchObject({
      reject: { file: "in.json", place: { line: 2 }, reason: expect.stringMatching(/^broken JSON/) },
    });
    expect(JSON.stringify(readings)).not.toContain("hunter2");
  });
});

describe("the parts around it", () => {
  function item(name: string, size = 10): Item {
    const fields = { name, namespace: null, ciType: "t", rawData: { pad: "x".repeat(size) } };
    return encodeItem(fields, "f", { index: null, line: 1, offset: 0 });
  }

  async function pack(items: Item[]): Promise<{ sizes: number[]; dropped: number }> {
    async function* source(): AsyncGenerator<Item> {
      yield* items;
    }
    let dropped = 0;
    const bulks = await Array.fromAsync(toBulks(source(), () => dropped++));
    return { sizes: bulks.map((bulk) => bulk.length), dropped };
  }

  test("bulks hold at most 5,000 items and 4 MiB, and of one identity the last", async () => {
    expect(await pack(Array.from({ length: 5001 }, (_, i) => item(`n${i}`)))).toEqual({ sizes: [5000, 1], dropped: 0 });
    const big = 1.5 * 1024 * 1024;
    expect((await pack([item("a", big), item("b", big), item("c", big), item("d", 4 * big)])).sizes).toEqual([2, 1, 1]);
    expect(await pack([item("a"), item("b"), item("a", 20)])).toEqual({ sizes: [2], dropped: 1 });
  });

  test("waits as long as Retry-After asks, else twice as long each time, never in step", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(waitBeforeRetry(1, "2", now, 0)).toBe(2000);
    expect(waitBeforeRetry(1, "Thu, 01 Jan 2026 00:00:05 GMT", now, 1)).toBeCloseTo(5500);
    expect(waitBeforeRetry(1, "soon", now, 0)).toBe(250);
    expect([1, 2, 3, 9].map((attempt) => waitBeforeRetry(attempt, null, now, 1))).toEqual([500, 1000, 2000, 30_000]);
  });

  test("reads errors whatever their shape, and refuses an answer that does not fit", () => {
    for (const body of ['{"detail":"why"}', '{"error":{"message":"why"}}', '{"error":"why"}', "why"])
      expect(readDetail(body)).toContain("why");
    expect(readDetail('{"detail":[{"loc":["a"],"msg":"why"}]}')).toContain("why");
    const results =
      '{"results":[{"index":1,"outcome":"error","error":"bad"},{"index":0,"outcome":"created","error":null}]}';
    expect(readResults(results, 2)).toEqual([
      { outcome: "created", error: null },
      { outcome: "error", error: "bad" },
    ]);
    expect(() => readResults(results, 3)).toThrow("2 results for a bulk of 3");
    expect(() => readResults("<html>", 1)).toThrow("not JSON");
  });

  test("finds the local instance, and gives its key to nobody else", async () => {
    const local = write("local.json", JSON.stringify({ url: "http://127.0.0.1:8787", admin_key: key }));
    const nothing = { url: undefined, key: undefined };
    expect(await findTarget(nothing, {}, local)).toEqual({ url: "http://127.0.0.1:8787", key });
    expect(await findTarget(nothing, { MUSTER_API_KEY: "k" }, local)).toEqual({
      url: "http://127.0.0.1:8787",
      key: "k",
    });
    expect(await findTarget({ url: "https://m.example/x/", key: "k" }, {}, local)).toEqual({
      url: "https://m.example/x",
      key: "k",
    });
    await expect(findTarget({ url: "https://m.example", key: undefined }, {}, local)).rejects.toThrow("no API key");
    await expect(findTarget(nothing, {}, join(folder, "none"))).rejects.toThrow("where does Muster run?");
    await expect(findTarget({ url: "https://u:p@m.example", key }, {}, local)).rejects.toThrow("must read like");
  });
});
