import { sql, type SQL } from "drizzle-orm";

/** What something looks like on the wire: keys in their order, each naming a part or an object of its own. */
export interface Shape<Part extends string> {
  readonly [key: string]: Part | Shape<Part>;
}

/** The JSON of a row in a shape, made by PostgreSQL from the expressions of its parts. */
export function renderShape<Part extends string>(shape: Shape<Part>, parts: Readonly<Record<Part, SQL>>): SQL {
  const pairs = Object.entries(shape).map(
    ([key, part]) => sql`${key}::text, ${typeof part === "string" ? parts[part] : renderShape(part, parts)}`,
  );
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}
