import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, unique, uuid } from "drizzle-orm/pg-core";
import { bytes, instant, plainText } from "./columns.ts";

/** People who hold keys of the tier `user`; their role is what such a key may do. */
export const users = pgTable(
  "users",
  {
    id: uuid()
      .primaryKey()
      .default(sql`uuidv7()`),
    name: plainText().notNull(),
    role: plainText().notNull().default("viewer"),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
  },
  (table) => [
    unique("users_name_key").on(table.name),
    check("users_role_check", sql`${table.role} in ('admin', 'editor', 'viewer')`),
  ],
);

/** API keys; the key itself is never stored, only its HMAC under the pepper named by pepper_id. */
export const apiKeys = pgTable(
  "api_keys",
  {
    id: uuid()
      .primaryKey()
      .default(sql`uuidv7()`),
    name: plainText().notNull(),
    tier: plainText().notNull(),
    userId: uuid("user_id").references(() => users.id),
    keyHash: bytes("key_hash").notNull(),
    pepperId: plainText("pepper_id").notNull(),
    lastFour: plainText("last_four").notNull(),
    scopes: jsonb(),
    rateLimitPerMinute: integer("rate_limit_per_minute"),
    burst: integer(),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
    expiresAt: instant("expires_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    unique("api_keys_key_hash_key").on(table.keyHash),
    index("api_keys_user_id_idx").on(table.userId),
    check("api_keys_tier_check", sql`${table.tier} in ('service', 'admin', 'readonly', 'user')`),
    check("api_keys_user_check", sql`(${table.tier} = 'user') = (${table.userId} is not null)`),
    check("api_keys_rate_limit_check", sql`${table.rateLimitPerMinute} > 0 and ${table.burst} > 0`),
  ],
);
