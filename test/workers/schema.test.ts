import { expect, test } from "vitest";
import { declaredTypes } from "../../src/core/ci-types/declarations-sql.ts";
import { declaredRelationships } from "../../src/core/ci-types/relationships-sql.ts";
import { createMuster } from "../support/muster.ts";

test("the declared types are what the database reads, and their tables are as declared", async () => {
  const muster = await createMuster();

  const rows = await muster.sql("select * from ci_types order by ci_type");
  expect(rows).toEqual(declaredTypes().toSorted((left, right) => (left.ci_type < right.ci_type ? -1 : 1)));

  const columns = await muster.sql<{ table_name: string; column_name: string; data_type: string }>(
    "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'",
  );
  const names: Readonly<Record<string, string>> = { timestamptz: "timestamp with time zone" };
  for (const type of declaredTypes()) {
    const present = columns.filter((column) => column.table_name === type.type_table && column.column_name !== "ci_id");
    expect([type.ci_type, Object.fromEntries(present.map((column) => [column.column_name, column.data_type]))]).toEqual(
      [
        type.ci_type,
        Object.fromEntries(type.columns.map((column) => [column.name, names[column.type] ?? column.type])),
      ],
    );
  }
});

test("the declared relationships are what the database reads", async () => {
  const muster = await createMuster();
  const rows = await muster.sql(
    "select ci_type, relationships, roots, handles, crosses_sources from relationship_declarations order by ci_type",
  );
  expect(rows).toEqual(declaredRelationships().toSorted((left, right) => (left.ci_type < right.ci_type ? -1 : 1)));
});

test("the role of the API can read, and write through the verbs only", async () => {
  const muster = await createMuster();
  const granted = await muster.sql(
    `select distinct privilege_type from information_schema.role_table_grants where grantee = 'muster_api'`,
  );
  expect(granted).toEqual([{ privilege_type: "SELECT" }]);
  const callable = await muster.sql<{ name: string }>(
    `select p.proname as name from pg_proc p
     where p.pronamespace = 'muster'::regnamespace and has_function_privilege('muster_api', p.oid, 'execute') order by 1`,
  );
  expect(callable.map((row) => row.name)).toEqual([
    "archive_item",
    "cancel_sync",
    "change_vector",
    "changed_fields",
    "changes_since",
    "claim_sources",
    "commit_sync",
    "create_collector",
    "create_source",
    "csv_cell",
    "current_collector",
    "current_item",
    "current_last_seen",
    "current_relationship",
    "current_source",
    "delete_collector",
    "delete_source",
    "entry_field",
    "field_key",
    "field_keys",
    "field_name",
    "iso",
    "item_at",
    "item_diff",
    "json_words",
    "next_source_id",
    "only_paths",
    "open_sync",
    "query_phrases",
    "record_job_run",
    "refresh_change_stats",
    "refresh_change_totals",
    "release_claims",
    "remove_relationship",
    "report_items",
    "report_source_health",
    "revert_change",
    "search_highlights",
    "search_query",
    "search_words",
    "shown_value",
    "state_relationships",
    "store_collector_health",
    "store_source_health",
    "update_collector",
    "update_source",
    "weighted_vector",
    "word_starts",
    "write_item",
  ]);
});

test("no function that runs with its owner's rights looks for a table among a caller's temporary ones first", async () => {
  const muster = await createMuster();
  const open = await muster.sql(
    `select p.proname from pg_proc p where p.pronamespace = 'muster'::regnamespace and p.prosecdef
       and not coalesce(p.proconfig, '{}') && array['search_path=pg_catalog, public, pg_temp']`,
  );
  expect(open).toEqual([]);
});
