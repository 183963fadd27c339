import { describe, expect, it } from "vitest";
import { nearest, suggestion } from "../../src/lib/nearest.ts";

const fields = ["name", "namespace", "ci_type", "status", "created_at"];

describe("nearest", () => {
  it.each([
    ["nmae", "name"],
    ["namespac", "namespace"],
    ["NAME", "name"],
    ["citype", "ci_type"],
    ["create_at", "created_at"],
    ["state", "status"],
  ])("takes %s for %s", (word, meant) => {
    expect(nearest(word, fields)).toBe(meant);
  });

  it("finds nothing near a word that is like none", () => {
    expect(nearest("xyzzyqwv", fields)).toBeUndefined();
    expect(nearest("x", [])).toBeUndefined();
  });

  it("stays quick for a word of any length", () => {
    expect(nearest("n".repeat(1_000_000), fields)).toBeUndefined();
  });
});

describe("suggestion", () => {
  it("names the nearest, or all there are", () => {
    expect(suggestion("nmae", fields)).toBe('; did you mean "name"?');
    expect(suggestion("qqqqqqqqqqq", fields)).toBe(`; there are ${fields.join(", ")}`);
  });
});
