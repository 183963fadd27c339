import pg from "pg";
import type { SqlRequest, Statement } from "./sql-request.ts";

/** The caller went away; nobody reads the answer. */
export class CallerGone extends Error {}

interface ExtendedQuery extends pg.QueryArrayConfig<unknown[]> {
  readonly queryMode: "extended";
}

// Neon answers with PostgreSQL's text, which the driver parses.
const RAW_TEXT: pg.CustomTypesConfig = { getTypeParser: () => (text: string) => text };

/**
 * Runs the statement, or the batch in one transaction that is undone on the first error, and returns the answer's body.
 * Throws what `pg` throws; throws CallerGone instead of starting a statement when `isGone` says so.
 */
export async function execute(client: pg.PoolClient, request: SqlRequest, isGone: () => boolean): Promise<unknown> {
  const { begin, statements } = request;
  if (isGone()) throw new CallerGone();
  if (begin === undefined) return single(client, statements);
  const results = [];
  await client.query(begin);
  try {
    for (const statement of statements) {
      if (isGone()) throw new CallerGone();
      results.push(await run(client, statement));
    }
    if (isGone()) throw new CallerGone();
    await client.query("COMMIT");
    return { results };
  } catch (error) {
    // The first error is the one to report, whatever becomes of the ROLLBACK.
    if (!breaksConnection(error)) await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/** Whether the connection cannot take another statement after this error. */
export function breaksConnection(error: unknown): boolean {
  if (error instanceof CallerGone) return false;
  if (!(error instanceof pg.DatabaseError)) return true;
  // PostgreSQL ignores the end-of-call message of `pg` while it expects copied data, so it never gets ready again.
  return ["FATAL", "PANIC"].includes(error.severity ?? "") || error.message.startsWith("COPY from stdin failed");
}

async function single(client: pg.PoolClient, [statement]: readonly Statement[]): Promise<unknown> {
  return statement ? run(client, statement) : {};
}

async function run(client: pg.PoolClient, { text, values }: Statement): Promise<unknown> {
  const query: ExtendedQuery = { text, values: [...values], rowMode: "array", types: RAW_TEXT, queryMode: "extended" };
  const { command, rowCount, fields, rows } = await client.query<unknown[], unknown[]>(query);
  return { command, rowCount, rowAsArray: true, fields, rows };
}
