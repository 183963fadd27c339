import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { EstateSize } from "./options.ts";
import * as statements from "./statements.ts";

/** Rows that a transaction writes. */
const chunk = 50_000;
const connections = 2;
const dayMs = 24 * 3_600_000;
const ownIndexes = ["configuration_items", "source_records", "changes"];

/**
 * Fills an empty inventory with an estate and its history, through the real tables and with what the triggers would have
 * left, but without them: set by set, indexes last. The same size gives the same rows. Needs the right to set
 * session_replication_role. Throws when the inventory is not empty; after a failure the database is to be dropped.
 */
export async function loadEstate(url: string, size: EstateSize, log: (line: string) => void): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => openLoader(url)));
  const [first] = clients;
  if (!first) throw new Error("no connection to load with");
  const from = new Date(size.until.getTime() - size.days * dayMs);
  try {
    await refuseUsed(first);
    await first.query("SELECT muster.ensure_change_partitions($1, $2)", [from, size.until]);
    await first.query("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench");
    await first.query(
      `INSERT INTO sources (name) SELECT unnest(ARRAY['machines', 'cluster-0', 'cluster-1', 'cluster-2', 'cluster-3'])`,
    );
    const parameters = [size.items, size.changes, size.seed, from, size.until];
    for (const statement of sqlFile("plan.sql").split("--> statement-breakpoint")) {
      await first.query(literally(statement, parameters));
    }
    log("planned");
    const indexes = await takeIndexes(first);
    for (const [name, statement, rows] of [
      ["items", statements.insertItems, size.items],
      ["records", statements.insertRecords, size.items],
      ["changes", statements.insertChanges, size.changes],
    ] as const) {
      await inChunks(clients, literally(statement, [undefined, undefined, size.until]), rows);
      log(`${name} written`);
    }
    await inTurns(clients, indexes);
    log("indexes made");
    await first.query(statements.insertCounts);
    const types = await first.query<{ ci_type: string; statement: string }>(statements.typeTableStatements);
    for (const type of types.rows) await first.query(type.statement, [type.ci_type]);
    await first.query("SELECT setval('changes_id_seq', $1)", [size.changes]);
    await first.query("DROP SCHEMA bench CASCADE");
    await first.query("VACUUM ANALYZE");
    log("type tables filled");
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function openLoader(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "muster-bench" });
  await client.connect();
  await client.query(`SET session_replication_role = replica; SET work_mem = '512MB'; SET maintenance_work_mem = '512MB';
    SET synchronous_commit = off; SET jit = off; SET timezone = 'UTC'`);
  await client.query(sqlFile("estate.sql"));
  return client;
}

async function refuseUsed(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM configuration_items UNION ALL SELECT FROM changes LIMIT 1");
  if (rowCount !== 0) throw new Error("the inventory is not empty: an estate is loaded into an empty one only");
}

async function takeIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(statements.looseIndexes, [ownIndexes]);
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}

async function inChunks(clients: readonly pg.Client[], statement: string, rows: number): Promise<void> {
  const chunks = Array.from({ length: Math.ceil(rows / chunk) }, (_, n) =>
    literally(statement, [n * chunk + 1, Math.min((n + 1) * chunk, rows)]),
  );
  await inTurns(clients, chunks);
}

// Each connection takes the next as soon as it is done with one.
async function inTurns(clients: readonly pg.Client[], work: readonly string[]): Promise<void> {
  const left = work.values();
  await Promise.all(
    clients.map(async (client) => {
      for (const statement of left) await client.query(statement);
    }),
  );
}

// What makes a table takes no parameters, and a generic plan would not know how few the rows of a chunk are.
function literally(statement: string, values: readonly (number | Date | undefined)[]): string {
  return statement.replaceAll(/\$(\d)/g, (place, digit: string) => {
    const value = values[Number(digit) - 1];
    if (value === undefined) return place;
    return typeof value === "number" ? `${value}` : `timestamptz '${value.toISOString()}'`;
  });
}

function sqlFile(name: string): string {
  return readFileSync(join(import.meta.dirname, name), "utf8");
}
