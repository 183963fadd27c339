import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";

let home: string;
let postgres: Engine;
let pglite: Engine;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "muster-migrate-"));
  [postgres, pglite] = await Promise.all([
    openEngine({ kind: "postgres", fast: true }),
    openEngine({ kind: "pglite" }),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all([postgres?.close(), pglite?.close()]);
  await rm(home, { recursive: true, force: true });
});

describe.each(["postgres", "pglite"] as const)("migrate on %s", (kind) => {
  test("applies the files in order, makes the roles, and does nothing the second time", async () => {
    const connectionString = await database(kind);
    const folder = await migrations({
      "0000_first": "CREATE TABLE first (id int);\n--> statement-breakpoint\nINSERT INTO first VALUES (1);",
      "0001_second": "ALTER TABLE first ADD COLUMN name text DEFAULT 'a; b';",
    });
    const lines: string[] = [];
    for (let run = 0; run < 2; run++) await migrate({ connectionString, folder, log: (line) => lines.push(line) });
    expect(await query(connectionString, "SELECT * FROM first")).toEqual([{ id: 1, name: "a; b" }]);
    expect(lines.filter((line) => /applied|up to date/.test(line))).toEqual([
      "applied 0000_first",
      "applied 0001_second",
      "the database is up to date",
    ]);
    const roles = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'muster%' ORDER BY 1";
    expect(await query(connectionString, roles)).toEqual([
      { rolname: "muster_api", rolcanlogin: false },
      { rolname: "muster_jobs", rolcanlogin: false },
    ]);
  });

  test("lets two runners at once apply every file once", async () => {
    const connectionString = await database(kind);
    const folder = await migrations({
      "0000_together": "CREATE TABLE together (id int);",
      "0001_index": "-- muster: no-transaction\nCREATE INDEX CONCURRENTLY together_id ON together (id);",
    });
    await Promise.all([migrate({ connectionString, folder }), migrate({ connectionString, folder })]);
    const applied = await query(
      connectionString,
      "SELECT tag FROM muster_migrations WHERE tag LIKE '%_together' OR tag LIKE '%_index'",
    );
    expect(applied).toHaveLength(2);
  });

  test("names file and statement of an error, undoes that file and keeps the ones before", async () => {
    const connectionString = await database(kind);
    const folder = await migrations({
      "0000_good": "CREATE TABLE good (id int);",
      "0001_bad": "CREATE TABLE half (id int);\n--> statement-breakpoint\n-- why\nSELECT nonsense;",
    });
    await expect(migrate({ connectionString, folder })).rejects.toThrow(
      /0001_bad\.sql, statement 2 \(SELECT nonsense;\): column "nonsense" does not exist \[42703\]/,
    );
    const tables = "SELECT to_regclass('good') IS NOT NULL AS good, to_regclass('half') IS NOT NULL AS half";
    expect(await query(connectionString, tables)).toEqual([{ good: true, half: false }]);
  });

  test("runs what comes after the files in a transaction of its own", async () => {
    const connectionString = await database(kind);
    const folder = await migrations({ "0000_facts": "CREATE TABLE facts (id int);" });
    const afterMigrate = async (client: pg.Client) => {
      await client.query("INSERT INTO facts VALUES (1)");
      throw new Error("not today");
    };
    await expect(migrate({ connectionString, folder, afterMigrate })).rejects.toThrow("not today");
    expect(await query(connectionString, "SELECT * FROM facts")).toEqual([]);
    await migrate({
      connectionString,
      folder,
      afterMigrate: async (client) => void (await client.query("INSERT INTO facts VALUES (2)")),
    });
    expect(await query(connectionString, "SELECT * FROM facts")).toEqual([{ id: 2 }]);
  });
});

test("an applied file that changed or vanished is refused before anything else runs", async () => {
  const connectionString = await database("postgres");
  await migrate({ connectionString, folder: await migrations({ "0000_a": "SELECT 1;" }) });
  await migrate({ connectionString, folder: await migrations({ "0000_a": "SELECT 1;" }) });
  const changed = await migrations({ "0000_a": "SELECT 2;", "0001_b": "CREATE TABLE never (id int);" });
  await expect(migrate({ connectionString, folder: changed })).rejects.toThrow(
    /0000_a\.sql changed after it was applied/,
  );
  const gone = await migrations({ "0001_b": "CREATE TABLE never (id int);" });
  await expect(migrate({ connectionString, folder: gone })).rejects.toThrow(/0000_a was applied .* missing/);
  expect(await query(connectionString, "SELECT to_regclass('never') AS never")).toEqual([{ never: null }]);
});

test("line ends do not change a file's hash", async () => {
  const connectionString = await database("postgres");
  await migrate({ connectionString, folder: await migrations({ "0000_a": "SELECT\n1;" }) });
  const checkedOutOnWindows = await migrations({ "0000_a": "SELECT\r\n1;" });
  await expect(migrate({ connectionString, folder: checkedOutOnWindows })).resolves.toBeUndefined();
});

test("databases of one server can be migrated at the same time", async () => {
  const folder = await migrations({ "0000_a": "SELECT 1;" });
  const urls = await Promise.all([1, 2, 3, 4].map(() => database("postgres")));
  await query(postgres.adminUrl, "ALTER ROLE muster_api RESET ALL");
  await Promise.all(urls.map((connectionString) => migrate({ connectionString, folder })));
  const settings = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'muster_api'::regrole";
  expect(await query(postgres.adminUrl, settings)).toEqual([
    { setconfig: ["statement_timeout=20s", "lock_timeout=15s", "idle_in_transaction_session_timeout=10s", "jit=off"] },
  ]);
});

test("an owner who is no superuser can migrate and take on the roles", async () => {
  const connectionString = await database("postgres");
  await query(connectionString, "DROP ROLE IF EXISTS muster_api, muster_jobs");
  await query(connectionString, "CREATE ROLE plain_owner LOGIN CREATEROLE PASSWORD 'it''s'");
  await query(connectionString, "GRANT CREATE ON SCHEMA public TO plain_owner");
  const url = new URL(connectionString);
  url.username = "plain_owner";
  url.password = "it's";
  await migrate({ connectionString: url.href, folder: await migrations({ "0000_a": "SELECT 1;" }) });
  const rights =
    "SELECT pg_has_role(current_user, 'muster_api', 'SET') AND pg_has_role(current_user, 'muster_jobs', 'SET') AS ok";
  expect(await query(url.href, rights)).toEqual([{ ok: true }]);
});

test("a missing journal and a pooled URL are refused with their reason", async () => {
  await expect(migrate({ connectionString: postgres.adminUrl, folder: home })).rejects.toThrow(
    /_journal\.json is missing/,
  );
  const pooled = "postgres://u:p@ep-a-pooler.eu-central-1.aws.neon.tech/db";
  await expect(migrate({ connectionString: pooled })).rejects.toThrow(/without -pooler/);
});

let names = 0;

/** A fresh database on PostgreSQL; on PGlite, which has one only, the same one without what earlier tests made. */
async function database(kind: "postgres" | "pglite"): Promise<string> {
  if (kind === "pglite") {
    await query(pglite.adminUrl, "DROP TABLE IF EXISTS muster_migrations, first, together, good, half, facts");
    return pglite.adminUrl;
  }
  const name = `migrate_${names++}`;
  await query(postgres.adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(postgres.adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function migrations(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(home, "drizzle-"));
  await mkdir(join(folder, "meta"));
  const entries = Object.keys(files).map((tag, idx) => ({ idx, tag }));
  await writeFile(join(folder, "meta", "_journal.json"), JSON.stringify({ entries }));
  for (const [tag, text] of Object.entries(files)) await writeFile(join(folder, `${tag}.sql`), text);
  return folder;
}

async function query(connectionString: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
