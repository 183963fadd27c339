import type { Engine } from "./engines/engine.ts";
import { openExternal } from "./engines/external.ts";
import { openPglite } from "./engines/pglite.ts";
import { openPostgres } from "./engines/postgres.ts";

/** Which database to run, and where its data is. */
export interface DatabaseChoice {
  readonly kind: "pglite" | "postgres";
  /** Folder of the data, kept between starts. Without one the data is gone on close (PGlite keeps it in memory). */
  readonly dataDir?: string;
  /** PostgreSQL only: trades durability for speed. */
  readonly fast?: boolean;
  /** PostgreSQL only: preferred port; another is chosen when it is taken. */
  readonly port?: number;
  /** A running database to use instead of an engine of our own. */
  readonly databaseUrl?: string;
}

/** Opens the chosen database. Throws when it cannot start, with what to do about it. */
export async function openEngine({ kind, dataDir, fast = false, port, databaseUrl }: DatabaseChoice): Promise<Engine> {
  if (databaseUrl !== undefined) return openExternal(databaseUrl);
  if (kind === "pglite") return openPglite(dataDir);
  return openPostgres({ ...(dataDir === undefined ? {} : { dataDir }), ...(port === undefined ? {} : { port }), fast });
}
