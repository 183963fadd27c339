import { toBase64, toBase64Url, utf8 } from "./bytes.ts";
import { sha256 } from "./crypto.ts";

/** Signs what Muster sends (RFC 9421, Ed25519), so that a collector can tell who calls. */
export interface Signer {
  /** The headers to send beside the request's own: Content-Digest (with a body), Signature-Input and Signature. */
  sign(
    request: { readonly method: string; readonly url: string; readonly body?: string },
    now: Date,
  ): Promise<Record<string, string>>;
  /** The public keys, the current one first, as a JSON Web Key Set. */
  publicKeys(): { keys: PublicKey[] };
}

/** A public key as JSON Web Key Sets hold it (RFC 8037). */
export interface PublicKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly use: "sig";
  readonly alg: "EdDSA";
}

/** An Ed25519 key; `id` is the thumbprint of its public half (RFC 7638), so it cannot name another. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: CryptoKey;
  /** `x` of the public key. */
  readonly publicKey: string;
}

/** A part of a request that is signed: its name and its value. */
export type SignedComponent = readonly [name: string, value: string];

const algorithm = "Ed25519";
// What comes before the 32 bytes of a seed in PKCS #8 (RFC 8410, section 7).
const pkcs8Prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/** The key of a seed of 32 bytes (RFC 8032). */
export async function signingKey(seed: Uint8Array): Promise<SigningKey> {
  const encoded = new Uint8Array([...pkcs8Prefix, ...seed]);
  // Only a key that may be exported tells its public half; the one that is kept may not.
  const exportable = await crypto.subtle.importKey("pkcs8", encoded, algorithm, true, ["sign"]);
  const exported = await crypto.subtle.exportKey("jwk", exportable);
  const publicKey = "x" in exported && exported.x;
  if (typeof publicKey !== "string") {
    throw new Error("an Ed25519 key was exported without its public half");
  }
  return {
    id: toBase64Url(await sha256(`{"crv":"Ed25519","kty":"OKP","x":"${publicKey}"}`)),
    privateKey: await crypto.subtle.importKey("pkcs8", encoded, algorithm, false, ["sign"]),
    publicKey,
  };
}

/** Signs with the current key; the earlier ones are still published, for signatures on their way. */
export function createSigner(current: SigningKey, earlier: readonly SigningKey[] = []): Signer {
  return {
    async sign({ method, url, body }, now) {
      const digest = body === undefined ? undefined : `sha-256=:${toBase64(await sha256(body))}:`;
      const components: SignedComponent[] = [
        ["@method", method],
        // As it goes over the wire, however it was written.
        ["@target-uri", new URL(url).href],
        ...(digest === undefined ? [] : [["content-digest", digest] as const]),
      ];
      const created = Math.floor(now.getTime() / 1000);
      const parameters = `created=${created};keyid="${current.id}";alg="ed25519"`;
      const { input, signature } = await signComponents(current, components, parameters);
      return {
        ...(digest === undefined ? {} : { "Content-Digest": digest }),
        "Signature-Input": `muster=${input}`,
        Signature: `muster=:${signature}:`,
      };
    },
    publicKeys: () => ({ keys: [current, ...earlier].map(publicKeyOf) }),
  };
}

function publicKeyOf({ id, publicKey }: SigningKey): PublicKey {
  return { kty: "OKP", crv: algorithm, x: publicKey, kid: id, use: "sig", alg: "EdDSA" };
}

/** The signature of components (RFC 9421, section 2.5) in base64, and the input that names them. */
export async function signComponents(
  key: SigningKey,
  components: readonly SignedComponent[],
  parameters: string,
): Promise<{ input: string; signature: string }> {
  const input = `(${components.map(([name]) => `"${name}"`).join(" ")});${parameters}`;
  const base = [...components, ["@signature-params", input]].map(([name, value]) => `"${name}": ${value}`).join("\n");
  const signature = await crypto.subtle.sign(algorithm, key.privateKey, utf8(base));
  return { input, signature: toBase64(new Uint8Array(signature)) };
}
