import { PgDialect } from "drizzle-orm/pg-core";
import pg from "pg";
import { connect, type Database } from "../../../src/db/client.ts";
import { findLocal } from "../local-record.ts";
import { openSecrets } from "../secrets.ts";
import { UsageError } from "../usage-error.ts";

/** The database that holds the keys, as its owner, and the peppers that its Workers hash them with. */
export interface KeysTarget extends AsyncDisposable {
  readonly database: Database;
  /** The value of API_KEY_PEPPERS; undefined where it was not given. */
  readonly peppers: string | undefined;
}

/** The deployment that DATABASE_URL names, else the local stack that runs. Throws UsageError when there is neither. */
export async function openTarget(env: NodeJS.ProcessEnv, dataDir: string): Promise<KeysTarget> {
  const { DATABASE_URL: url, API_KEY_PEPPERS: peppers } = env;
  if (url) return openPostgres(url, peppers || undefined);
  const local = findLocal(dataDir);
  if (!local) {
    throw new UsageError("no local stack runs: start one with `npm start`, or set DATABASE_URL and API_KEY_PEPPERS");
  }
  return {
    database: connect(local.owner_url, { endpoint: local.sql_endpoint }),
    peppers: openSecrets(dataDir).apiKeyPeppers,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openPostgres(connectionString: string, peppers: string | undefined): Promise<KeysTarget> {
  const client = new pg.Client({ connectionString, application_name: "muster-keys" });
  await client.connect();
  const dialect = new PgDialect();
  return {
    database: {
      async execute<Row extends Record<string, unknown>>(statement: Parameters<Database["execute"]>[0]) {
        const { sql, params } = dialect.sqlToQuery(statement);
        return (await client.query<Row>(sql, params)).rows;
      },
    },
    peppers,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
