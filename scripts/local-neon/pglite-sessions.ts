import pg from "pg";
import type { Engine } from "./engines/engine.ts";
import { ignoreIdleErrors, isIdle, quoteIdentifier } from "./sessions.ts";
import type { Session, Sessions } from "./sessions.ts";
import { unknownDatabase, unknownRole } from "./sql-error.ts";

// Short, so that a migration or a psql beside us gets its turn at the only connection.
const IDLE_MS = 100;
const LIFETIME_SECONDS = 1;

/** The one connection of PGlite, taken in turns: it becomes the role a call names, and keeps it until another is named. */
export function pgliteSessions(engine: Engine): Sessions {
  const url = new URL(engine.adminUrl);
  const owner = decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.slice(1));
  const pool = new pg.Pool({
    connectionString: engine.adminUrl,
    max: 1,
    idleTimeoutMillis: IDLE_MS,
    maxLifetimeSeconds: LIFETIME_SECONDS,
  });
  ignoreIdleErrors(pool);
  const roles = new WeakMap<pg.PoolClient, string>();

  async function open(wanted: string, role: string): Promise<Session> {
    if (wanted !== database) throw unknownDatabase(wanted);
    const client = await pool.connect();
    try {
      if ((roles.get(client) ?? owner) !== role) await client.query(`SET ROLE ${quoteIdentifier(role)}`);
      roles.set(client, role);
      return sessionOf(client, role);
    } catch (error) {
      client.release(true);
      // 22023 is how SET ROLE says what a login would say with class 28.
      throw error instanceof pg.DatabaseError && error.code === "22023" ? unknownRole(role) : error;
    }
  }

  return { open, closeDatabase: () => Promise.resolve(), close: () => pool.end() };
}

function sessionOf(client: pg.PoolClient, role: string): Session {
  const ignoreLoss = () => undefined; // a lost connection fails the statement that is running, which reports it
  client.on("error", ignoreLoss);
  // The role is set again because the call itself may have changed it.
  const clean = `RESET ALL; SET ROLE ${quoteIdentifier(role)}; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP`;
  return {
    client,
    async release(broken) {
      const isClean =
        !broken &&
        (await client.query(isIdle(client) ? clean : `ROLLBACK; ${clean}`).then(
          () => true,
          () => false,
        ));
      client.off("error", ignoreLoss);
      client.release(!isClean);
    },
    cancel: () => Promise.resolve(), // PGlite cannot be interrupted
  };
}
