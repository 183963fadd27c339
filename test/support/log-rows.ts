import type { Muster } from "./muster.ts";

/** A row for the log, as no verb would write it. */
export interface LogRow {
  readonly changed_at: string;
  readonly ci_id: string;
  readonly ci_type: string;
  readonly change_type: string;
  readonly namespace?: string | null;
  readonly department?: string | null;
}

/** A transaction that has written to the log and has not ended. */
export interface OpenTransaction {
  /** Lets it commit and waits until it has. */
  commit(): Promise<void>;
}

/** Makes the functions that the others of this file call. */
export async function prepareLogRows(muster: Muster): Promise<void> {
  await muster.sql(`create function add_log_rows(log_rows jsonb) returns void language sql as $$
    insert into changes (changed_at, ci_id, version, change_type, ci_type, namespace, name, department)
    select r.changed_at, r.ci_id, 1, r.change_type, r.ci_type, r.namespace, 'row', r.department
    from jsonb_to_recordset(log_rows) as r (changed_at timestamptz, ci_id uuid, change_type text, ci_type text,
      namespace text, department text) $$`);
  await muster.sql("create table committing (id uuid)");
  // A sequence is not undone nor hidden by a transaction: it tells outside how far this one is.
  await muster.sql("create sequence entered");
  await muster.sql(`create function add_log_rows_late(transaction_id uuid, log_rows jsonb) returns void language plpgsql as $$
    begin
      perform add_log_rows(log_rows);
      perform nextval('entered');
      while not exists (select from committing c where c.id = transaction_id) loop
        perform pg_sleep(0.005);
      end loop;
    end $$`);
}

/** Writes rows in one transaction. */
export async function addLogRows(muster: Muster, rows: readonly LogRow[]): Promise<void> {
  await muster.sql("select add_log_rows($1::jsonb)", [JSON.stringify(rows)]);
}

/** Begins a transaction and writes rows; nobody else sees them until it commits. */
export async function openTransaction(muster: Muster, rows: readonly LogRow[]): Promise<OpenTransaction> {
  const id = crypto.randomUUID();
  const before = await entered(muster);
  const transaction = muster.sql("select add_log_rows_late($1::uuid, $2::jsonb)", [id, JSON.stringify(rows)]);
  while ((await entered(muster)) === before) {
    // Each look is a round trip.
  }
  return {
    async commit() {
      await muster.sql("insert into committing values ($1::uuid)", [id]);
      await transaction;
    },
  };
}

async function entered(muster: Muster): Promise<number> {
  const [row] = await muster.sql<{ n: number }>(
    "select case when is_called then last_value else 0 end::integer as n from entered",
  );
  return row?.n ?? 0;
}
