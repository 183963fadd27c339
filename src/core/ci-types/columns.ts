import type { CiTypeDeclaration, ColumnDeclaration } from "./declaration.ts";

/** Completes a declaration with the table that follows from the type: `kubernetes.pod` lives in `kubernetes_pod`. */
export function declareType(ciType: string, parts: Omit<CiTypeDeclaration, "ciType" | "table">): CiTypeDeclaration {
  return { ciType, table: ciType.replaceAll(".", "_"), ...parts };
}

/** The scalar at `path` as text. */
export function text(path: string): ColumnDeclaration {
  return { path, type: "text" };
}

/** The number at `path`, for counts that stay below 2^31. */
export function integer(path: string): ColumnDeclaration {
  return { path, type: "integer" };
}

/** The number at `path`, for bytes, kilobytes and counters. */
export function bigint(path: string): ColumnDeclaration {
  return { path, type: "bigint" };
}

/** The number at `path`, for rates, fractions and latencies. */
export function double(path: string): ColumnDeclaration {
  return { path, type: "double precision" };
}

/** The truth value at `path`; PostgreSQL reads the 0 and 1 that Proxmox and Ceph send as false and true. */
export function flag(path: string): ColumnDeclaration {
  return { path, type: "boolean" };
}

/** The ISO 8601 instant at `path`. */
export function instant(path: string): ColumnDeclaration {
  return { path, type: "timestamptz" };
}

/** The object or array at `path`, taken whole. */
export function json(path: string): ColumnDeclaration {
  return { path, type: "jsonb" };
}
