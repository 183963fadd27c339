import { createSigner, signingKey } from "../../src/lib/message-signature.ts";
import type { Signer } from "../../src/lib/message-signature.ts";

/** A signer as Muster has one; each `seed` is another key. */
export async function signerOf(seed: number): Promise<Signer> {
  return createSigner(await signingKey(new Uint8Array(32).fill(seed)));
}
