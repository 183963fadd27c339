import pg from "pg";
import type { Engine } from "./engines/engine.ts";
import { quoteIdentifier } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";
import { BadRequest } from "./sql-request.ts";

/** Makes and drops databases, for tests that each want their own. */
export interface DatabaseAdmin {
  /** Creates a copy of the template. Throws what PostgreSQL says, and BadRequest on PGlite, which has one database only. */
  create(name: string, template: string): Promise<void>;
  /** Drops the database if it exists, ending whatever is connected to it. Never the engine's own. */
  drop(name: string): Promise<void>;
}

/** The administration of an engine's databases, which closes the endpoint's own connections to them first. */
export function databaseAdmin(engine: Engine, sessions: Sessions): DatabaseAdmin {
  const own = decodeURIComponent(new URL(engine.adminUrl).pathname.slice(1));

  async function create(name: string, template: string): Promise<void> {
    await sessions.closeDatabase(template);
    await run(engine, `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE ${quoteIdentifier(template)}`);
  }

  async function drop(name: string): Promise<void> {
    if ([own, "postgres", "template0", "template1"].includes(name)) throw new BadRequest(`${name} is not dropped`);
    const closing = sessions.closeDatabase(name);
    await run(engine, `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`);
    await closing;
  }

  return { create, drop };
}

async function run(engine: Engine, statement: string): Promise<void> {
  if (engine.kind === "pglite") throw new BadRequest("PGlite has one database only");
  const client = new pg.Client({ connectionString: engine.adminUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
