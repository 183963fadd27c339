import { bigint, boolean, doublePrecision, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { ciTypes } from "./all.ts";
import type { CiTypeDeclaration, ColumnType } from "./declaration.ts";

/** The tables of the built-in types, as drizzle-kit makes migrations from them. They are derived data, filled by a trigger. */
export const typeTables = ciTypes.map(typeTable);

function typeTable(declaration: CiTypeDeclaration) {
  const declared = Object.entries({ ...declaration.columns, ...declaration.metrics });
  const columns = declared.map(([name, { type }]) => [name, column(name, type)] as const);
  return pgTable(declaration.table, { ci_id: uuid("ci_id").primaryKey(), ...Object.fromEntries(columns) });
}

function column(name: string, type: ColumnType) {
  switch (type) {
    case "text":
      return text(name);
    case "integer":
      return integer(name);
    case "bigint":
      return bigint(name, { mode: "bigint" });
    case "double precision":
      return doublePrecision(name);
    case "boolean":
      return boolean(name);
    case "timestamptz":
      return timestamp(name, { precision: 3, withTimezone: true, mode: "string" });
    case "jsonb":
      return jsonb(name);
  }
}
