import { neon, neonConfig } from "@neondatabase/serverless";
import type { NeonQueryFunction } from "@neondatabase/serverless";
import pg from "pg";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { startLocalNeon } from "../../scripts/local-neon/server.ts";
import type { LocalNeon } from "../../scripts/local-neon/server.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";

/** An engine with the endpoint before it, and Neon's own driver to call it with. */
export interface Stack {
  readonly engine: Engine;
  readonly endpoint: LocalNeon;
  driver(role?: string, database?: string): NeonQueryFunction<false, true>;
  /** Runs SQL as the owner, beside the endpoint. */
  admin(text: string): Promise<pg.QueryResult<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** Starts a database whose data is gone on close. */
export async function openStack(kind: "postgres" | "pglite"): Promise<Stack> {
  const engine = await openEngine({ kind, fast: true });
  const endpoint = await startLocalNeon({ engine, allowDatabaseAdmin: true });
  neonConfig.fetchEndpoint = (host, port) => `http://${host}:${port}/sql`;
  return {
    engine,
    endpoint,
    driver: (role = "postgres", database = "postgres") =>
      neon(`postgres://${role}:secret@127.0.0.1:${endpoint.port}/${database}`, { fullResults: true }),
    admin: (text) => runAs(engine.adminUrl, text),
    async close() {
      await endpoint.close();
      await engine.close();
    },
  };
}

async function runAs(url: string, text: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await client.query<Record<string, unknown>>(text);
  } finally {
    await client.end();
  }
}
