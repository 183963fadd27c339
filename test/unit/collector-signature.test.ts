import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KeySet, KeySetError } from "../../examples/collector/key-set.ts";
import { digestOf, SignatureError, verifyRequest } from "../../examples/collector/signature.ts";
import type { SignedRequest } from "../../examples/collector/signature.ts";
import type { Signer } from "../../src/lib/message-signature.ts";
import { signerOf } from "../support/muster-signature.ts";

const now = Date.UTC(2026, 1, 1);
const targetUri = "https://collector.example.com/trigger";

function keysOf(...signers: Signer[]): { find: (id: string) => Promise<KeyObject | undefined> } {
  const jwks = signers.flatMap((signer) => signer.publicKeys().keys);
  return {
    find: async (id) => {
      const jwk = jwks.find(({ kid }) => kid === id);
      return jwk && createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: "jwk" });
    },
  };
}

async function signed(
  signer: Signer,
  { method = "POST", url = targetUri, body = '{"a":1}', at = now } = {},
): Promise<SignedRequest> {
  const headers = await signer.sign({ method, url, ...(body === "" ? {} : { body }) }, new Date(at));
  return {
    method,
    targetUri,
    body: Buffer.from(body),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
}

function withHeader(request: SignedRequest, name: string, change: (value: string) => string | undefined) {
  return { ...request, headers: { ...request.headers, [name]: change(String(request.headers[name])) } };
}

describe("the collector's check of a signature", () => {
  let muster: Signer;
  let other: Signer;
  beforeEach(async () => {
    muster = await signerOf(1);
    other = await signerOf(2);
  });

  test("takes what Muster signs, with a body and without", async () => {
    await expect(verifyRequest(await signed(muster), keysOf(muster), now)).resolves.toBeUndefined();
    await expect(
      verifyRequest(await signed(muster, { method: "GET", body: "" }), keysOf(muster), now),
    ).resolves.toBeUndefined();
    const snow = await signed(muster, { body: '{"name":"Schnee ☃"}' });
    await expect(verifyRequest(snow, keysOf(other, muster), now)).resolves.toBeUndefined();
  });

  test("takes a signature of up to five minutes ago or ahead, and no other", async () => {
    for (const seconds of [-300, 0, 300])
      await expect(
        verifyRequest(await signed(muster, { at: now + seconds * 1000 }), keysOf(muster), now),
      ).resolves.toBe(undefined);
    for (const seconds of [-301, 301, -86_400])
      await expect(
        verifyRequest(await signed(muster, { at: now + seconds * 1000 }), keysOf(muster), now),
      ).rejects.toThrow(/check the clocks/);
  });

  test("refuses whatever was changed after it was signed", async () => {
    const request = await signed(muster);
    const forged: SignedRequest[] = [
      { ...request, method: "PUT" },
      { ...request, targetUri: "https://collector.example.com/health" },
      { ...request, targetUri: "https://other.example.com/trigger" },
      { ...request, body: Buffer.from('{"a":2}') },
      { ...request, body: Buffer.alloc(0) },
      withHeader({ ...request, body: Buffer.from("{}") }, "content-digest", () => digestOf(Buffer.from("{}"))),
      withHeader(request, "content-digest", () => undefined),
      withHeader(request, "signature-input", () => undefined),
      withHeader(request, "signature", () => undefined),
      withHeader(request, "signature", (value) => value.replace(/:.{4}/, ":AAAA")),
      withHeader(request, "signature", () => "muster=::"),
      withHeader(request, "signature", (value) => `${value}, ${value}`),
      withHeader(request, "signature-input", (value) => value.replace(/created=\d+/, `created=${now / 1000 + 1}`)),
      withHeader(request, "signature-input", (value) => value.replace('"@method" ', "")),
      withHeader(request, "signature-input", (value) => value.replace(' "content-digest"', "")),
      withHeader(request, "signature-input", (value) => value.replace("ed25519", "hmac-sha256")),
      withHeader(request, "signature-input", (value) => value.replace("muster=", "other=")),
      withHeader(request, "signature-input", (value) => `${value};expires=9999999999`),
    ];
    for (const forgery of forged)
      await expect(verifyRequest(forgery, keysOf(muster), now)).rejects.toThrow(SignatureError);
  });

  test("refuses a body that the signature does not cover", async () => {
    const request = await signed(muster, { body: "" });
    const extended = {
      ...request,
      body: Buffer.from("{}"),
      headers: { ...request.headers, "content-digest": digestOf(Buffer.from("{}")) },
    };
    await expect(verifyRequest(extended, keysOf(muster), now)).rejects.toThrow(/must cover/);
  });

  test("refuses another's key, also under the id of Muster's", async () => {
    await expect(verifyRequest(await signed(other), keysOf(muster), now)).rejects.toThrow(/not one of Muster's/);
    const [mine] = muster.publicKeys().keys;
    const [theirs] = other.publicKeys().keys;
    const posing = withHeader(await signed(other), "signature-input", (value) =>
      value.replace(theirs?.kid ?? "", mine?.kid ?? ""),
    );
    await expect(verifyRequest(posing, keysOf(muster), now)).rejects.toThrow(/does not fit/);
  });

  test("takes the worked example of the documentation", async () => {
    const document = readFileSync(join(import.meta.dirname, "../../docs/collectors.md"), "utf8");
    const [head = "", body = ""] = (/```http\n(POST [\s\S]*?)\n```/.exec(document)?.[1] ?? "").split("\n\n");
    const headers = Object.fromEntries(
      head
        .split("\n")
        .slice(1)
        .map((line) => line.split(/: (.*)/))
        .map(([name = "", value = ""]) => [name.toLowerCase(), value]),
    );
    const { keys } = JSON.parse(/```json\n(\{\s+"keys"[\s\S]*?)\n```/.exec(document)?.[1] ?? "");
    const example = {
      method: "POST",
      targetUri: "https://collector.example.com/kubernetes/trigger",
      headers,
      body: Buffer.from(body),
    };
    const find = async (kid: string) =>
      kid === keys[0].kid ? createPublicKey({ key: keys[0], format: "jwk" }) : undefined;
    await expect(verifyRequest(example, { find }, now)).resolves.toBeUndefined();
  });
});

describe("the collector's copy of Muster's keys", () => {
  let published: unknown;
  let status = 200;
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(published));
  });
  let clock = now;
  let keys: KeySet;

  beforeEach(async () => {
    await once(server.listen(0, "127.0.0.1"), "listening");
    [asked, status, clock] = [0, 200, now];
    published = (await signerOf(1)).publicKeys();
    keys = new KeySet(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => clock);
  });
  afterEach(async () => {
    server.closeAllConnections();
    await once(server.close(), "close");
  });

  async function idOf(seed: number): Promise<string> {
    return (await signerOf(seed)).publicKeys().keys[0]?.kid ?? "";
  }

  test("is fetched once for however many requests, and again after an hour", async () => {
    const id = await idOf(1);
    const found = await Promise.all([keys.find(id), keys.find(id), keys.find(id)]);
    expect(found.every((key) => key?.asymmetricKeyType === "ed25519")).toBe(true);
    expect(asked).toBe(1);
    clock += 61 * 60_000;
    published = { keys: [] };
    expect(await keys.find(id)).toBeUndefined();
    expect(asked).toBe(2);
  });

  test("is fetched again for a new key, but not at each invented one", async () => {
    await keys.find(await idOf(1));
    published = (await signerOf(2)).publicKeys();
    clock += 11_000;
    expect(await keys.find(await idOf(2))).toBeDefined();
    expect(asked).toBe(2);
    for (let seed = 3; seed < 8; seed++) expect(await keys.find(await idOf(seed))).toBeUndefined();
    expect(asked).toBe(2);
  });

  test("says so when it cannot be had, and tries again", async () => {
    const id = await idOf(1);
    for (const [answer, body] of [
      [503, {}],
      [200, []],
      [200, { keys: [{ kty: "OKP", crv: "Ed25519", kid: id, x: "short" }] }],
    ] as const) {
      [status, published] = [answer, body];
      await expect(keys.find(id)).rejects.toThrow(KeySetError);
    }
    [status, published] = [200, { keys: [{ kty: "RSA" }, ...(await signerOf(1)).publicKeys().keys] }];
    expect(await keys.find(id)).toBeDefined();
  });
});
