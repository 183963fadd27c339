import pg from "pg";
import type { Migration } from "./migration-files.ts";

const TABLE = `CREATE TABLE IF NOT EXISTS public.muster_migrations (
  tag text PRIMARY KEY,
  hash text NOT NULL,
  applied_at timestamptz(3) NOT NULL DEFAULT now()
)`;

/**
 * Applies, in order, the migrations the database has not seen. Throws, before applying any, when an applied one changed or is gone;
 * throws with file and statement when one fails. A file without a transaction that failed half-way runs again from its start.
 */
export async function applyMigrations(
  client: pg.Client,
  migrations: readonly Migration[],
  log: (line: string) => void,
): Promise<void> {
  await client.query(TABLE);
  const applied = await appliedHashes(client);
  refuseRewrittenHistory(migrations, applied);
  const pending = migrations.filter(({ tag }) => !applied.has(tag));
  for (const migration of pending) {
    await apply(client, migration);
    await client.query("RESET ALL"); // a setting made by one file must not reach the next
    log(`applied ${migration.tag}`);
  }
  if (pending.length === 0) log("the database is up to date");
}

async function appliedHashes(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ tag: string; hash: string }>("SELECT tag, hash FROM public.muster_migrations");
  return new Map(rows.map(({ tag, hash }) => [tag, hash]));
}

function refuseRewrittenHistory(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  const known = new Map(migrations.map((migration) => [migration.tag, migration]));
  for (const [tag, hash] of applied) {
    const migration = known.get(tag);
    if (!migration) throw new Error(`migration ${tag} was applied to this database but is missing from the journal`);
    if (migration.hash !== hash) {
      throw new Error(`${migration.file} changed after it was applied; undo the change and add a new migration`);
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  if (!migration.transactional) {
    await runStatements(client, migration);
    return record(client, migration);
  }
  await client.query("BEGIN");
  try {
    await runStatements(client, migration);
    await record(client, migration);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // the first error is the one to report
    throw error;
  }
}

async function runStatements(client: pg.Client, { file, statements }: Migration): Promise<void> {
  for (const [index, statement] of statements.entries()) {
    try {
      await client.query(statement);
    } catch (cause) {
      throw new Error(`${file}, statement ${index + 1} (${firstLine(statement)}): ${describe(cause)}`, { cause });
    }
  }
}

async function record(client: pg.Client, { tag, hash }: Migration): Promise<void> {
  await client.query("INSERT INTO public.muster_migrations (tag, hash) VALUES ($1, $2)", [tag, hash]);
}

// The first line that says something: comments often stand above a statement.
function firstLine(statement: string): string {
  const lines = statement.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !line.startsWith("--")) ?? lines[0] ?? "";
}

function describe(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return String(error);
  const { message, code, detail, hint, where } = error;
  return [`${message} [${code ?? "no code"}]`, detail, hint, where].filter(Boolean).join("\n  ");
}
