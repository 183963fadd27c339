import { sql } from "drizzle-orm";
import { integer, pgTable, unique } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

/** Where items come from: a cluster, a database server, a folder of files. */
export const sources = pgTable(
  "sources",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: plainText().notNull(),
    collectorId: integer("collector_id"),
    createdAt: instant("created_at")
      .notNull()
      .default(sql`now()`),
    updatedAt: instant("updated_at")
      .notNull()
      .default(sql`now()`),
  },
  (table) => [unique("sources_collector_id_name_key").on(table.collectorId, table.name).nullsNotDistinct()],
);
