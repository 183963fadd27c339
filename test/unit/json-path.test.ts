import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePath, PathSyntaxError, readPath } from "../../src/lib/json-path.ts";

function write(keys: readonly string[]): string {
  return keys
    .map((key, place) => {
      if (/^[^.[\]":]+$/.test(key)) {
        return place === 0 ? key : `.${key}`;
      }
      return `["${key.replace(/["\\]/g, String.raw`\$&`)}"]`;
    })
    .join("");
}

describe("readPath", () => {
  it.each([
    ["spec.replicas", ["spec", "replicas"]],
    ['metadata.labels["app.kubernetes.io/name"]', ["metadata", "labels", "app.kubernetes.io/name"]],
    ['["a.b"].c', ["a.b", "c"]],
    ['a["with \\" quote"]["and:colon"]', ["a", 'with " quote', "and:colon"]],
    ["status.conditions[*].type", ["status", "conditions", null, "type"]],
    ["a.0.b", ["a", "0", "b"]],
    ["__proto__", ["__proto__"]],
  ])("reads %s", (text, path) => {
    expect(readPath(text)).toEqual({ path, rest: "" });
  });

  it("stops at the first colon outside quotes and hands back the rest", () => {
    expect(readPath('a["x:y"].b:eq:1:2')).toEqual({ path: ["a", "x:y", "b"], rest: ":eq:1:2" });
  });

  it.each(["", ":eq:1", ".a", "a.", "a..b", "a[", "a[0]", 'a["b', "a b]", 'a"b', "a[*"])("refuses %j", (text) => {
    expect(() => readPath(text)).toThrow(PathSyntaxError);
  });

  it("refuses NUL, which no document can hold", () => {
    expect(() => readPath("a\u0000b")).toThrow(PathSyntaxError);
  });

  it("reads back any keys that were written in its grammar", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: "grapheme" }).filter((key) => !key.includes("\0")),
          { minLength: 1, maxLength: 5 },
        ),
        (keys) => {
          expect(parsePath(write(keys))).toEqual(keys);
        },
      ),
    );
  });
});

describe("parsePath", () => {
  it.each(["a:b", "a[*].b"])("refuses %s, which names more or less than one place", (text) => {
    expect(() => parsePath(text)).toThrow(PathSyntaxError);
  });
});
