import { sql, type SQL } from "drizzle-orm";

export function ping(): SQL {
  return sql`select count(*) from (select from ci_types limit 1) as declared`;
}
