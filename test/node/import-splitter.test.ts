import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonSplitter } from "../../scripts/import/json-splitter.ts";

describe("the splitter", () => {
  const mark = "\u{feff}";
  const tricky = `${mark} {"items" : [ {"a":"}]\\"\\\\","items":[1,{"items":[]}],"ключ":"日本 🐙"} ,"\\\\",-1.5e3 ,[[]],true,{}
    ],"kind":"PodList" , "metadata":{"items":[9],"x":"items"},"apiVersion":"v1"}{"itemsX":[1],"a":{"items":[2]},"it\\"ems":[3]}
    ${mark}{"kind":"A","items":"items"}\n42 null\n[ {"b":[1]}, "]" ]{"kind":"Empty","items":[ ]}"end"`;

  function split(chunks: Uint8Array[]): unknown[] {
    const splitter = new JsonSplitter();
    const parts = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
    return parts.map((part) =>
      part.type === "value"
        ? { ...part, bytes: part.bytes === null ? null : Buffer.from(part.bytes).toString() }
        : part,
    );
  }

  test("finds every element, member and value of a tricky document, with its place", () => {
    const parts = split([Buffer.from(tricky)]);
    const values = parts.filter((part) => typeof part === "object" && part !== null && "bytes" in part);
    expect(values.map((part) => part.bytes)).toEqual([
      '{"a":"}]\\"\\\\","items":[1,{"items":[]}],"ключ":"日本 🐙"}',
      '"\\\\"',
      "-1.5e3",
      "[[]]",
      "true",
      "{}",
      '{"itemsX":[1],"a":{"items":[2]},"it\\"ems":[3]}',
      '{"kind":"A","items":"items"}',
      "42",
      "null",
      '{"b":[1]}',
      '"]"',
      '"end"',
    ]);
    const last = { kind: "PodList", metadata: { items: [9], x: "items" }, apiVersion: "v1", items: [] };
    expect(parts).toContainEqual({ type: "members", members: last, last: true });
    expect(parts).toContainEqual({ type: "members", members: { kind: "Empty", items: [] }, last: false });
    const offset = Buffer.byteLength(tricky.slice(0, tricky.indexOf('{"itemsX"')));
    expect(values[6]).toMatchObject({ place: { index: null, line: 2, offset } });
    expect(values[1]).toMatchObject({ place: { index: 1, line: 1 } });
  });

  test("finds the same wherever the chunks are cut", () => {
    const bytes = Buffer.from(tricky);
    const whole = split([bytes]);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(split([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    expect(split([...bytes.values()].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  test("returns any list of JSON values element by element", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.nat(6), fc.integer({ min: 1, max: 50 }), (elements, indent, size) => {
        const bytes = Buffer.from(JSON.stringify({ a: { items: [1] }, items: elements, z: "]" }, null, indent));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        const splitter = new JsonSplitter();
        const parts = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
        const found = parts.flatMap((part) =>
          part.type === "value" ? [JSON.parse(Buffer.from(part.bytes ?? []).toString())] : [],
        );
        expect(found).toEqual(JSON.parse(JSON.stringify(elements)));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['{"items":[{"a":1},{"b":', 23, "ends inside the value"],
    ['{"items":[{"a":1}', 17, "ends inside a list"],
    ['{"items":[{"a":1} {"b":2}]}', 18, "a comma or the end of the list is missing"],
    ['{"items":[{"a":1},]}', 18, "a value is missing"],
    ['{"items":[{"a":1}],"kind":}', 27, "the members around the items are not JSON"],
    ['[{"a":1}]\n<html>', 10, "no JSON value begins here"],
    ['{"items":[{"a":1}]', 18, "ends inside the value"],
  ])("keeps what stands before broken input: %s", (text, offset, reason) => {
    const parts = split([Buffer.from(text)]);
    expect(parts).toContainEqual(expect.objectContaining({ bytes: '{"a":1}' }));
    expect(parts.at(-1)).toMatchObject({ type: "broken", place: { offset }, reason: expect.stringContaining(reason) });
  });
});
