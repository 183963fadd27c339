import { PgDialect } from "drizzle-orm/pg-core";
import pg from "pg";
import { connect, type Database } from "../../../src/db/client.ts";
import { findLocal } from "../local-record.ts";
import { openSecrets } from "../secrets.ts";
import { UsageError } from "../usage-error.ts";

/** A deployment's database, as its owner, and those of its Workers' secrets that commands need. */
export interface KeysTarget extends AsyncDisposable {
  readonly database: Database;
  /** The value of API_KEY_PEPPERS; undefined where it was not given. */
  readonly peppers: string | undefined;
  /** The value of CREDENTIAL_KEYS; undefined where it was not given. */
  readonly credentialKeys: string | undefined;
}

/** The deployment that DATABASE_URL names, else the local stack that runs. Throws UsageError when there is neither. */
export async function openTarget(env: NodeJS.ProcessEnv, dataDir: string): Promise<KeysTarget> {
  const { DATABASE_URL: url, API_KEY_PEPPERS: peppers, CREDENTIAL_KEYS: credentialKeys } = env;
  if (url) {
    return {
      ...(await openPostgres(url)),
      peppers: peppers || undefined,
      credentialKeys: credentialKeys || undefined,
    };
  }
  const local = findLocal(dataDir);
  if (!local) {
    throw new UsageError(
      "no local stack runs: start one with `npm start`, or set DATABASE_URL and the deployment's secrets",
    );
  }
  const secrets = openSecrets(dataDir);
  return {
    database: connect(local.owner_url, { endpoint: local.sql_endpoint }),
    peppers: secrets.apiKeyPeppers,
    credentialKeys: secrets.credentialKeys,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function openPostgres(
  connectionString: string,
): Promise<Pick<KeysTarget, "database" | typeof Symbol.asyncDispose>> {
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
    [Symbol.asyncDispose]: () => client.end(),
  };
}
