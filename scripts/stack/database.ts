import { join } from "node:path";
import pg from "pg";
import type { Engine } from "../local-neon/engines/engine.ts";
import { startLocalNeon } from "../local-neon/server.ts";
import { openEngine } from "../local-neon/start-database.ts";
import { migrate } from "../migrate.ts";
import { declareTypes } from "../migrate/declare-types.ts";
import type { StackOptions } from "./options.ts";
import { projectFolder } from "./project.ts";

/** The local stack's database, ready for use, and how its roles reach it over HTTP. */
export interface LocalDatabase {
  /** What its keys and its sample are remembered under. */
  readonly name: string;
  readonly endpoint: string;
  readonly apiUrl: string;
  readonly jobsUrl: string;
  readonly ownerUrl: string;
  /** Resolves when a server of ours ends, with its name. */
  readonly ended: Promise<string>;
}

/** Opens the database, brings it up to date and serves it over HTTP. Whatever it started, `closing` ends. */
export async function openDatabase(options: StackOptions, closing: AsyncDisposableStack): Promise<LocalDatabase> {
  const { engine: kind, databaseUrl, dataDir } = options;
  const engine = await openEngine({
    kind,
    dataDir: join(dataDir, kind),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  });
  closing.defer(() => engine.close());
  await migrate({
    connectionString: engine.adminUrl,
    folder: join(projectFolder, "drizzle"),
    afterMigrate: declareTypes,
    log: (line) => process.stderr.write(`migrate: ${line}\n`),
  });
  const endpoint = await startLocalNeon({ engine });
  closing.defer(() => endpoint.close());
  const { username, host, pathname } = new URL(engine.adminUrl);
  const database = pathname.length > 1 ? pathname : `/${username}`;
  // The endpoint looks at role and database only, but the driver insists on a password.
  const urlOf = (role: string) => `postgres://${role}:local@127.0.0.1${database}`;
  return {
    name: databaseUrl === undefined ? kind : `${host}${database}`,
    endpoint: endpoint.url,
    apiUrl: urlOf("muster_api"),
    jobsUrl: urlOf("muster_jobs"),
    ownerUrl: urlOf(username),
    ended: engine.ended ?? (engine.kind === "postgres" ? (await watchServer(engine, closing)).ended : never),
  };
}

// A database of somebody else's may drop idle connections as it likes.
const never = new Promise<string>(() => undefined);

// An idle connection is the first to know when the server goes.
async function watchServer(engine: Engine, closing: AsyncDisposableStack): Promise<{ ended: Promise<string> }> {
  const client = new pg.Client({ connectionString: engine.adminUrl, application_name: "muster-watch" });
  await client.connect();
  closing.defer(() => client.end());
  const ended = new Promise<string>((done) => {
    client.on("error", () => done("PostgreSQL ended"));
    client.on("end", () => done("PostgreSQL ended"));
  });
  return { ended };
}
