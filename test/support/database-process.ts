import { once } from "node:events";
import pg from "pg";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { startLocalNeon } from "../../scripts/local-neon/server.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";
import { declareTypes } from "../../scripts/migrate/declare-types.ts";

/** The migrated database that every test file copies. */
const template = "muster_template";

async function makeTemplate(engine: Engine): Promise<void> {
  const client = new pg.Client({ connectionString: engine.adminUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${template}`);
  } finally {
    await client.end();
  }
  const url = new URL(engine.adminUrl);
  url.pathname = `/${template}`;
  await migrate({ connectionString: url.href, afterMigrate: declareTypes });
}

// The parent's end of the channel closes when the tests are over, and also when they were broken off.
const over = once(process, "disconnect");
const engine = await openEngine({ kind: "postgres", fast: true });
try {
  await makeTemplate(engine);
  const endpoint = await startLocalNeon({ engine, allowDatabaseAdmin: true });
  process.send?.(endpoint.url);
  await over;
  await endpoint.close();
} finally {
  await engine.close();
}
