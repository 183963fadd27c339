import type { Signer } from "../lib/message-signature.ts";
import type { Outbound } from "../lib/outbound.ts";
import type { Vault } from "../lib/vault.ts";

/** What the core needs from outside. */
export interface Ports {
  readonly outbound: Outbound;
  readonly vault: Vault;
  readonly signer: Signer;
}
