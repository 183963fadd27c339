import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { hmacKey, randomBytes } from "../../src/lib/crypto.ts";
import { openCursor, sealCursor } from "../../src/lib/cursor.ts";

let key: CryptoKey;

beforeAll(async () => {
  key = await hmacKey(randomBytes(32));
});

describe("cursors", () => {
  it("give back the place they were sealed with, whatever it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), fc.string(), async (place, query) => {
        expect(await openCursor(key, query, await sealCursor(key, query, place))).toEqual(place);
      }),
    );
  });

  it("open for their own query and key only", async () => {
    const cursor = await sealCursor(key, "query", ["a", "b"]);
    expect(await openCursor(key, "other", cursor)).toBeUndefined();
    expect(await openCursor(await hmacKey(randomBytes(32)), "query", cursor)).toBeUndefined();
  });

  it("cannot be changed in any character", async () => {
    const cursor = await sealCursor(key, "query", ["2024-01-01", "x"]);
    for (let place = 0; place < cursor.length - 1; place += 1) {
      const other = cursor[place] === "A" ? "B" : "A";
      const forged = cursor.slice(0, place) + other + cursor.slice(place + 1);
      const opened = await openCursor(key, "query", forged);
      expect({ forged, opened }).toEqual({ forged, opened: undefined });
    }
  });

  it.each(["", ".", "a.b", "%%%", "YQ", "YQ.", ".YQ", "W10.AAAAAAAAAAAAAAAAAAAAAA"])("refuse %j", async (text) => {
    expect(await openCursor(key, "query", text)).toBeUndefined();
  });
});
