import { fromBase64Url, toBase64Url, utf8 } from "./bytes.ts";
import { hmacSha256, hmacVerifies } from "./crypto.ts";

const macLength = 16;

/**
 * An opaque place in a list: the sort key of the last row, signed together with `query`, so that it opens the next page
 * of this query only and nobody can write one.
 */
export async function sealCursor(key: CryptoKey, query: string, place: readonly string[]): Promise<string> {
  const payload = toBase64Url(utf8(JSON.stringify(place)));
  const mac = await hmacSha256(key, `${payload} ${query}`);
  return `${payload}.${toBase64Url(mac.slice(0, macLength))}`;
}

/** The place a cursor names; undefined when it was not sealed with this key for this query. */
export async function openCursor(key: CryptoKey, query: string, cursor: string): Promise<string[] | undefined> {
  const [payload = "", mac = ""] = cursor.split(".");
  const expected = await hmacSha256(key, `${payload} ${query}`);
  const given = fromBase64Url(mac);
  const bytes = fromBase64Url(payload);
  if (!given || !bytes || given.length !== macLength || !(await sameBytes(key, given, expected.slice(0, macLength)))) {
    return undefined;
  }
  const place: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return Array.isArray(place) ? place.map(String) : undefined;
}

// Comparing two MACs of the MACs takes the same time wherever they differ.
async function sameBytes(key: CryptoKey, left: Uint8Array, right: Uint8Array): Promise<boolean> {
  return hmacVerifies(key, await hmacSha256(key, toBase64Url(left)), toBase64Url(right));
}
