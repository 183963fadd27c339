import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

/** A service that Muster asks to collect, and that pushes what it finds. */
export const collectors = pgTable(
  "collectors",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: plainText().notNull(),
    type: plainText().notNull(),
    /** Where its health and trigger routes are; null for one that only pushes. */
    endpoint: plainText(),
    status: plainText().notNull().default("enabled"),
    config: jsonb()
      .notNull()
      .default(sql`'{}'::jsonb`),
    scheduleConfig: jsonb("schedule_config")
      .notNull()
      .default(sql`'{}'::jsonb`),
    /** Its last answer in the universal health format, with `last_check`. */
    healthStatus: jsonb("health_status"),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
    updatedAt: instant("updated_at")
      .notNull()
      .default(sql`now()`),
  },
  (table) => [
    unique("collectors_name_type_key").on(table.name, table.type),
    check("collectors_status_check", sql`${table.status} in ('enabled', 'disabled')`),
  ],
);

/**
 * Where items come from: a cluster, a database server, a folder of files. One that was deleted keeps its row, since its items and
 * their history name it.
 */
export const sources = pgTable(
  "sources",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: plainText().notNull(),
    /** Null for one that a report named and nobody set up. */
    collectorId: integer("collector_id").references(() => collectors.id),
    endpoint: plainText(),
    username: plainText(),
    status: plainText().notNull().default("enabled"),
    config: jsonb()
      .notNull()
      .default(sql`'{}'::jsonb`),
    scheduleConfig: jsonb("schedule_config")
      .notNull()
      .default(sql`'{}'::jsonb`),
    /** Password and token, sealed; see core/ports.ts. */
    credentials: jsonb(),
    healthStatus: jsonb("health_status"),
    lastCollection: instant("last_collection"),
    lastError: plainText("last_error"),
    consecutiveErrors: integer("consecutive_errors").notNull().default(0),
    /** When the schedule asks for the next collection, null when it does not; of a deleted source, since when it has records left to age. */
    dueAt: instant("due_at"),
    /** Nobody else triggers a collection before this; ended by the collector's report. */
    claimedUntil: instant("claimed_until"),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
    updatedAt: instant("updated_at")
      .notNull()
      .default(sql`now()`),
    deletedAt: instant("deleted_at"),
  },
  (table) => [
    uniqueIndex("sources_collector_id_name_key")
      .on(sql`coalesce(${table.collectorId}, 0)`, table.name)
      .where(sql`${table.deletedAt} is null`),
    index("sources_due_at_idx")
      .on(table.dueAt)
      .where(sql`${table.dueAt} is not null`),
    index("sources_deleted_idx")
      .on(table.id)
      .where(sql`${table.deletedAt} is not null`),
    check("sources_status_check", sql`${table.status} in ('enabled', 'disabled')`),
  ],
);

/** A full collection of a source, or of some of its types and namespaces: what it does not see is gone when it is committed. */
export const sourceSyncs = pgTable(
  "source_syncs",
  {
    id: uuid()
      .primaryKey()
      .default(sql`uuidv7()`),
    sourceId: integer("source_id")
      .notNull()
      .references(() => sources.id),
    /** Null for all. */
    types: text().array(),
    namespaces: text().array(),
    openedAt: instant("opened_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    /** How long it stays open after its last bulk. */
    idleSeconds: integer("idle_seconds").notNull().default(3600),
    committedAt: instant("committed_at"),
    /** What the commit did. */
    outcome: jsonb(),
    isCancelled: boolean("is_cancelled").notNull().default(false),
  },
  (table) => [
    index("source_syncs_source_id_idx").on(table.sourceId, table.openedAt, table.id),
    index("source_syncs_expires_at_idx").on(table.expiresAt),
  ],
);
