import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { configOf } from "../../src/env.ts";
import { fromBase64Url, utf8 } from "../../src/lib/bytes.ts";
import type { PublicKey } from "../../src/lib/message-signature.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

const path = "/.well-known/jwks.json";
let muster: Muster;

beforeAll(async () => {
  muster = await createMuster();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("publishes the keys of its signatures to everybody, without asking the database and without their private half", async () => {
  let response = new Response();
  const statements = await muster.statements(async () => {
    response = await muster.request(path, { key: null });
  });
  expect(statements).toBe(0);
  expect(response.headers.get("Content-Type")).toContain("application/json");
  expect(response.headers.get("Cache-Control")).toBe("no-cache");
  const text = /^[\w-]{43}$/;
  expect(await body(response)).toEqual({
    keys: [
      {
        kty: "OKP",
        crv: "Ed25519",
        x: expect.stringMatching(text),
        kid: expect.stringMatching(text),
        use: "sig",
        alg: "EdDSA",
      },
    ],
  });
  expect((await muster.request(path, { method: "POST", body: {} })).status).toBe(405);
});

it("signs on the edge what the published key verifies", async () => {
  const { signer } = (await configOf(muster.bindings)).ports;
  const url = "https://collector.example.com/health";
  const { "Signature-Input": input = "", Signature: signature = "" } = await signer.sign(
    { method: "GET", url },
    new Date("2026-10-15T12:00:00Z"),
  );
  const { keys } = await body<{ keys: PublicKey[] }>(await muster.request(path));
  const [published] = keys;
  expect(input).toBe(`muster=("@method" "@target-uri");created=1792065600;keyid="${published?.kid}";alg="ed25519"`);
  const base = `"@method": GET\n"@target-uri": ${url}\n"@signature-params": ${input.slice("muster=".length)}`;
  const raw = fromBase64Url(published?.x ?? "") ?? new Uint8Array();
  const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  const bytes = Uint8Array.from(atob(signature.slice("muster=:".length, -1)), (char) => char.charCodeAt(0));
  expect(await crypto.subtle.verify("Ed25519", key, bytes, utf8(base))).toBe(true);
  expect(await crypto.subtle.verify("Ed25519", key, bytes, utf8(base.replace("GET", "POST")))).toBe(false);
});

it("calls out on the edge by fetch, and follows no redirect", async () => {
  const { outbound } = (await configOf(muster.bindings)).ports;
  const calls: unknown[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    calls.push([url, init.redirect]);
    return Promise.resolve(
      url.endsWith("/moved") ? Response.redirect("http://169.254.169.254/") : Response.json({ status: "healthy" }),
    );
  });
  const call = (url: string) => outbound.call({ method: "GET", url, deadlineMs: 10_000 });
  expect(await call("https://collector.example.com/health")).toEqual({
    outcome: "answered",
    status: 200,
    body: { status: "healthy" },
  });
  expect(await call("https://collector.example.com/moved")).toMatchObject({ outcome: "refused" });
  expect(await call("http://127.0.0.1:8080/health")).toMatchObject({ outcome: "refused" });
  expect(calls).toEqual([
    ["https://collector.example.com/health", "manual"],
    ["https://collector.example.com/moved", "manual"],
  ]);
});
