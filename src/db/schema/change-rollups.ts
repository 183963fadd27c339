import { bigint, customType, date, index, integer, pgTable, primaryKey, text, unique, uuid } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

const transactionId = customType<{ data: string }>({ dataType: () => "xid8" });
const searchVector = customType<{ data: string }>({ dataType: () => "tsvector" });

/** How far each job has read the change log: all transactions below `xid` had ended and were taken in. */
export const changeWatermarks = pgTable("change_watermarks", {
  name: plainText().primaryKey(),
  xid: transactionId().notNull(),
  /**
   * Counts the runs that took something in; a rollup row names the last one that touched it. For `search` it is the id up
   * to which the changes of the transaction `xid` itself are in.
   */
  batch: bigint({ mode: "bigint" }).notNull(),
  updatedAt: instant("updated_at").notNull(),
});

/** Changes an hour, by everything that statistics are asked by. Holds what lies below the watermark `stats`. */
export const changeStats = pgTable(
  "change_stats",
  {
    hour: instant("hour").notNull(),
    batch: bigint({ mode: "bigint" }).notNull(),
    n: integer().notNull(),
    sourceId: integer("source_id"),
    changeType: plainText("change_type").notNull(),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    department: plainText(),
  },
  (table) => [
    unique("change_stats_key")
      .on(table.hour, table.changeType, table.ciType, table.namespace, table.sourceId, table.department)
      .nullsNotDistinct(),
    index("change_stats_batch_idx").on(table.batch),
  ],
);

/** Which items changed on which day (UTC), so that the number of affected items of any window is exact. */
export const changeDays = pgTable(
  "change_days",
  {
    day: date({ mode: "string" }).notNull(),
    ciId: uuid("ci_id").notNull(),
    sourceId: integer("source_id"),
    ciType: plainText("ci_type").notNull(),
    namespace: plainText(),
    department: plainText(),
  },
  (table) => [
    unique("change_days_key")
      .on(table.day, table.ciId, table.ciType, table.namespace, table.sourceId, table.department)
      .nullsNotDistinct(),
  ],
);

/** What a change can be found by; filled behind the watermark `search`, partitioned by month like the log. */
export const changeSearch = pgTable(
  "change_search",
  {
    changedAt: instant("changed_at").notNull(),
    changeId: bigint("change_id", { mode: "bigint" }).notNull(),
    name: plainText().notNull(),
    vector: searchVector().notNull(),
    /** The changed paths as they are written on the wire. */
    fields: text().array().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.changedAt, table.changeId] }),
    index("change_search_change_id_idx").on(table.changeId),
    index("change_search_name_trigram_idx").using("gin", table.name.op("gin_trgm_ops")),
    index("change_search_vector_idx").using("gin", table.vector),
    index("change_search_fields_idx").using("gin", table.fields),
  ],
);
