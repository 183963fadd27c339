import { mkdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { Engine } from "../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../scripts/local-neon/start-database.ts";
import { migrate } from "../scripts/migrate.ts";
import { declareTypes } from "../scripts/migrate/declare-types.ts";
import { projectFolder } from "../scripts/stack/project.ts";
import { indexChanges, refreshStatistics } from "./jobs.ts";
import { loadEstate } from "./load.ts";
import type { BenchOptions, EstateSize } from "./options.ts";

/** A database that holds an estate. */
export interface Estate {
  readonly engine: Engine;
  /** As the owner. */
  readonly client: pg.Client;
}

/**
 * Opens the database of the options, brings it up to date, and loads the estate with all that jobs make of it, unless it
 * was loaded before. Whatever it started, `closing` ends. Throws when the database holds something else.
 */
export async function prepareEstate(options: BenchOptions, closing: AsyncDisposableStack): Promise<Estate> {
  const { databaseUrl, dataDir, size } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const engine = await openEngine(
    databaseUrl === undefined
      ? { kind: "postgres", dataDir: join(dataDir, "postgres") }
      : { kind: "postgres", databaseUrl },
  );
  closing.defer(() => engine.close());
  const log = timedLog();
  await migrate({
    connectionString: engine.adminUrl,
    folder: join(projectFolder, "drizzle"),
    afterMigrate: declareTypes,
  });
  const client = new pg.Client({ connectionString: engine.adminUrl, application_name: "muster-bench" });
  await client.connect();
  closing.defer(() => client.end());
  if (await isLoaded(client, size)) return { engine, client };
  await loadEstate(engine.adminUrl, size, log);
  log(`statistics of ${await refreshStatistics(client)} changes refreshed`);
  log(`${await indexChanges(client)} changes indexed for the search`);
  await client.query("VACUUM ANALYZE");
  await client.query(
    "INSERT INTO job_runs (job, started_at, finished_at, outcome, details) VALUES ($1, now(), now(), 'succeeded', $2)",
    [loadedAs, size],
  );
  log("ready");
  return { engine, client };
}

const loadedAs = "bench_load";

async function isLoaded(client: pg.Client, { until: _until, ...size }: EstateSize): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM job_runs WHERE job = $1 AND details @> $2", [loadedAs, size]);
  return rowCount !== 0;
}

// Lines with the seconds since the one before.
function timedLog(): (line: string) => void {
  let before = performance.now();
  return (line) => {
    const now = performance.now();
    process.stderr.write(`${((now - before) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
    before = now;
  };
}
