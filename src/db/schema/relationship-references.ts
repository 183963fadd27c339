import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, uuid } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

/**
 * What the documents of items say about other items, whether or not these are there. Written by triggers on
 * configuration_items; an extracted relationship is a reference whose other end was found.
 */
export const relationshipReferences = pgTable(
  "relationship_references",
  {
    ciId: uuid("ci_id").notNull(),
    /** The other end; null while there is none, while it is not the only one, and for a selector. */
    targetCiId: uuid("target_ci_id"),
    sourceId: integer("source_id"),
    /** Order within the item: of two references that make one edge the first gives its properties and evidence. */
    place: integer().notNull(),
    anySource: boolean("any_source").notNull(),
    /** Every item that holds `selector` is another end, not the one that has the name. */
    selectsAll: boolean("selects_all").notNull(),
    namespaceRule: plainText("namespace_rule").notNull(),
    relationshipType: plainText("relationship_type").notNull(),
    targetType: plainText("target_type").notNull(),
    targetNamespace: plainText("target_namespace"),
    /** The handle under which the other end finds this reference: its name, or one of a selector's pairs. */
    targetName: plainText("target_name").notNull(),
    /** What the other end's document holds: all of it for a selector, else another way to bear the name. */
    selector: jsonb(),
    properties: jsonb().notNull(),
    field: plainText().notNull(),
  },
  (table) => [
    index("relationship_references_ci_id_idx").on(table.ciId),
    index("relationship_references_target_idx").on(
      table.targetType,
      table.targetName,
      sql`coalesce(${table.targetNamespace}, '')`,
    ),
    index("relationship_references_anywhere_idx")
      .on(table.targetType, table.targetName)
      .where(sql`${table.namespaceRule} = 'any'`),
    check("relationship_references_rule_check", sql`${table.namespaceRule} in ('exact', 'own_or_none', 'any')`),
  ],
);

/**
 * The declared relationships of a type, or of a family such as `kubernetes.*` for the types without a row; written by the migration
 * runner, with how far a job has read the items that were there before.
 */
export const relationshipDeclarations = pgTable("relationship_declarations", {
  ciType: plainText("ci_type").primaryKey(),
  relationships: jsonb().notNull(),
  /** The paths whose movement may move an edge. */
  roots: jsonb().notNull(),
  /** Where a document says under which names besides its own its item can be found. */
  handles: jsonb().notNull(),
  crossesSources: boolean("crosses_sources").notNull(),
  isRelated: boolean("is_related").notNull().default(false),
  reachedType: plainText("reached_type"),
  reachedAt: instant("reached_at"),
  reachedId: uuid("reached_id"),
});
