import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgTable, real, unique, uuid } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

/** A typed, directed edge between two items. `extracted` ones follow from the document of one of their ends. */
export const relationships = pgTable(
  "relationships",
  {
    id: uuid()
      .primaryKey()
      .default(sql`uuidv7()`),
    sourceCiId: uuid("source_ci_id").notNull(),
    targetCiId: uuid("target_ci_id").notNull(),
    /** The source that saw it; null for one that a person or a plain client stated. */
    sourceId: integer("source_id"),
    firstSeen: instant("first_seen").notNull(),
    lastSeen: instant("last_seen").notNull(),
    extracted: boolean().notNull().default(false),
    /** From 0 to 1. */
    confidence: real().notNull().default(1),
    relationshipType: plainText("relationship_type").notNull(),
    properties: jsonb()
      .notNull()
      .default(sql`'{}'::jsonb`),
    evidence: jsonb(),
  },
  (table) => [
    // Also the way out of an item, and with the next one all that a walk through the graph reads.
    unique("relationships_key")
      .on(table.sourceCiId, table.relationshipType, table.targetCiId, table.sourceId, table.extracted)
      .nullsNotDistinct(),
    index("relationships_target_idx").on(table.targetCiId, table.relationshipType, table.sourceCiId),
    // For lists that start from neither end. What was not extracted is little, and has its own.
    index("relationships_type_idx").on(table.relationshipType, table.id),
    index("relationships_source_idx").on(table.sourceId, table.id),
    index("relationships_stated_idx")
      .on(table.id)
      .where(sql`not ${table.extracted}`),
    check("relationships_ends_check", sql`${table.sourceCiId} <> ${table.targetCiId}`),
    check("relationships_confidence_check", sql`${table.confidence} between 0 and 1`),
  ],
);

/** What became of relationships; written by a trigger. */
export const relationshipChanges = pgTable(
  "relationship_changes",
  {
    id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    relationshipId: uuid("relationship_id").notNull(),
    sourceCiId: uuid("source_ci_id").notNull(),
    targetCiId: uuid("target_ci_id").notNull(),
    changedAt: instant("changed_at").notNull(),
    sourceId: integer("source_id"),
    changeType: plainText("change_type").notNull(),
    relationshipType: plainText("relationship_type").notNull(),
    actor: plainText(),
    requestId: plainText("request_id"),
    reason: plainText(),
    /** `{properties, confidence, evidence}` before and after; null where there was nothing. */
    was: jsonb(),
    becomes: jsonb(),
  },
  (table) => [
    index("relationship_changes_source_idx").on(table.sourceCiId, table.id),
    index("relationship_changes_target_idx").on(table.targetCiId, table.id),
    index("relationship_changes_changed_at_idx").on(table.changedAt),
    check("relationship_changes_type_check", sql`${table.changeType} in ('CREATED', 'UPDATED', 'REMOVED')`),
  ],
);
