import { customType, timestamp } from "drizzle-orm/pg-core";

/**
 * Text ordered by code point: the same order on every machine, and one btree serves equality, prefixes and sorting. Unlike
 * "C", this collation knows the case of all letters, which ilike needs.
 */
export const plainText = customType<{ data: string }>({ dataType: () => 'text COLLATE "pg_c_utf8"' });

/** A document. Read and written as JSON text, so that integers beyond 2^53 survive. */
export const document = customType<{ data: string }>({ dataType: () => "jsonb" });

export const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });

/** An instant in UTC with milliseconds, the precision of the wire: a cursor made from it finds its row again. */
export function instant(name: string) {
  return timestamp(name, { precision: 3, withTimezone: true, mode: "string" });
}
