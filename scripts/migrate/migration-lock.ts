import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";

const LOCK_KEY = 7_305_808_869_232_143_370n; // any constant that nothing else in the database uses
const POLL_MS = 200;

/** Does the work while no other migration runner works on this database; waits for one that does, as long as it takes. */
export async function withMigrationLock(
  client: pg.Client,
  log: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  // Waiting inside pg_advisory_lock would hold a snapshot that CREATE INDEX CONCURRENTLY of the other runner waits for: a deadlock.
  for (let isFirst = true; !(await tryLock(client)); isFirst = false) {
    if (isFirst) log("waiting for another migration to end");
    await pause(POLL_MS);
  }
  await work();
  // After an error the connection is closed, which unlocks as well.
  await client.query("SELECT pg_advisory_unlock($1)", [LOCK_KEY]);
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [LOCK_KEY]);
  return rows[0]?.locked === true;
}
