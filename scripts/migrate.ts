import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { applyMigrations } from "./migrate/apply-migrations.ts";
import { readMigrations } from "./migrate/migration-files.ts";
import { withMigrationLock } from "./migrate/migration-lock.ts";
import { prepareRoles } from "./migrate/roles.ts";

/** What to migrate, and how to tell about it. */
export interface MigrateOptions {
  /** The owner's direct URL: a pooled one cannot hold the lock between two runners. */
  readonly connectionString: string;
  /** drizzle-kit's folder; `drizzle` by default. */
  readonly folder?: string;
  readonly log?: (line: string) => void;
  /** Runs after the files, in a transaction of its own, under the same lock. */
  readonly afterMigrate?: (client: pg.Client) => Promise<void>;
}

const OLDEST_POSTGRES = 18;

/**
 * Brings a database up to date: roles, optional extensions, then each file not yet applied, in a transaction of its own.
 * Runners at the same time wait for each other. Throws for PostgreSQL below 18, for an applied file that changed or is gone,
 * and for a statement that fails, naming it; what was applied before that stays.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { connectionString, folder = "drizzle", log = () => undefined, afterMigrate } = options;
  refusePooler(connectionString);
  const migrations = await readMigrations(folder);
  const client = new pg.Client({ connectionString, application_name: "muster-migrate" });
  client.on("error", () => undefined); // a lost connection fails the statement that is running, which reports it
  await client.connect();
  try {
    await refuseOldPostgres(client);
    await withMigrationLock(client, log, async () => {
      await prepareRoles(client, log);
      await createVectorExtension(client, log);
      await applyMigrations(client, migrations, log);
      if (afterMigrate) await inTransaction(client, () => afterMigrate(client));
    });
  } finally {
    await client.end();
  }
}

function refusePooler(connectionString: string): void {
  if (/-pooler\./.test(new URL(connectionString).hostname)) {
    throw new Error("migrations need the direct connection string: take the one without -pooler in its host");
  }
}

async function refuseOldPostgres(client: pg.Client): Promise<void> {
  const result = await client.query<{ server_version: string }>("SHOW server_version");
  const version = result.rows[0]?.server_version ?? "";
  if (!(Number.parseInt(version, 10) >= OLDEST_POSTGRES)) {
    throw new Error(`Muster needs PostgreSQL ${OLDEST_POSTGRES} or newer; this server is ${version}`);
  }
}

// Semantic search is optional: a database that gets the extension later is picked up by the next run.
async function createVectorExtension(client: pg.Client, log: (line: string) => void): Promise<void> {
  const available = await client.query(
    "SELECT FROM pg_available_extensions WHERE name = 'vector' AND installed_version IS NULL",
  );
  if (available.rowCount === 0) return;
  try {
    await client.query("CREATE EXTENSION IF NOT EXISTS vector");
    log("extension vector created");
  } catch (error) {
    log(`extension vector is available but could not be created: ${String(error)}`);
  }
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query("BEGIN");
  try {
    await work();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // the first error is the one to report
    throw error;
  }
}

async function main(): Promise<void> {
  const connectionString = process.env["DATABASE_URL_OWNER"] ?? process.env["DATABASE_URL"];
  if (connectionString === undefined) throw new Error("set DATABASE_URL_OWNER or DATABASE_URL");
  await migrate({ connectionString, log: console.log });
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
