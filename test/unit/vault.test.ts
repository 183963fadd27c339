import { expect, it } from "vitest";
import { randomBytes } from "../../src/lib/crypto.ts";
import { createVault, masterKey, VaultError } from "../../src/lib/vault.ts";

const context = "sources:7:credentials";
const secret = '{"password":"correct horse","token":"ünïcode ✓"}';
const [older, newer] = await Promise.all([masterKey("2025", randomBytes(32)), masterKey("2026", randomBytes(32))]);
const before = createVault(older);
const during = createVault(newer, [older]);
const after = createVault(newer);

it("opens what it sealed, and only for the place that it was sealed for", async () => {
  const sealed = await before.seal(context, secret);
  expect(await before.open(context, sealed)).toBe(secret);
  for (const other of ["sources:8:credentials", "sources:7:config", "sources:7:credentials ", ""]) {
    await expect(before.open(other, sealed)).rejects.toThrow(VaultError);
    await expect(during.rewrap(other, sealed)).rejects.toThrow(VaultError);
  }
});

it("keeps every text as it is, empty and large ones too", async () => {
  for (const content of ["", "\ufeffmarked", "x".repeat(1_000_000)]) {
    expect(await before.open(context, await before.seal(context, content))).toBe(content);
  }
});

it("seals the same secret differently each time, and shows nothing of it", async () => {
  const [one, other] = await Promise.all([before.seal(context, secret), before.seal(context, secret)]);
  const [first, second] = [JSON.parse(one), JSON.parse(other)];
  expect(Object.keys(first)).toEqual(["v", "kid", "iv", "ct", "dek", "dek_iv"]);
  expect(first).toMatchObject({ v: 1, kid: "2025" });
  for (const part of ["iv", "ct", "dek", "dek_iv"]) {
    expect(first[part]).toMatch(/^[\w-]+$/);
    expect(first[part]).not.toBe(second[part]);
  }
  expect(one).not.toContain("horse");
});

it("opens what an older master key sealed, as long as that is at hand", async () => {
  const sealed = await before.seal(context, secret);
  expect(await during.open(context, sealed)).toBe(secret);
  await expect(after.open(context, sealed)).rejects.toThrow('its master key "2025" is not among those at hand');
});

it("rewraps under the current master key without touching the sealed secret", async () => {
  const sealed = await before.seal(context, secret);
  const rewrapped = await during.rewrap(context, sealed);
  expect(await after.open(context, rewrapped)).toBe(secret);
  const { kid, iv, ct, dek } = JSON.parse(rewrapped);
  expect({ kid, iv, ct }).toEqual({ ...pick(JSON.parse(sealed)), kid: "2026" });
  expect(dek).not.toBe(JSON.parse(sealed).dek);
  expect(await during.rewrap(context, rewrapped)).toBe(rewrapped);
  await expect(after.rewrap(context, sealed)).rejects.toThrow(VaultError);
});

it("opens nothing that was altered, and its errors show nothing of it", async () => {
  const sealed = JSON.parse(await before.seal(context, secret));
  const foreign = JSON.parse(await before.seal(context, "something else"));
  const altered = ["iv", "ct", "dek", "dek_iv"].flatMap((part) => [
    { ...sealed, [part]: flipped(sealed[part]) },
    { ...sealed, [part]: foreign[part] },
    { ...sealed, [part]: "" },
    { ...sealed, [part]: "%" },
    { ...sealed, [part]: undefined },
  ]);
  const texts = [...altered, { ...sealed, v: 2 }, { ...sealed, kid: "2026" }, [], null].map((value) =>
    JSON.stringify(value),
  );
  for (const text of [...texts, "", "{", secret]) {
    const error: unknown = await during.open(context, text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VaultError);
    expect(String(error)).not.toMatch(/horse|something|ünï/);
    expect(Object.keys(error as object)).not.toContain("cause");
  }
});

function flipped(text: string): string {
  return `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
}

function pick({ iv, ct }: { iv: string; ct: string }): { iv: string; ct: string } {
  return { iv, ct };
}

it("takes master keys of 32 bytes only", async () => {
  for (const length of [0, 16, 24, 31, 33]) {
    await expect(masterKey("odd", new Uint8Array(length))).rejects.toThrow("32 bytes");
  }
});
