import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isObject } from "../../scripts/import/json-text.ts";

/** Muster's public keys cannot be had at the moment, so nothing can be verified. */
export class KeySetError extends Error {}

const maxAgeMs = 60 * 60 * 1000;
/** Whoever invents key ids does not make us ask Muster more often than this. */
const pauseMs = 10_000;
const timeoutMs = 5000;

/** Muster's public keys by their id: fetched when first needed, when an hour old, and when a key is asked for that is not among them. */
export class KeySet {
  readonly #url: string;
  readonly #now: () => number;
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(musterUrl: string, now: () => number = Date.now) {
    this.#url = `${musterUrl}/.well-known/jwks.json`;
    this.#now = now;
  }

  /** The key with this id; undefined when Muster has none. Throws KeySetError when that cannot be told. */
  async find(id: string): Promise<KeyObject | undefined> {
    const age = this.#now() - this.#fetchedAt;
    if (age > maxAgeMs || (age > pauseMs && !this.#keys.has(id))) await this.#fetchOnce();
    return this.#keys.get(id);
  }

  /** However many ask at the same time, one request is made. */
  #fetchOnce(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    try {
      const response = await fetch(this.#url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.#keys = readKeys(await response.json());
      this.#fetchedAt = this.#now();
    } catch (error) {
      throw new KeySetError(`cannot fetch Muster's keys from ${this.#url}: ${String(error)}`, { cause: error });
    }
  }
}

/** The Ed25519 keys of a JSON Web Key Set; keys of other kinds may stand beside them. */
function readKeys(set: unknown): Map<string, KeyObject> {
  if (!isObject(set) || !Array.isArray(set.keys)) throw new Error("not a JSON Web Key Set");
  const usable = set.keys.filter((jwk) => isObject(jwk) && jwk.kty === "OKP" && jwk.crv === "Ed25519");
  return new Map(usable.map(({ kid, x }) => [String(kid), publicKey(String(x))]));
}

function publicKey(x: string): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
