import pg from "pg";
import type { Engine } from "./engine.ts";

/** Uses a database that runs already. Throws when it cannot be reached; closing the engine leaves it running. */
export async function openExternal(databaseUrl: string): Promise<Engine> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "muster" });
  await client.connect();
  try {
    const result = await client.query<{ max_connections: string }>("SHOW max_connections");
    return {
      kind: "external",
      adminUrl: databaseUrl,
      maxConnections: Number(result.rows[0]?.max_connections ?? 1),
      close: () => Promise.resolve(),
    };
  } finally {
    await client.end();
  }
}
