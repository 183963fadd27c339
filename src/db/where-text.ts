import { sql, type SQL } from "drizzle-orm";

/** The conditions of like, ilike and startswith over a text. */
export function textCondition(column: SQL, operator: "like" | "ilike" | "startswith", value: string): SQL {
  switch (operator) {
    case "like":
      return sql`${column} like ${`%${likeLiteral(value)}%`}`;
    case "ilike":
      return sql`${column} ilike ${`%${likeLiteral(value)}%`}`;
    case "startswith":
      // The prefix operator and LIKE use the same index; LIKE also where the planner does not know the value.
      return sql`${column} like ${`${likeLiteral(value)}%`}`;
  }
}

/** `value` with the wildcards of LIKE taken literally. */
function likeLiteral(value: string): string {
  return value.replace(/[\\%_]/g, "\\$&");
}
