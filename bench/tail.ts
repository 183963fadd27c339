import type pg from "pg";

/** Adds changes to the log as a bulk would leave them: at the end, of one transaction, in no rollup and no index. */
export async function addChanges(client: pg.Client, count: number): Promise<void> {
  // Copies of what was logged last, a moment after it.
  await client.query(
    `INSERT INTO changes (changed_at, ci_id, version, source_id, change_type, ci_type, namespace, name, department, actor,
       request_id, reason, entries)
     SELECT l.last + interval '1 ms', h.ci_id, h.version + 1000000, h.source_id, 'UPDATED', h.ci_type, h.namespace, h.name,
       h.department, h.actor, h.request_id, h.reason, h.entries
     FROM (SELECT * FROM changes WHERE change_type = 'UPDATED' ORDER BY changed_at DESC, id DESC LIMIT $1) AS h,
       (SELECT max(changed_at) AS last FROM changes) AS l`,
    [count],
  );
}

/** Takes such changes out again, with what was made of them. */
export async function removeChanges(client: pg.Client): Promise<void> {
  await client.query("DELETE FROM changes WHERE version > 1000000");
}

/** Rows of the log that a refresh of the statistics read, and its milliseconds. */
export async function measureRefresh(client: pg.Client): Promise<{ taken: number; rowsRead: number; ms: number }> {
  const before = await rowsRead(client);
  const started = performance.now();
  const { rows } = await client.query<{ taken: number }>(
    "SELECT (muster.refresh_change_stats(now(), 20000) ->> 'taken')::integer AS taken",
  );
  const ms = performance.now() - started;
  return { taken: rows[0]?.taken ?? 0, rowsRead: (await rowsRead(client)) - before, ms };
}

async function rowsRead(client: pg.Client): Promise<number> {
  await client.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await client.query<{ n: number }>(
    `SELECT coalesce(sum(seq_tup_read) + sum(idx_tup_fetch), 0)::float8 AS n FROM pg_stat_user_tables WHERE relname LIKE 'changes\\_%'`,
  );
  return rows[0]?.n ?? 0;
}
