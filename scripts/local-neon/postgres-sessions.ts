import pg from "pg";
import type { Engine } from "./engines/engine.ts";
import { ignoreIdleErrors, isIdle } from "./sessions.ts";
import type { Session, Sessions } from "./sessions.ts";
import { unknownRole } from "./sql-error.ts";

const ROLE_CONNECTIONS = 40;
const RESERVED_CONNECTIONS = 10; // for administration, migrations and a psql beside us
const IDLE_MS = 2000;
const TERMINATE_AFTER_MS = 1000;

// What Neon's pool clears; RESET ROLE and RESET SESSION AUTHORIZATION go back to the role given when the connection was made.
const CLEAN =
  "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP";

const SETTINGS_OF_ROLE = `
  SELECT coalesce(array_agg(setting ORDER BY setdatabase) FILTER (WHERE setting IS NOT NULL), '{}') AS settings
  FROM pg_roles
  LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid
    AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = $2))
  LEFT JOIN LATERAL unnest(setconfig) AS setting ON true
  WHERE rolname = $1
  GROUP BY pg_roles.oid`;

/** Connections to a real PostgreSQL: a pool for each database and role, made on first use and gone when it has been idle. */
export function postgresSessions(engine: Engine): Sessions {
  const admin = new pg.Pool({ connectionString: engine.adminUrl, max: 3, idleTimeoutMillis: IDLE_MS });
  ignoreIdleErrors(admin);
  const pools = new Map<string, Map<string, Promise<pg.Pool>>>();

  function poolOf(database: string, role: string): Promise<pg.Pool> {
    const roles = pools.get(database) ?? new Map<string, Promise<pg.Pool>>();
    pools.set(database, roles);
    const existing = roles.get(role);
    if (existing) return existing;
    const forget = () => {
      if (roles.get(role) === made) roles.delete(role);
    };
    const made = makePool(admin, engine, database, role, forget);
    roles.set(role, made);
    made.catch(forget);
    return made;
  }

  async function open(database: string, role: string): Promise<Session> {
    const pool = await poolOf(database, role);
    try {
      return sessionOf(await pool.connect(), admin);
    } catch (error) {
      if (pool.totalCount === 0) pools.get(database)?.delete(role); // so that the next call reads the role's settings again
      throw error;
    }
  }

  async function closeDatabase(database: string): Promise<void> {
    const roles = pools.get(database);
    pools.delete(database);
    const opened = await Promise.allSettled(Array.from(roles?.values() ?? []));
    await Promise.all(opened.flatMap((pool) => (pool.status === "fulfilled" ? [end(pool.value)] : [])));
  }

  return {
    open,
    closeDatabase,
    async close() {
      await Promise.all([...pools.keys()].map(closeDatabase));
      await admin.end();
    },
  };
}

async function makePool(
  admin: pg.Pool,
  engine: Engine,
  database: string,
  role: string,
  onIdle: () => void,
): Promise<pg.Pool> {
  const url = new URL(engine.adminUrl);
  const isOwner = role === decodeURIComponent(url.username);
  url.pathname = `/${encodeURIComponent(database)}`;
  if (!isOwner) {
    // Given as start-up options, the role and its settings are what every RESET returns to.
    const settings = [`role=${role}`, ...(await settingsOf(admin, database, role))];
    const options = settings.map((setting) => `-c ${setting.replaceAll(/[\\\s]/g, String.raw`\$&`)}`);
    url.searchParams.set("options", [url.searchParams.get("options") ?? "", ...options].join(" ").trim());
  }
  const pool = new pg.Pool({
    connectionString: url.href,
    application_name: "muster-local-neon",
    max: Math.max(1, Math.min(ROLE_CONNECTIONS, engine.maxConnections - RESERVED_CONNECTIONS)),
    idleTimeoutMillis: IDLE_MS,
  });
  ignoreIdleErrors(pool);
  pool.on("remove", () => {
    // The next pool reads the role's settings again.
    if (pool.totalCount > 0 || pool.waitingCount > 0 || pool.ending) return;
    onIdle();
  });
  return pool;
}

async function settingsOf(admin: pg.Pool, database: string, role: string): Promise<string[]> {
  const result = await admin.query<{ settings: string[] }>(SETTINGS_OF_ROLE, [role, database]);
  const row = result.rows[0];
  if (!row) throw unknownRole(role);
  return row.settings;
}

async function end(pool: pg.Pool): Promise<void> {
  if (!pool.ending) await pool.end();
}

function sessionOf(client: pg.PoolClient & { processID?: number | null }, admin: pg.Pool): Session {
  let impatience: NodeJS.Timeout | undefined;
  const ignoreLoss = () => undefined; // a lost connection fails the statement that is running, which reports it
  client.on("error", ignoreLoss);

  async function release(broken: boolean): Promise<void> {
    clearTimeout(impatience);
    const isClean = !broken && (await succeeds(client.query(isIdle(client) ? CLEAN : `ROLLBACK; ${CLEAN}`)));
    client.off("error", ignoreLoss);
    client.release(!isClean);
  }

  async function cancel(): Promise<void> {
    // A cancel that arrives just before its statement is lost; ending the connection is not.
    impatience = setTimeout(() => void signal("pg_terminate_backend"), TERMINATE_AFTER_MS);
    await signal("pg_cancel_backend");
  }

  async function signal(name: "pg_cancel_backend" | "pg_terminate_backend"): Promise<void> {
    try {
      await admin.query(`SELECT ${name}($1)`, [client.processID]);
    } catch (error) {
      process.stderr.write(`${name} failed: ${String(error)}\n`);
    }
  }

  return { client, release, cancel };
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
