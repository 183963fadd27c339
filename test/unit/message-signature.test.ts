import { createHash, createPublicKey, verify } from "node:crypto";
import { expect, it } from "vitest";
import { fromBase64Url } from "../../src/lib/bytes.ts";
import { randomBytes } from "../../src/lib/crypto.ts";
import { createSigner, type PublicKey, signComponents, signingKey } from "../../src/lib/message-signature.ts";

const now = new Date("2026-10-15T12:00:00.999Z");
const url = "https://collector.example.com/muster/trigger?x=1";

it("signs as RFC 9421 does in its example B.2.6", async () => {
  const key = await signingKey(bytesOf("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"));
  expect(key.publicKey).toBe("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
  const { input, signature } = await signComponents(
    key,
    [
      ["date", "Tue, 20 Apr 2021 02:07:55 GMT"],
      ["@method", "POST"],
      ["@path", "/foo"],
      ["@authority", "example.com"],
      ["content-type", "application/json"],
      ["content-length", "18"],
    ],
    'created=1618884473;keyid="test-key-ed25519"',
  );
  expect(input).toBe(
    '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
  );
  expect(signature).toBe("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
});

it("names a key by its thumbprint, as RFC 8037 does in its example A.3", async () => {
  const key = await signingKey(bytesOf("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
  expect(key.publicKey).toBe("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  expect(key.id).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

it("signs method, URL and body so that another implementation verifies it with the published key", async () => {
  const [current, earlier] = await Promise.all([signingKey(randomBytes(32)), signingKey(randomBytes(32))]);
  const signer = createSigner(current, [earlier]);
  const { keys } = signer.publicKeys();
  expect(keys.map(({ kid }) => kid)).toEqual([current.id, earlier.id]);
  expect(Object.keys(keys[0] ?? {}).toSorted()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);

  const body = '{"collection_id":"1","reason":"mänual"}';
  const headers = await signer.sign({ method: "POST", url, body }, now);
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const input = `("@method" "@target-uri" "content-digest");created=1792065600;keyid="${current.id}";alg="ed25519"`;
  expect(headers).toEqual({
    "Content-Digest": digest,
    "Signature-Input": `muster=${input}`,
    Signature: expect.stringMatching(/^muster=:[\w+/]{86}==:$/),
  });
  const base = `"@method": POST\n"@target-uri": ${url}\n"content-digest": ${digest}\n"@signature-params": ${input}`;
  expect(verifies(keys[0], base, headers["Signature"])).toBe(true);
  expect(verifies(keys[1], base, headers["Signature"])).toBe(false);
  expect(verifies(keys[0], base.replace("trigger", "health"), headers["Signature"])).toBe(false);
});

it("signs a request without a body without a digest, and its URL as it goes over the wire", async () => {
  const signer = createSigner(await signingKey(randomBytes(32)));
  const headers = await signer.sign({ method: "GET", url: "https://Collector.example.com:443" }, now);
  const [key] = signer.publicKeys().keys;
  const input = `("@method" "@target-uri");created=1792065600;keyid="${key?.kid}";alg="ed25519"`;
  expect(headers).toEqual({ "Signature-Input": `muster=${input}`, Signature: expect.any(String) });
  const base = `"@method": GET\n"@target-uri": https://collector.example.com/\n"@signature-params": ${input}`;
  expect(verifies(key, base, headers["Signature"])).toBe(true);
});

function bytesOf(text: string): Uint8Array {
  return fromBase64Url(text) ?? new Uint8Array();
}

function verifies(jwk: PublicKey | undefined, base: string, header = ""): boolean {
  const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  return verify(null, Buffer.from(base), key, Buffer.from(header.slice("muster=:".length, -1), "base64"));
}
