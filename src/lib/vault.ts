import { z } from "zod";
import { fromBase64Url, toBase64Url, utf8 } from "./bytes.ts";
import { randomBytes } from "./crypto.ts";

/** Seals secrets for storing. `context` is `table:id:field`: what was sealed for one place opens at no other. */
export interface Vault {
  /** JSON text that names its master key. */
  seal(context: string, secret: string): Promise<string>;
  /** Throws VaultError when it was not sealed here for this place, or its master key is gone. */
  open(context: string, sealed: string): Promise<string>;
  /**
   * The same secret under the current master key, which only the data key is wrapped anew for; the very same text when it is
   * under that key already. What it cannot open it does not rewrap: throws VaultError as `open` does.
   */
  rewrap(context: string, sealed: string): Promise<string>;
}

/** A key that data keys are wrapped with. */
export interface MasterKey {
  readonly id: string;
  readonly key: CryptoKey;
}

/** Says why something sealed does not open, and nothing of what it holds. */
export class VaultError extends Error {}

const cipher = "AES-GCM";
const keyBytes = 32;
const ivBytes = 12;

const base64Url = z
  .string()
  .transform((text) => fromBase64Url(text) ?? new Uint8Array())
  .refine((bytes) => bytes.length > 0);
const envelopeSchema = z.object({
  v: z.literal(1),
  kid: z.string(),
  iv: base64Url,
  ct: base64Url,
  dek: base64Url,
  dek_iv: base64Url,
});
type Envelope = z.infer<typeof envelopeSchema>;

/** A master key from its 32 bytes. Throws when there are more or fewer. */
export async function masterKey(id: string, secret: Uint8Array<ArrayBuffer>): Promise<MasterKey> {
  if (secret.length !== keyBytes) {
    throw new RangeError(`a master key has ${keyBytes} bytes`);
  }
  return { id, key: await importKey(secret) };
}

/** A vault that seals under the current master key and opens what any of them sealed (AES-256-GCM, a data key for each secret). */
export function createVault(current: MasterKey, earlier: readonly MasterKey[] = []): Vault {
  const ring = new Map([current, ...earlier].map(({ id, key }) => [id, key]));

  async function unwrap(context: string, envelope: Envelope): Promise<Uint8Array<ArrayBuffer>> {
    const wrapping = ring.get(envelope.kid);
    if (!wrapping) {
      throw new VaultError(`its master key "${envelope.kid}" is not among those at hand`);
    }
    return decrypt(wrapping, envelope.dek_iv, context, envelope.dek);
  }

  async function openEnvelope(context: string, envelope: Envelope): Promise<string> {
    const dataKey = await importKey(await unwrap(context, envelope));
    // Whatever was sealed comes back, a byte order mark included.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(await decrypt(dataKey, envelope.iv, context, envelope.ct));
  }

  return {
    async seal(context, secret) {
      const dataKey = randomBytes(keyBytes);
      const content = await encrypt(await importKey(dataKey), context, utf8(secret));
      const wrapped = await encrypt(current.key, context, dataKey);
      return write({ v: 1, kid: current.id, iv: content.iv, ct: content.ct, dek: wrapped.ct, dek_iv: wrapped.iv });
    },
    async open(context, sealed) {
      return openEnvelope(context, read(sealed));
    },
    async rewrap(context, sealed) {
      const envelope = read(sealed);
      if (envelope.kid === current.id) {
        await openEnvelope(context, envelope);
        return sealed;
      }
      const wrapped = await encrypt(current.key, context, await unwrap(context, envelope));
      const rewrapped = { ...envelope, kid: current.id, dek: wrapped.ct, dek_iv: wrapped.iv };
      await openEnvelope(context, rewrapped);
      return write(rewrapped);
    },
  };
}

function read(sealed: string): Envelope {
  try {
    return envelopeSchema.parse(JSON.parse(sealed));
  } catch {
    throw new VaultError("it is not a sealed secret");
  }
}

function write({ v, kid, iv, ct, dek, dek_iv: dekIv }: Envelope): string {
  const [ivText, ctText, dekText, dekIvText] = [iv, ct, dek, dekIv].map(toBase64Url);
  return JSON.stringify({ v, kid, iv: ivText, ct: ctText, dek: dekText, dek_iv: dekIvText });
}

async function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, cipher, false, ["encrypt", "decrypt"]);
}

async function encrypt(
  key: CryptoKey,
  context: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ iv: Uint8Array<ArrayBuffer>; ct: Uint8Array<ArrayBuffer> }> {
  const iv = randomBytes(ivBytes);
  const ct = await crypto.subtle.encrypt({ name: cipher, iv, additionalData: utf8(context) }, key, bytes);
  return { iv, ct: new Uint8Array(ct) };
}

async function decrypt(
  key: CryptoKey,
  iv: Uint8Array<ArrayBuffer>,
  context: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const plain = await crypto.subtle.decrypt({ name: cipher, iv, additionalData: utf8(context) }, key, bytes);
    return new Uint8Array(plain);
  } catch {
    throw new VaultError("it was sealed for another place or with another key, or it was altered");
  }
}
