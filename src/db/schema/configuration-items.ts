import { sql } from "drizzle-orm";
import { boolean, check, index, integer, pgTable, unique, uuid } from "drizzle-orm/pg-core";
import { bytes, document, instant, plainText } from "./columns.ts";
import { sources } from "./sources.ts";

/** The inventory: one row for each thing that is, or was lately, there. */
export const configurationItems = pgTable(
  "configuration_items",
  {
    ciId: uuid("ci_id")
      .primaryKey()
      .default(sql`uuidv7()`),
    version: integer().notNull().default(1),
    sourceId: integer("source_id").references(() => sources.id),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
    updatedAt: instant("updated_at")
      .notNull()
      .default(sql`now()`),
    statusUpdatedAt: instant("status_updated_at"),
    status: plainText().notNull().default("active"),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    name: plainText().notNull(),
    department: plainText(),
    contentHash: bytes("content_hash").notNull(),
    rawData: document("raw_data")
      .notNull()
      .default(sql`'{}'::jsonb`),
  },
  (table) => [
    check("configuration_items_status_check", sql`${table.status} in ('active', 'inactive', 'archived')`),
    check("configuration_items_raw_data_check", sql`jsonb_typeof(${table.rawData}) = 'object'`),
    index("configuration_items_created_at_idx").on(table.createdAt, table.ciId),
    index("configuration_items_status_created_at_idx").on(table.status, table.createdAt, table.ciId),
    index("configuration_items_updated_at_idx").on(table.updatedAt, table.ciId),
    index("configuration_items_name_idx").on(table.name, table.ciId),
    // Finds the other end of a reference.
    index("configuration_items_identity_idx").on(table.ciType, table.name, sql`coalesce(${table.namespace}, '')`),
    index("configuration_items_namespace_idx").on(sql`coalesce(${table.namespace}, '')`, table.ciId),
    index("configuration_items_namespace_created_at_idx").on(table.namespace, table.createdAt, table.ciId),
    index("configuration_items_type_created_at_idx").on(table.ciType, table.createdAt, table.ciId),
    index("configuration_items_type_namespace_created_at_idx").on(
      table.ciType,
      table.namespace,
      table.createdAt,
      table.ciId,
    ),
    index("configuration_items_status_updated_at_idx").on(
      sql`coalesce(${table.statusUpdatedAt}, '-infinity')`,
      table.ciId,
    ),
    index("configuration_items_not_active_idx")
      .on(table.status, table.statusUpdatedAt)
      .where(sql`${table.status} <> 'active'`),
    // Lets lists and walks over relationships tell who is archived without reading items.
    index("configuration_items_archived_idx")
      .on(table.ciId)
      .where(sql`${table.status} = 'archived'`),
    index("configuration_items_department_idx")
      .on(table.department, table.createdAt, table.ciId)
      .where(sql`${table.department} is not null`),
    index("configuration_items_source_id_idx").on(table.sourceId, table.createdAt, table.ciId),
    index("configuration_items_name_trigram_idx").using("gin", sql`${table.name} gin_trgm_ops`),
    index("configuration_items_raw_data_idx").using("gin", sql`${table.rawData} jsonb_path_ops`),
  ],
);

/**
 * The name under which one source knows an item, and its heartbeat. A record is live while its source sees the item;
 * an item goes inactive when none of its records is live. Records without a source come from people and plain clients;
 * what people make by hand does not age.
 */
export const sourceRecords = pgTable(
  "source_records",
  {
    ciId: uuid("ci_id").notNull(),
    lastSeen: instant("last_seen").notNull(),
    sourceId: integer("source_id").references(() => sources.id),
    live: boolean().notNull().default(true),
    ages: boolean().notNull().default(true),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    name: plainText().notNull(),
    contentHash: bytes("content_hash").notNull(),
  },
  (table) => [
    unique("source_records_identity_key")
      .on(table.sourceId, table.ciType, table.namespace, table.name)
      .nullsNotDistinct(),
    index("source_records_ci_id_idx").on(table.ciId),
    // For sorting, and for the sweep, which must not wade through what has aged already.
    index("source_records_last_seen_idx").on(table.lastSeen, table.ciId),
    index("source_records_aging_last_seen_idx")
      .on(table.lastSeen)
      .where(sql`${table.live} and ${table.ages}`),
  ],
);

/** Signed deltas of the number of items; their sum is exact at every moment, and a job folds them. */
export const itemCounts = pgTable(
  "item_counts",
  {
    n: integer().notNull(),
    sourceId: integer("source_id"),
    status: plainText().notNull(),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    department: plainText(),
  },
  (table) => [index("item_counts_status_type_idx").on(table.status, table.ciType)],
);
