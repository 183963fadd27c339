import { PgDialect } from "drizzle-orm/pg-core";
import pg from "pg";
import { declaredTypes, writeDeclarations } from "../../src/core/ci-types/declarations-sql.ts";

/** Writes the declared CI types where the triggers read them, and lets the API's role read their tables. */
export async function declareTypes(client: pg.Client): Promise<void> {
  const { sql, params } = new PgDialect().sqlToQuery(writeDeclarations());
  await client.query(sql, params);
  const tables = declaredTypes().map(({ type_table: table }) => pg.escapeIdentifier(table));
  await client.query(`GRANT SELECT ON ${tables.join(", ")} TO muster_api`);
}
