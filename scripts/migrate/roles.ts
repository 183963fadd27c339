import pg from "pg";

interface Role {
  readonly name: string;
  /** Makes the role able to log in; without it the role can only be taken on by SET ROLE. */
  readonly passwordVariable: string;
  readonly settings: Readonly<Record<string, string>>;
}

const ROLES: readonly Role[] = [
  {
    name: "muster_api",
    passwordVariable: "MUSTER_API_PASSWORD",
    // Overlapping bulks wait for each other; a statement that has waited this long gives up before the Worker does. No plan outlives its
    // request, so compiling it would be paid for each time.
    settings: { statement_timeout: "20s", lock_timeout: "15s", idle_in_transaction_session_timeout: "10s", jit: "off" },
  },
  { name: "muster_jobs", passwordVariable: "MUSTER_JOBS_PASSWORD", settings: { statement_timeout: "60s" } },
];

const ATTEMPTS = 5;

/**
 * Makes the API's and the jobs' role if missing, sets their defaults, and their passwords where the environment has them.
 * Roles belong to the whole server, so runners on other databases may do the same at the same time: that is no error.
 */
export async function prepareRoles(client: pg.Client, log: (line: string) => void): Promise<void> {
  for (const role of ROLES) await withRetry(() => prepareRole(client, role, log));
}

async function prepareRole(client: pg.Client, role: Role, log: (line: string) => void): Promise<void> {
  const { rows } = await client.query<{ settings: string[] | null }>(
    `SELECT setconfig AS settings FROM pg_roles
     LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid AND setdatabase = 0 WHERE rolname = $1`,
    [role.name],
  );
  if (rows.length === 0) {
    await client.query(`CREATE ROLE ${role.name} NOLOGIN`);
    log(`role ${role.name} created`);
  }
  for (const [name, value] of Object.entries(role.settings)) {
    if (rows[0]?.settings?.includes(`${name}=${value}`)) continue;
    await client.query(`ALTER ROLE ${role.name} SET ${name} = '${value}'`);
  }
  const password = process.env[role.passwordVariable];
  if (password) await setPassword(client, role.name, password);
  await grantToOwner(client, role.name, log);
}

async function setPassword(client: pg.Client, role: string, password: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text) AS statement",
    [role, password],
  );
  await client.query(rows[0]?.statement ?? "");
}

// An owner who is no superuser, such as Neon's, needs this to SET ROLE; a superuser does not.
async function grantToOwner(client: pg.Client, role: string, log: (line: string) => void): Promise<void> {
  const { rows } = await client.query("SELECT WHERE NOT pg_has_role(current_user, $1, 'SET')", [role]);
  if (rows.length === 0) return;
  try {
    await client.query(`GRANT ${role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== "42501") throw error;
    log(`role ${role} could not be granted to the current user: ${error.message}`);
  }
}

// Made meanwhile by another runner (42710, 23505), or its row changed under us (XX000, "tuple concurrently updated").
async function withRetry(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isRace = error instanceof pg.DatabaseError && ["42710", "23505", "XX000"].includes(error.code ?? "");
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}
