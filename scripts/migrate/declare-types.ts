import { PgDialect } from "drizzle-orm/pg-core";
import pg from "pg";
import { declaredTypes, writeDeclarations } from "../../src/core/ci-types/declarations-sql.ts";
import { writeRelationshipDeclarations } from "../../src/core/ci-types/relationships-sql.ts";

/** Writes the declared CI types and their relationships where the triggers read them, and lets the API's role read their tables. */
export async function declareTypes(client: pg.Client): Promise<void> {
  // Whoever is writing by the old declarations has ended before the new ones are in force, and before a job takes up what was there.
  await client.query("LOCK TABLE relationship_declarations IN ACCESS EXCLUSIVE MODE");
  for (const statement of [writeDeclarations(), writeRelationshipDeclarations()]) {
    const { sql, params } = new PgDialect().sqlToQuery(statement);
    await client.query(sql, params);
  }
  const tables = declaredTypes().map(({ type_table: table }) => pg.escapeIdentifier(table));
  await client.query(`GRANT SELECT ON ${tables.join(", ")} TO muster_api`);
}
