import type { KeyPepper } from "../../src/core/identity/service.ts";
import { fromBase64Url } from "../../src/lib/bytes.ts";
import { hmacKey } from "../../src/lib/crypto.ts";

const leastBytes = 32;

/** The peppers of an API_KEY_PEPPERS value, the current one first. Throws, without showing them, when it is malformed. */
export async function readPeppers(text: string): Promise<[KeyPepper, ...KeyPepper[]]> {
  const [first, ...rest] = await Promise.all(text.split(",").map(readPepper));
  if (!first) throw malformed();
  return [first, ...rest];
}

async function readPepper(text: string): Promise<KeyPepper> {
  const [id = "", secret = ""] = text.split("=");
  const bytes = fromBase64Url(secret);
  if (id === "" || !bytes || bytes.length < leastBytes) throw malformed();
  return { id, key: await hmacKey(bytes) };
}

function malformed(): Error {
  return new Error(
    "API_KEY_PEPPERS is id=secret, the secret 32 bytes in base64url; `npm run keys -- pepper` makes one",
  );
}
