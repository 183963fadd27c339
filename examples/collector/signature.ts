import { createHash, verify } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { KeySet } from "./key-set.ts";

/** A request as it arrived. `targetUri` is where the caller was told to send it, whatever proxies made of that on the way. */
export interface SignedRequest {
  readonly method: string;
  readonly targetUri: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** The request is not proven to come from Muster; the message says what is wrong with its signature. */
export class SignatureError extends Error {}

const maxAgeSeconds = 5 * 60;
const signatureInput =
  /^muster=(?<parameters>\((?<components>[^()]*)\);created=(?<created>\d{1,12});keyid="(?<keyid>[\w-]{1,128})";alg="ed25519")$/;
const signatureHeader = /^muster=:(?<signature>[A-Za-z0-9+/]{86}==):$/;

/**
 * Checks the signature (RFC 9421) of a request by Muster: what it covers, its age, the digest of the body and then the
 * signature itself. `now` is in ms. Throws SignatureError when any of these does not hold, and KeySetError when Muster's keys cannot be fetched.
 */
export async function verifyRequest(request: SignedRequest, keys: Pick<KeySet, "find">, now: number): Promise<void> {
  const { parameters, created, keyid } = readInput(request);
  const signature = signatureHeader.exec(header(request, "signature"))?.groups?.signature;
  if (signature === undefined) throw new SignatureError("the Signature header is not one of Muster's");
  const age = now / 1000 - created;
  if (Math.abs(age) > maxAgeSeconds) {
    const off = `${Math.round(Math.abs(age))} s ${age > 0 ? "ago" : "in the future"}`;
    throw new SignatureError(`the signature was made ${off}; check the clocks`);
  }
  if (request.body.length > 0 && header(request, "content-digest") !== digestOf(request.body))
    throw new SignatureError("the Content-Digest header is not the body's");
  const key = await keys.find(keyid);
  if (key === undefined) throw new SignatureError("the signature's key is not one of Muster's");
  const base = Buffer.from(signatureBase(request, parameters));
  if (!verify(null, base, key, Buffer.from(signature, "base64")))
    throw new SignatureError("the signature does not fit the request; check public_url");
}

/** The Content-Digest (RFC 9530) of a body. */
export function digestOf(body: Uint8Array): string {
  return `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
}

/** The text that is signed: a line for each covered component, then the parameters of the signature. */
function signatureBase({ method, targetUri, headers, body }: SignedRequest, parameters: string): string {
  return [
    `"@method": ${method}`,
    `"@target-uri": ${targetUri}`,
    ...(body.length > 0 ? [`"content-digest": ${String(headers["content-digest"])}`] : []),
    `"@signature-params": ${parameters}`,
  ].join("\n");
}

function readInput(request: SignedRequest): { parameters: string; created: number; keyid: string } {
  const { parameters, components, created, keyid } =
    signatureInput.exec(header(request, "signature-input"))?.groups ?? {};
  if (parameters === undefined || keyid === undefined)
    throw new SignatureError("the Signature-Input header is not one of Muster's");
  const covered = request.body.length > 0 ? '"@method" "@target-uri" "content-digest"' : '"@method" "@target-uri"';
  if (components !== covered) throw new SignatureError(`the signature must cover ${covered}`);
  return { parameters, created: Number(created), keyid };
}

/** A header that must be there once: Node joins repeated ones, and no pattern here takes two values. */
function header({ headers }: SignedRequest, name: string): string {
  const value = headers[name];
  if (typeof value !== "string") throw new SignatureError(`the request has no ${name} header`);
  return value;
}
