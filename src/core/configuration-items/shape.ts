import { sql, type SQL } from "drizzle-orm";
import { ciTypeNamed } from "../ci-types/all.ts";
import type { CiTypeDeclaration } from "../ci-types/declaration.ts";
import { lastSeen } from "./fields.ts";

/** The parts of an item that a dialect can show, under names of its own. */
type ItemPart =
  | "ciId"
  | "name"
  | "namespace"
  | "ciType"
  | "status"
  | "statusUpdatedAt"
  | "lastSeen"
  | "createdAt"
  | "updatedAt"
  | "department"
  | "sourceId"
  | "version"
  | "rawData"
  | "typeData";

/** What an item looks like on the wire: keys in their order, each naming a part or an object of its own. */
export interface ItemShape {
  readonly [key: string]: ItemPart | ItemShape;
}

/** How much of the document is shown: none of it (`{}`), all, or these paths only. */
export type DocumentPart = "none" | "all" | readonly (readonly string[])[];

export interface Rendering {
  readonly shape: ItemShape;
  readonly document: DocumentPart;
  /** The types whose own data stands where the shape says `typeData`, under the name of their table. */
  readonly typeData: readonly string[];
  /** Where last_seen comes from; a statement that has just written must not look into its own snapshot. */
  readonly lastSeen?: SQL;
}

/** The JSON of one item `c`, made by PostgreSQL, so that the Worker passes it on without reading it. */
export function renderItem(rendering: Rendering): SQL {
  const declarations = rendering.typeData.map((name) => ciTypeNamed(name)).filter((type) => type !== undefined);
  if (declarations.length === 0) {
    return renderObject(rendering.shape, rendering, undefined);
  }
  const cases = declarations.map(
    (type) => sql`when ${type.ciType} then ${renderObject(rendering.shape, rendering, type)}`,
  );
  return sql`case c.ci_type ${sql.join(cases, sql` `)} else ${renderObject(rendering.shape, rendering, undefined)} end`;
}

function renderObject(shape: ItemShape, rendering: Rendering, type: CiTypeDeclaration | undefined): SQL {
  const pairs = Object.entries(shape).flatMap(([key, part]) => {
    if (part === "typeData") {
      return type ? [sql`${sql.raw(quoted(type.table))}, ${renderTypeData(type)}`] : [];
    }
    const value = typeof part === "string" ? renderPart(part, rendering) : renderObject(part, rendering, type);
    return [sql`${sql.raw(quoted(key))}, ${value}`];
  });
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}

function renderPart(part: Exclude<ItemPart, "typeData">, rendering: Rendering): SQL {
  switch (part) {
    case "ciId":
      return sql`c.ci_id`;
    case "name":
      return sql`c.name`;
    case "namespace":
      return sql`c.namespace`;
    case "ciType":
      return sql`c.ci_type`;
    case "status":
      return sql`c.status`;
    case "statusUpdatedAt":
      return sql`muster.iso(c.status_updated_at)`;
    case "lastSeen":
      return sql`muster.iso(${rendering.lastSeen ?? lastSeen})`;
    case "createdAt":
      return sql`muster.iso(c.created_at)`;
    case "updatedAt":
      return sql`muster.iso(c.updated_at)`;
    case "department":
      return sql`c.department`;
    case "sourceId":
      return sql`c.source_id`;
    case "version":
      return sql`c.version`;
    case "rawData":
      return renderDocument(rendering.document);
  }
}

function renderDocument(document: DocumentPart): SQL {
  if (document === "all") {
    return sql`c.raw_data`;
  }
  if (document === "none") {
    return sql`'{}'::json`;
  }
  const paths = JSON.stringify(document);
  return sql`muster.only_paths(c.raw_data, ${paths}::jsonb)`;
}

function renderTypeData(type: CiTypeDeclaration): SQL {
  const columns = Object.entries(type.columns).map(([name, { type: kind }]) => columnPair(name, kind));
  const metrics = Object.entries(type.metrics ?? {}).map(([name, { type: kind }]) => columnPair(name, kind));
  if (metrics.length > 0) {
    columns.push(sql`'metrics', json_build_object(${sql.join(metrics, sql`, `)})`);
  }
  const table = sql.identifier(type.table);
  return sql`(select json_build_object(${sql.join(columns, sql`, `)}) from ${table} t where t.ci_id = c.ci_id)`;
}

function columnPair(name: string, kind: string): SQL {
  const column = sql`t.${sql.identifier(name)}`;
  return sql`${sql.raw(quoted(name))}, ${kind === "timestamptz" ? sql`muster.iso(${column})` : column}`;
}

// The names come from the code, never from a request; as literals they keep their type without a cast.
function quoted(name: string): string {
  return `'${name.replaceAll("'", "''")}'`;
}
