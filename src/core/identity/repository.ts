import { sql, type SQL } from "drizzle-orm";

export interface KeyRow extends Record<string, unknown> {
  readonly id: string;
  readonly role: string | null;
  readonly rate_limit_per_minute: number | null;
  readonly burst: number | null;
  readonly expires_at: string | null;
}

/** The live key with one of these hashes (hex), hashed under the pepper of the same place; with its user's role. */
export function selectKey(pepperIds: readonly string[], hashes: readonly string[], now: Date): SQL {
  return sql`select k.id::text as id, u.role, k.rate_limit_per_minute, k.burst,
      muster.iso(k.expires_at) as expires_at
    from unnest(${sql.param(pepperIds)}::text[], ${sql.param(hashes)}::text[]) as h (pepper_id, hash)
    join api_keys k on k.key_hash = decode(h.hash, 'hex') and k.pepper_id = h.pepper_id
    left join users u on u.id = k.user_id
    where k.revoked_at is null and (k.expires_at is null or k.expires_at > ${now.toISOString()}::timestamptz)`;
}

export interface NewKey {
  readonly name: string;
  readonly tier: string;
  readonly userName: string | null;
  readonly hash: string;
  readonly pepperId: string;
  readonly lastFour: string;
  readonly perMinute: number | null;
  readonly burst: number | null;
  readonly expiresAt: string | null;
}

/** Adds a key, and its user where it names one that is not there yet. */
export function insertKey(key: NewKey): SQL {
  return sql`with holder as (
      insert into users (name) select ${key.userName}::text where ${key.userName}::text is not null
      on conflict (name) do update set name = excluded.name returning id)
    insert into api_keys (name, tier, user_id, key_hash, pepper_id, last_four, rate_limit_per_minute, burst, expires_at)
    values (${key.name}, ${key.tier}, (select id from holder), decode(${key.hash}, 'hex'), ${key.pepperId},
            ${key.lastFour}, ${key.perMinute}::integer, ${key.burst}::integer, ${key.expiresAt}::timestamptz)
    returning id::text as id`;
}

export function selectKeys(): SQL {
  return sql`select k.id::text as id, k.name, k.tier, u.name as user_name, k.last_four, k.rate_limit_per_minute,
      muster.iso(k.created_at) as created_at, muster.iso(k.expires_at) as expires_at,
      muster.iso(k.revoked_at) as revoked_at
    from api_keys k left join users u on u.id = k.user_id order by k.created_at, k.id`;
}

/** A row when there was such a key and it was not revoked yet. */
export function revokeKey(id: string): SQL {
  return sql`update api_keys set revoked_at = now() where id = ${id}::uuid and revoked_at is null
    returning id::text as id`;
}
