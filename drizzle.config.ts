import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: ["./src/db/schema/*.ts", "./drizzle/schema/type-tables.cjs"],
  out: "./drizzle",
});
