import { sql, type SQL } from "drizzle-orm";
import { readPath } from "../../lib/json-path.ts";
import { ciTypes } from "./all.ts";
import type { CiTypeDeclaration } from "./declaration.ts";

/** A row of the table ci_types, in which the database reads a declaration. */
export interface DeclaredType {
  readonly ci_type: string;
  readonly type_table: string;
  readonly columns: readonly { name: string; path: readonly string[]; type: string; metric: boolean }[];
  readonly has_metrics: boolean;
  readonly hidden_paths: readonly string[];
  readonly redacted_paths: readonly string[];
}

/** The declarations as rows of ci_types; written by the migration runner. */
export function declaredTypes(): DeclaredType[] {
  return ciTypes.map((declaration) => ({
    ci_type: declaration.ciType,
    type_table: declaration.table,
    columns: [...declaredColumns(declaration, false), ...declaredColumns(declaration, true)],
    has_metrics: declaration.metrics !== undefined,
    hidden_paths: [
      ...Object.values(declaration.metrics ?? {}).map((metric) => metric.path),
      ...(declaration.ignored ?? []),
    ].map(arrayLiteral),
    redacted_paths: (declaration.redacted ?? []).map(arrayLiteral),
  }));
}

/** Replaces what ci_types holds by the declarations of this version, in one statement. */
export function writeDeclarations(): SQL {
  const rows = JSON.stringify(declaredTypes());
  return sql`merge into ci_types t using jsonb_to_recordset(${rows}::jsonb) as d
      (ci_type text, type_table text, columns jsonb, has_metrics boolean, hidden_paths text[], redacted_paths text[])
    on t.ci_type = d.ci_type
    when matched then update set type_table = d.type_table, columns = d.columns, has_metrics = d.has_metrics,
      hidden_paths = d.hidden_paths, redacted_paths = d.redacted_paths
    when not matched then insert values
      (d.ci_type, d.type_table, d.columns, d.has_metrics, d.hidden_paths, d.redacted_paths)
    when not matched by source then delete`;
}

function declaredColumns(declaration: CiTypeDeclaration, metric: boolean): DeclaredType["columns"] {
  const columns = Object.entries((metric ? declaration.metrics : declaration.columns) ?? {});
  return columns.map(([name, { path, type }]) => {
    const keys = readPath(path).path.filter((key) => key !== null);
    return { name, path: keys, type, metric };
  });
}

/** A path as PostgreSQL reads it as text[]; NULL stands for every element of an array. */
function arrayLiteral(path: string): string {
  const elements = readPath(path).path.map((key) =>
    key === null ? "NULL" : `"${key.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`,
  );
  return `{${elements.join(",")}}`;
}
