import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgTable, text, unique } from "drizzle-orm/pg-core";
import { instant, plainText } from "./columns.ts";

/** Every run of every job: when, how it ended and what it did. */
export const jobRuns = pgTable(
  "job_runs",
  {
    id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    job: plainText().notNull(),
    startedAt: instant("started_at").notNull(),
    finishedAt: instant("finished_at").notNull(),
    outcome: plainText().notNull(),
    details: jsonb()
      .notNull()
      .default(sql`'{}'::jsonb`),
  },
  (table) => [
    index("job_runs_job_started_at_idx").on(table.job, table.startedAt),
    check("job_runs_outcome_check", sql`${table.outcome} in ('succeeded', 'failed', 'skipped')`),
  ],
);

/** Lifecycle thresholds in seconds. The row without type and namespace is the default; `*` in a pattern stands for any text. */
export const lifecycleSettings = pgTable(
  "lifecycle_settings",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    ciType: plainText("ci_type"),
    namespace: plainText(),
    inactiveAfterSeconds: integer("inactive_after_seconds").notNull(),
    archiveAfterSeconds: integer("archive_after_seconds").notNull(),
    purgeAfterSeconds: integer("purge_after_seconds").notNull(),
    updatedAt: instant("updated_at")
      .notNull()
      .default(sql`now()`),
  },
  (table) => [
    unique("lifecycle_settings_pattern_key").on(table.ciType, table.namespace).nullsNotDistinct(),
    check(
      "lifecycle_settings_positive_check",
      sql`${table.inactiveAfterSeconds} > 0 and ${table.archiveAfterSeconds} >= 0 and ${table.purgeAfterSeconds} >= 0`,
    ),
  ],
);

/** The declarations of the built-in CI types as the database reads them; written by the migration runner. */
export const ciTypes = pgTable("ci_types", {
  ciType: plainText("ci_type").primaryKey(),
  typeTable: plainText("type_table").notNull(),
  columns: jsonb().notNull(),
  hasMetrics: boolean("has_metrics").notNull(),
  hiddenPaths: text("hidden_paths").array().notNull(),
  redactedPaths: text("redacted_paths").array().notNull(),
});
