import { type KeyTier, newApiKey, tierOfKey } from "../../lib/api-key.ts";
import { toHex } from "../../lib/bytes.ts";
import { hmacSha256, sha256 } from "../../lib/crypto.ts";
import { LruMap } from "../../lib/lru.ts";
import type { Actor, Role } from "../access.ts";
import { type Ctx, run, runOne } from "../context.ts";
import { insertKey, type KeyRow, type NewKey, selectKey } from "./repository.ts";

/** A secret that keys are hashed with. */
export interface KeyPepper {
  readonly id: string;
  readonly key: CryptoKey;
}

/** An accepted key and its own limits, where it has any. */
export interface KeyIdentity {
  readonly keyId: string;
  readonly actor: Actor;
  readonly perMinute: number | undefined;
  readonly burst: number | undefined;
}

/** What became of a credential. `cached`: this isolate knew the key already, no database was asked. */
export type Identification =
  | { readonly outcome: "known"; readonly identity: KeyIdentity; readonly cached: boolean }
  | { readonly outcome: "malformed" | "unknown" };

const knownForMs = 30_000;
const unknownForMs = 5_000;

interface Remembered {
  readonly identification: Identification;
  readonly until: number;
}

/** What an isolate remembers of the keys it was shown. Good and bad ones apart, so that a flood of guesses forgets no good one. */
export interface KeyMemory {
  readonly known: LruMap<Remembered>;
  readonly unknown: LruMap<Remembered>;
}

/**
 * Looks an API key up: by its checksum first, so that a mistyped key reaches no database, then in `memory`, then in one
 * statement, before which `beforeLookup` may throw. A revoked key may be accepted for up to 30 s by an isolate that has it
 * in memory. Throws `unavailable`.
 */
export async function identify(
  ctx: Pick<Ctx, "db" | "now">,
  peppers: readonly KeyPepper[],
  memory: KeyMemory,
  key: string,
  beforeLookup: () => void = () => undefined,
): Promise<Identification> {
  const tier = tierOfKey(key);
  if (tier === undefined) {
    return { outcome: "malformed" };
  }
  const fingerprint = toHex(await sha256(key));
  const remembered = memory.known.get(fingerprint) ?? memory.unknown.get(fingerprint);
  if (remembered && remembered.until > ctx.now.getTime()) {
    const { identification } = remembered;
    return identification.outcome === "known" ? { ...identification, cached: true } : identification;
  }
  beforeLookup();
  const hashes = await Promise.all(peppers.map((pepper) => hmacSha256(pepper.key, key)));
  const statement = selectKey(
    peppers.map((pepper) => pepper.id),
    hashes.map(toHex),
    ctx.now,
  );
  const [row] = await run<KeyRow>(ctx, statement);
  const identification: Identification = row
    ? { outcome: "known", identity: toIdentity(row, tier), cached: false }
    : { outcome: "unknown" };
  const keepFor = ctx.now.getTime() + (row ? knownForMs : unknownForMs);
  const expiry = row?.expires_at ? Date.parse(row.expires_at) : Number.POSITIVE_INFINITY;
  memory[row ? "known" : "unknown"].set(fingerprint, { identification, until: Math.min(keepFor, expiry) });
  return identification;
}

export function createKeyMemory(): KeyMemory {
  return { known: new LruMap(10_000), unknown: new LruMap(10_000) };
}

export interface KeyRequest {
  readonly name: string;
  readonly tier: KeyTier;
  readonly userName?: string | undefined;
  readonly perMinute?: number | undefined;
  readonly burst?: number | undefined;
  readonly expiresAt?: string | undefined;
}

/** Makes a key and answers it; it cannot be shown again, since only its hash is stored. */
export async function createKey(
  ctx: Pick<Ctx, "db">,
  pepper: KeyPepper,
  request: KeyRequest,
): Promise<{ id: string; key: string }> {
  const key = newApiKey(request.tier);
  const row: NewKey = {
    name: request.name,
    tier: request.tier,
    userName: request.userName ?? null,
    hash: toHex(await hmacSha256(pepper.key, key)),
    pepperId: pepper.id,
    lastFour: key.slice(-4),
    perMinute: request.perMinute ?? null,
    burst: request.burst ?? null,
    expiresAt: request.expiresAt ?? null,
  };
  const { id } = await runOne<{ id: string }>(ctx, insertKey(row));
  return { id, key };
}

function toIdentity(row: KeyRow, tier: KeyTier): KeyIdentity {
  return {
    keyId: row.id,
    actor: { kind: "key", keyId: row.id, tier, role: roleOf(tier, row.role), label: `key:${row.id}` },
    perMinute: row.rate_limit_per_minute ?? undefined,
    burst: row.burst ?? undefined,
  };
}

function roleOf(tier: KeyTier, userRole: string | null): Role {
  switch (tier) {
    case "admin":
      return "admin";
    case "service":
      return "editor";
    case "readonly":
      return "viewer";
    case "user":
      return userRole === "admin" || userRole === "editor" ? userRole : "viewer";
  }
}
