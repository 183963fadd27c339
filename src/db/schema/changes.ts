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
    index("changes_id_idx").on(table.id),
    // What a watermark has not passed yet.
    index("changes_xid_idx").on(table.xid),
    index("changes_ci_type_changed_at_idx").on(table.ciType, table.changedAt, table.id),
    index("changes_change_type_changed_at_idx").on(table.changeType, table.changedAt, table.id),
    index("changes_name_changed_at_idx").on(table.name, table.changedAt, table.id),
    // Equal keys share an entry in an index of one column, which makes these small and cheap to write.
    index("changes_namespace_idx").on(table.namespace),
    index("changes_actor_idx").on(table.actor),
    index("changes_request_id_idx").on(table.requestId),
    index("changes_source_id_idx").on(table.sourceId),
    index("changes_department_idx")
      .on(table.department)
      .where(sql`${table.department} is not null`),
  ],
);
