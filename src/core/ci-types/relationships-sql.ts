import { sql, type SQL } from "drizzle-orm";
import { readPath } from "../../lib/json-path.ts";
import { ciTypes } from "./all.ts";
import { families } from "./families.ts";
import { evidenceField, type RelationshipDeclaration } from "./relationship-declaration.ts";

type Keys = readonly string[];

/** A declared relationship as the database reads it. Paths are arrays of keys; that of the inner array starts at an element of the outer. */
interface DeclaredRelationship {
  readonly type: string;
  readonly outer_array: Keys | null;
  readonly inner_array: Keys | null;
  readonly target: string | null;
  readonly prefix: string | null;
  readonly kind: Keys | null;
  readonly name: Keys | null;
  readonly own_name: "namespace" | "namespace_head" | null;
  readonly namespace: "own" | "none" | "own_or_none" | "any";
  readonly any_source: boolean;
  readonly alias: Keys | null;
  readonly selector: Keys | null;
  readonly labels: Keys | null;
  readonly properties: Readonly<Record<string, Keys>>;
  readonly field: string;
}

/** Where a document says under which further names its item can be found: the value at a path, or each pair of the object there. */
interface Handle {
  readonly path: Keys;
  readonly pairs: boolean;
}

/** The part of a row of the table relationship_declarations that the declarations decide. */
export interface DeclaredRelationships {
  /** A type, or a family of them such as `kubernetes.*`. */
  readonly ci_type: string;
  readonly relationships: readonly DeclaredRelationship[];
  /** The paths whose movement may move an edge. */
  readonly roots: readonly Keys[];
  readonly handles: readonly Handle[];
  readonly crosses_sources: boolean;
}

/** The declarations as rows: one for each type and family that has relationships or is the other end of some. */
export function declaredRelationships(): DeclaredRelationships[] {
  const own = new Map<string, readonly RelationshipDeclaration[]>([
    ...ciTypes.map(({ ciType, relationships = [] }) => [ciType, relationships] as const),
    ...families.map(({ family, relationships }) => [family, relationships] as const),
  ]);
  const all = [...own.values()].flat();
  return [...own]
    .map(([ciType, relationships]) => {
      const incoming = all.filter(({ target }) => target === ciType);
      const declared = relationships.map(toDeclared);
      return {
        ci_type: ciType,
        relationships: declared,
        roots: distinct(declared.flatMap(rootsOf)),
        handles: distinct(incoming.flatMap(handlesOf)),
        crosses_sources: [...relationships, ...incoming].some(
          (declaration) => "anySource" in declaration && declaration.anySource,
        ),
        takesPart: declared.length > 0 || incoming.length > 0,
      };
    })
    .filter(({ takesPart }) => takesPart)
    .map(({ takesPart: _, ...row }) => row);
}

/**
 * Replaces what relationship_declarations holds by the declarations of this version, in one statement. A job reads the documents
 * of a type again when its row is new or differs; a type that is no longer declared stays until its edges are gone.
 */
export function writeRelationshipDeclarations(): SQL {
  return sql`merge into relationship_declarations t using jsonb_to_recordset(${JSON.stringify(declaredRelationships())}::jsonb) as d
      (ci_type text, relationships jsonb, roots jsonb, handles jsonb, crosses_sources boolean)
    on t.ci_type = d.ci_type
    when matched and (t.relationships, t.roots, t.handles, t.crosses_sources)
        is distinct from (d.relationships, d.roots, d.handles, d.crosses_sources) then update set
      relationships = d.relationships, roots = d.roots, handles = d.handles, crosses_sources = d.crosses_sources,
      is_related = false, reached_type = null, reached_at = null, reached_id = null
    when not matched then insert (ci_type, relationships, roots, handles, crosses_sources)
      values (d.ci_type, d.relationships, d.roots, d.handles, d.crosses_sources)
    when not matched by source and t.relationships <> '[]' then update set
      relationships = '[]', roots = '[]', is_related = false, reached_type = null, reached_at = null, reached_id = null`;
}

function toDeclared(declaration: RelationshipDeclaration): DeclaredRelationship {
  const { type, target } = declaration;
  const [outer = null, inner = null, ...deeper] = levelsOf(declaration.each);
  if (deeper.length > 0) {
    throw new Error(`${declaration.each} has more than two arrays`);
  }
  const base = {
    type,
    outer_array: outer,
    inner_array: inner,
    target: typeof target === "string" ? target : null,
    prefix: typeof target === "string" ? null : target.prefix,
    kind: typeof target === "string" ? null : keysOf(target.kind),
    properties: Object.fromEntries(
      Object.entries(declaration.properties ?? {}).map(([name, path]) => [name, keysOf(path)]),
    ),
    field: evidenceField(declaration),
  };
  if ("selector" in declaration) {
    const { selector, labels } = declaration;
    const none = { name: null, own_name: null, namespace: "own", any_source: false, alias: null } as const;
    return { ...base, ...none, selector: keysOf(selector), labels: keysOf(labels) };
  }
  const { name, namespace, alias, anySource } = declaration;
  return {
    ...base,
    name: "path" in name ? keysOf(name.path) : null,
    own_name: "own" in name ? name.own : null,
    namespace,
    any_source: anySource === true,
    alias: alias === undefined ? null : keysOf(alias),
    selector: null,
    labels: null,
  };
}

/** `a.b[*].c[*]` as the path of each array: the first from the document, the others from an element of the one before. */
function levelsOf(each: string | undefined): Keys[] {
  const levels: string[][] = [];
  let level: string[] = [];
  for (const key of each === undefined ? [] : readPath(each).path) {
    if (key !== null) {
      level.push(key);
    } else {
      levels.push(level);
      level = [];
    }
  }
  return levels;
}

function rootsOf({ outer_array, kind, name, selector, properties }: DeclaredRelationship): Keys[] {
  return outer_array
    ? [outer_array]
    : [kind, name, selector, ...Object.values(properties)].filter((path) => path !== null);
}

function handlesOf(declaration: RelationshipDeclaration): Handle[] {
  if ("selector" in declaration) {
    return [{ path: keysOf(declaration.labels), pairs: true }];
  }
  return declaration.alias === undefined ? [] : [{ path: keysOf(declaration.alias), pairs: false }];
}

function keysOf(path: string): string[] {
  return readPath(path).path.filter((key) => key !== null);
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
