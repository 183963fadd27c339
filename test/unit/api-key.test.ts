import { describe, expect, it } from "vitest";
import { keyPrefixes, keyTiers, newApiKey, tierOfKey } from "../../src/lib/api-key.ts";

describe("API keys", () => {
  it.each(keyTiers)("carry the tier %s in their prefix and pass their own checksum", (tier) => {
    for (let i = 0; i < 50; i += 1) {
      const key = newApiKey(tier);
      expect(key).toMatch(new RegExp(`^${keyPrefixes[tier]}[0-9A-Za-z]{49}$`));
      expect(tierOfKey(key)).toBe(tier);
    }
  });

  it("are never the same twice", () => {
    expect(new Set(Array.from({ length: 1000 }, () => newApiKey("service"))).size).toBe(1000);
  });

  it("are told from any slip of one character, wherever it is", () => {
    const key = newApiKey("admin");
    for (let place = 0; place < key.length; place += 1) {
      const other = key[place] === "a" ? "b" : "a";
      expect(tierOfKey(key.slice(0, place) + other + key.slice(place + 1))).toBeUndefined();
      expect(tierOfKey(key.slice(0, place) + key.slice(place + 1))).toBeUndefined();
    }
  });

  it("are told from two neighbours that changed places, and from another tier's prefix", () => {
    const key = newApiKey("user");
    const swapped = Array.from(key)
      .with(20, key[21] ?? "")
      .with(21, key[20] ?? "")
      .join("");
    expect(tierOfKey(swapped)).toBe(swapped === key ? "user" : undefined);
    expect(tierOfKey(key.replace("ps_usr_", "ps_adm_"))).toBeUndefined();
  });

  it.each(["", "ps_svc_", "hello", "ps_svc_ü".padEnd(56, "a")])("are not found in %j", (text) => {
    expect(tierOfKey(text)).toBeUndefined();
  });
});
