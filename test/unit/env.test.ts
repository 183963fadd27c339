import { describe, expect, it } from "vitest";
import { type Bindings, configOf } from "../../src/env.ts";
import { toBase64Url } from "../../src/lib/bytes.ts";
import { randomBytes } from "../../src/lib/crypto.ts";

const [one, two, short, long] = [32, 32, 31, 33].map((length) => toBase64Url(randomBytes(length)));
const complete = {
  DATABASE_URL: "postgres://muster_api@db.example.com/muster",
  DATABASE_URL_JOBS: "postgres://muster_jobs@db.example.com/muster",
  API_KEY_PEPPERS: `p1=${one}`,
  CURSOR_SECRET: one,
  CREDENTIAL_KEYS: `m2=${two},m1=${one}`,
  SIGNING_KEYS: `s2=${two},s1=${one}`,
};

function config(changes: Readonly<Record<string, string | undefined>> = {}) {
  return configOf({ ...complete, ...changes } as Bindings);
}

describe("the configuration", () => {
  it("gives the ports their keys, the current one first", async () => {
    const { vault, signer } = (await config()).ports;
    expect(JSON.parse(await vault.seal("a:1:b", "secret"))).toMatchObject({ kid: "m2" });
    expect(signer.publicKeys().keys).toHaveLength(2);
    const alone = (await config({ CREDENTIAL_KEYS: `m1=${one}`, SIGNING_KEYS: `s1=${one}` })).ports;
    expect(alone.signer.publicKeys().keys).toEqual(signer.publicKeys().keys.slice(1));
    expect(await vault.open("a:1:b", await alone.vault.seal("a:1:b", "secret"))).toBe("secret");
  });

  it("lists no origin for calls to the inside unless OUTBOUND_ORIGINS does", async () => {
    const url = "http://127.0.0.1:8080/health";
    for (const origins of [undefined, "", " , "]) {
      expect((await config({ OUTBOUND_ORIGINS: origins })).ports.outbound.problemWith(url)).toContain("https://");
    }
    const { outbound } = (await config({ OUTBOUND_ORIGINS: "https://collector.lan, http://127.0.0.1:*" })).ports;
    expect(outbound.problemWith(url)).toBeUndefined();
  });

  it.each([
    "127.0.0.1",
    "*",
    "http://*",
    "http://*.example.com",
    "http://127.0.0.1:*/",
    "https://a@example.com",
    "ftp://example.com",
    "http://LOCALHOST:*",
    "https://collector.lan;http://localhost:*",
  ])("refuses %j in OUTBOUND_ORIGINS", async (origin) => {
    await expect(config({ OUTBOUND_ORIGINS: `http://localhost:*,${origin}` })).rejects.toThrow(
      `OUTBOUND_ORIGINS holds "${origin}"`,
    );
  });

  it.each(["CREDENTIAL_KEYS", "SIGNING_KEYS", "API_KEY_PEPPERS"])(
    "needs a whole %s, and never shows it",
    async (name) => {
      const verb = { CREDENTIAL_KEYS: "master-key", SIGNING_KEYS: "signing-key", API_KEY_PEPPERS: "pepper" }[name];
      const wrong = [
        "",
        one,
        `=${one}`,
        "a=",
        `a=${short}`,
        `a=${one},`,
        `a=${one},a=${two}`,
        `a=${one},b=${short}`,
        "a=%",
      ];
      for (const value of wrong) {
        const error: unknown = await config({ [name]: value }).catch((thrown: unknown) => thrown);
        expect(String(error)).toMatch(new RegExp(`${name} is id=secret.*npm run keys -- ${verb}`));
        expect(String(error)).not.toMatch(new RegExp([one, two, short].join("|")));
      }
      await expect(config({ [name]: undefined })).rejects.toThrow(name);
    },
  );

  it.each(["CREDENTIAL_KEYS", "SIGNING_KEYS"])("takes keys of exactly 32 bytes in %s", async (name) => {
    await expect(config({ [name]: `a=${long}` })).rejects.toThrow(`${name} is id=secret`);
  });
});
