import type { RelationshipDeclaration } from "./relationship-declaration.ts";

/** What PostgreSQL casts a declared value to; a value that does not cast is stored as NULL. */
export type ColumnType = "text" | "integer" | "bigint" | "double precision" | "boolean" | "timestamptz" | "jsonb";

/** A column of a type table and the raw_data path it is taken from (`spec.nodeName`, `metadata.labels["app.kubernetes.io/name"]`). */
export interface ColumnDeclaration {
  readonly path: string;
  readonly type: ColumnType;
}

/**
 * All that Muster knows about one built-in CI type. Tables, SQL extraction, content hash, change log and wire schema follow from it.
 */
export interface CiTypeDeclaration {
  /** The type as it goes over the wire, e.g. `kubernetes.pod`. */
  readonly ciType: string;
  /** The type table, also the key of the type data on the wire, e.g. `kubernetes_pod`. */
  readonly table: string;
  readonly columns: Readonly<Record<string, ColumnDeclaration>>;
  /** Figures that move all the time: refreshed on each sight, never hashed, never logged. On the wire under `metrics`. */
  readonly metrics?: Readonly<Record<string, ColumnDeclaration>>;
  /** Paths whose movement is no change; stored as they were at the last real change. `[*]` stands for every element of an array. */
  readonly ignored?: readonly string[];
  /** Paths removed before anything is stored (secrets). */
  readonly redacted?: readonly string[];
  /** The edges that follow from the document. */
  readonly relationships?: readonly RelationshipDeclaration[];
}
