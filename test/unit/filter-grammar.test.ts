import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FilterSyntaxError, operators, parseFilter } from "../../src/lib/filter-grammar.ts";

describe("parseFilter", () => {
  it("takes all that follows the second colon as the value", () => {
    expect(parseFilter("created_at:gt:2024-01-01T10:00:00")).toMatchObject({
      path: ["created_at"],
      operator: "gt",
      values: ["2024-01-01T10:00:00"],
    });
    expect(parseFilter("name:eq:").values).toEqual([""]);
    expect(parseFilter("name:eq: a\nb ").values).toEqual([" a\nb "]);
  });

  it("reads paths with dotted keys", () => {
    expect(parseFilter('raw_data.labels["a.b/c"]:eq:x').path).toEqual(["raw_data", "labels", "a.b/c"]);
  });

  it("gives null and notnull no values, with or without a closing colon", () => {
    for (const text of ["namespace:null", "namespace:null:", "namespace:notnull"]) {
      expect(parseFilter(text).values).toEqual([]);
    }
  });

  it("takes a comma for a separator in lists only, and an escaped one for itself", () => {
    expect(parseFilter("name:eq:a,b").values).toEqual(["a,b"]);
    expect(parseFilter("name:in:a,b,,c").values).toEqual(["a", "b", "", "c"]);
    expect(parseFilter(String.raw`name:nin:a\,b,c\\,d\e`).values).toEqual(["a,b", "c\\", String.raw`d\e`]);
  });

  it("reads back any list that was written with its escapes", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string().filter((value) => !value.includes("\0")),
          { minLength: 1 },
        ),
        fc.constantFrom("in", "nin"),
        (values, operator) => {
          const list = values.map((value) => value.replace(/[\\,]/g, String.raw`\$&`)).join(",");
          expect(parseFilter(`name:${operator}:${list}`).values).toEqual(values);
        },
      ),
    );
  });

  it.each([
    ["name", /write field:operator:value/],
    ["name:", /write field:operator:value/],
    ["name:equals:a", /unknown operator "equals"/],
    ["name:starts_with:a", /did you mean "startswith"\?/],
    ["name:EQ:a", /did you mean "eq"\?/],
    ["name:eq", /needs a value/],
    ["name:null:x", /takes no value/],
    ["a[*].b:eq:x", /arrays compare whole/],
    [":eq:x", /names no path/],
    ["a..b:eq:x", /no path/],
    ["name:eq:a\u0000b", /NUL/],
  ])("refuses %j and says why", (text, reason) => {
    expect(() => parseFilter(text)).toThrow(FilterSyntaxError);
    expect(() => parseFilter(text)).toThrow(reason);
  });

  it("throws nothing but FilterSyntaxError, whatever it is given", () => {
    const pieces = fc.oneof(fc.string(), fc.constantFrom(...operators, ":", ".", '["', '"]', "[*]", ",", "\\"));
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        expect(thrownBy(() => parseFilter(parts.join(""))) ?? new FilterSyntaxError()).toBeInstanceOf(
          FilterSyntaxError,
        );
      }),
    );
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
