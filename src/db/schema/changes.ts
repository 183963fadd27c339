import { sql } from "drizzle-orm";
import { bigint, boolean, customType, index, integer, pgTable, primaryKey, uuid } from "drizzle-orm/pg-core";
import { document, instant, plainText } from "./columns.ts";

const transactionId = customType<{ data: string }>({ dataType: () => "xid8" });

/** The change log, written by a trigger only; partitioned by month. The columns describe the item as it is after the change. */
export const changes = pgTable(
  "changes",
  {
    id: bigint({ mode: "bigint" }).notNull().generatedAlwaysAsIdentity(),
    changedAt: instant("changed_at").notNull(),
    ciId: uuid("ci_id").notNull(),
    version: integer().notNull(),
    sourceId: integer("source_id"),
    changeType: plainText("change_type").notNull(),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    name: plainText().notNull(),
    department: plainText(),
    actor: plainText(),
    requestId: plainText("request_id"),
    reason: plainText(),
    xid: transactionId()
      .notNull()
      .default(sql`pg_current_xact_id()`),
    oversized: boolean().notNull().default(false),
    entries: document()
      .notNull()
      .default(sql`'[]'::jsonb`),
  },
  (table) => [
    primaryKey({ columns: [table.changedAt, table.id] }),
    index("changes_ci_id_version_idx").on(table.ciId, table.version, table.id),
  ],
);
