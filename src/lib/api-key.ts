import { randomBytes } from "./crypto.ts";
import { utf8 } from "./bytes.ts";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 43;
const checksumLength = 6;

/** The tiers of API keys and the prefix that shows them. */
export const keyPrefixes = { service: "ps_svc_", admin: "ps_adm_", readonly: "ps_ro_", user: "ps_usr_" } as const;
export type KeyTier = keyof typeof keyPrefixes;
export const keyTiers = ["service", "admin", "readonly", "user"] as const satisfies readonly KeyTier[];

/** A new key: prefix, 256 random bits in base62 and a checksum that tells a typing error from an unknown key. */
export function newApiKey(tier: KeyTier): string {
  const body = keyPrefixes[tier] + base62(randomBytes(32), secretLength);
  return body + checksum(body);
}

/** The tier of a well-formed key; undefined for anything else, a key with one character changed included. */
export function tierOfKey(key: string): KeyTier | undefined {
  const tier = keyTiers.find((candidate) => key.startsWith(keyPrefixes[candidate]));
  if (tier === undefined || key.length !== keyPrefixes[tier].length + secretLength + checksumLength) {
    return undefined;
  }
  return checksum(key.slice(0, -checksumLength)) === key.slice(-checksumLength) ? tier : undefined;
}

function base62(bytes: Uint8Array, length: number): string {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  while (text.length < length) {
    text = `${alphabet[Number(number % 62n)] ?? ""}${text}`;
    number /= 62n;
  }
  return text;
}

function checksum(text: string): string {
  const sum = crc32(utf8(text));
  return base62(new Uint8Array([sum >>> 24, sum >>> 16, sum >>> 8, sum].map((byte) => byte & 0xff)), checksumLength);
}

// CRC-32 as in IEEE 802.3. It guards against slips of the hand, not against forgers.
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
