import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  asDouble,
  isJsonObject,
  JsonSyntaxError,
  mayHoldBadCharacters,
  maxJsonDepth,
  parseJson,
  storageProblem,
} from "../../src/lib/json.ts";

function roundTrip(text: string): string {
  return JSON.stringify(parseJson(text));
}

function nested(levels: number): unknown {
  return parseJson(`${"[".repeat(levels)}${"]".repeat(levels)}`);
}

describe("parseJson", () => {
  it.each([
    "576460752032874495",
    "-9223372036854775808",
    "18446744073709551615",
    "123456789012345678901234567890",
    "0.12345678901234567891",
    "9007199254740993",
  ])("gives %s back digit by digit, wherever it stands", (number) => {
    expect(roundTrip(number)).toBe(number);
    expect(roundTrip(`{"a":[{"b":${number}},"x"]}`)).toBe(`{"a":[{"b":${number}},"x"]}`);
  });

  it.each(["12345678901234567891e2", "-1.2345678901234567891E-5", "9007199254740993e0"])(
    "keeps the digits of %s, its exponent included",
    (number) => {
      expect(roundTrip(`[${number}]`)).toBe(`[${number}]`);
    },
  );

  it("agrees with JSON.parse on everything that a double can hold", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain: unknown = JSON.parse(text);
        expect(JSON.stringify(parseJson(text))).toBe(JSON.stringify(plain));
      }),
    );
  });

  it("keeps any integer and any decimal fraction", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), fc.nat(), (integer, fraction) => {
        expect(roundTrip(`{"a":${integer}}`)).toBe(`{"a":${integer}}`);
        const decimal = `${integer}.${fraction}1`;
        expect(Number(roundTrip(decimal))).toBe(Number(decimal));
      }),
    );
  });

  it("keeps a key named __proto__ as a key like any other, also beside long numbers", () => {
    expect(roundTrip('{"__proto__":{"a":1},"b":576460752032874495}')).toBe(
      '{"__proto__":{"a":1},"b":576460752032874495}',
    );
    expect(roundTrip('{"__proto__":1}')).toBe('{"__proto__":1}');
  });

  it("says where a text is not JSON, and never throws anything else", () => {
    expect(() => parseJson('{"a":}')).toThrow(JsonSyntaxError);
    expect(() => parseJson("")).toThrow(JsonSyntaxError);
    expect(() => parseJson('{"a":1 "b"}')).toThrow(/position 7/);
    const deep = `${"[".repeat(100_000)}12345678901234567890${"]".repeat(100_000)}`;
    expect(() => parseJson(deep)).toThrow(JsonSyntaxError);
  });
});

describe("what parseJson says of a text that is not JSON", () => {
  it.each([
    '{"token":SECRET}',
    '{"token":"SECRET" x}',
    '{"token":"SECRET',
    "SECRET",
    '{"token":"SECRET\n"}',
    '{"a":1}SECRET',
  ])("quotes nothing of %j, since it may be a secret", (text) => {
    const message = (() => {
      try {
        return JSON.stringify(parseJson(text));
      } catch (error) {
        return String(error);
      }
    })();
    expect(message).toMatch(/^Error: \w/);
    expect(message).not.toMatch(/SEC|RET/);
  });
});

describe("asDouble", () => {
  it("takes a number that was kept as it was written for the nearest double, and leaves everything else", () => {
    expect(asDouble(parseJson("1738363200.1234567"))).toBe(1738363200.1234567);
    expect(asDouble(parseJson("12345678901234567890"))).toBe(12345678901234567000);
    for (const value of [1, "1738363200.1234567", null, undefined, { a: 1 }]) {
      expect(asDouble(value)).toBe(value);
    }
  });
});

describe("isJsonObject", () => {
  it("takes objects only: no arrays, no null, no number that keeps its digits", () => {
    expect(isJsonObject(parseJson("{}"))).toBe(true);
    for (const text of ["[]", "null", "1", '"a"', "576460752032874495"]) {
      expect(isJsonObject(parseJson(text))).toBe(false);
    }
  });
});

describe("storageProblem", () => {
  it("finds nothing in what PostgreSQL can keep", () => {
    expect(storageProblem(parseJson('{"a":[1,null,true,"ü😀",576460752032874495]}'), true)).toBeUndefined();
    expect(storageProblem(nested(maxJsonDepth), true)).toBeUndefined();
  });

  it("refuses one level too many, and 100,000 without overflowing the stack", () => {
    expect(storageProblem(nested(maxJsonDepth + 1), true)).toMatch(/64 levels/);
    expect(storageProblem(nested(100_000), true)).toMatch(/64 levels/);
  });

  it.each([
    ["a NUL in a value", String.raw`{"a":"x\u0000"}`, /NUL/],
    ["a NUL in a key", String.raw`{"x\u0000":1}`, /NUL/],
    ["a lone surrogate in a value", String.raw`["\ud83d"]`, /surrogate/],
    ["a lone surrogate in a key", String.raw`{"\udc00":1}`, /surrogate/],
    ["a number beyond a double", "[1e400]", /range/],
    ["a number too small for a double", "[1e-400]", /range/],
    ["more decimal places than PostgreSQL keeps", `[0.${"0".repeat(100)}${"1".repeat(16_384)}]`, /range/],
  ])("refuses %s", (_what, text, problem) => {
    expect(storageProblem(parseJson(text), mayHoldBadCharacters(text))).toMatch(problem);
  });

  it("takes an escaped pair of surrogates for the one character it is", () => {
    const text = String.raw`["\ud83d\ude00"]`;
    expect(storageProblem(parseJson(text), mayHoldBadCharacters(text))).toBeUndefined();
  });
});
