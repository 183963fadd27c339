// What drizzle-kit reads to make the migrations of the type tables: it wants one export a table, and they come from a list.
const { getTableName } = require("drizzle-orm");
const { typeTables } = require("../../src/core/ci-types/tables.ts");

for (const table of typeTables) {
  exports[getTableName(table)] = table;
}
