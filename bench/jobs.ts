import type pg from "pg";

/** Changes that a statement takes in, as the scheduled jobs have it. */
const statsBatch = 20_000;
const searchBatch = 5_000;

interface Report {
  readonly taken: number;
  readonly finished: boolean;
}

/** Takes the log into rollups and view, as the scheduled jobs do. Answers how many changes were new. */
export async function refreshStatistics(client: pg.Client): Promise<number> {
  const taken = await repeat(client, "SELECT muster.refresh_change_stats(now(), $1) AS report", statsBatch);
  await client.query("SELECT muster.refresh_change_totals(now())");
  return taken;
}

/** Takes the log into the search index, as the scheduled job does. Answers how many changes were new. */
export async function indexChanges(client: pg.Client): Promise<number> {
  return repeat(client, "SELECT muster.index_changes($1) AS report", searchBatch);
}

async function repeat(client: pg.Client, statement: string, batch: number): Promise<number> {
  let taken = 0;
  for (let finished = false; !finished;) {
    const { rows } = await client.query<{ report: Report & { changes?: number } }>(statement, [batch]);
    const report = rows[0]?.report;
    taken += report?.taken ?? report?.changes ?? 0;
    finished = report?.finished ?? true;
  }
  return taken;
}
