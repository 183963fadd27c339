import pg from "pg";
import { BadRequest } from "./sql-request.ts";

/** An HTTP answer that is not a result. */
export interface Failure {
  readonly status: number;
  /** JSON for 400, a plain message otherwise, as the driver expects it. */
  readonly body: Record<string, unknown> | string;
}

/** The answer to a failed call: PostgreSQL's errors and malformed calls are 400 with every field, a lost database is 500. */
export function failureOf(error: unknown): Failure {
  if (error instanceof BadRequest) return { status: 400, body: { message: error.message, code: null } };
  if (error instanceof pg.DatabaseError) return { status: 400, body: fields(error) };
  return { status: 500, body: error instanceof Error ? error.message : String(error) };
}

/** As `failureOf`, for an error while connecting: only what the caller got wrong (role, database, rights) is 400. */
export function connectFailureOf(error: unknown): Failure {
  const isUserError = error instanceof pg.DatabaseError && /^(28|3D|42|22)/.test(error.code ?? "");
  return isUserError || error instanceof BadRequest
    ? failureOf(error)
    : { status: 500, body: `could not connect: ${String(error)}` };
}

/** The error PostgreSQL gives for an unknown role. */
export function unknownRole(role: string): pg.DatabaseError {
  return fatal("28000", `role "${role}" does not exist`);
}

/** The error PostgreSQL gives for an unknown database. */
export function unknownDatabase(database: string): pg.DatabaseError {
  return fatal("3D000", `database "${database}" does not exist`);
}

function fatal(code: string, message: string): pg.DatabaseError {
  const error = new pg.DatabaseError(message, message.length, "error");
  error.severity = "FATAL";
  error.code = code;
  return error;
}

function fields(error: pg.DatabaseError): Record<string, unknown> {
  return {
    message: error.message,
    code: error.code ?? null,
    detail: error.detail ?? null,
    hint: error.hint ?? null,
    position: error.position ?? null,
    internalPosition: error.internalPosition ?? null,
    internalQuery: error.internalQuery ?? null,
    severity: error.severity ?? null,
    where: error.where ?? null,
    table: error.table ?? null,
    column: error.column ?? null,
    schema: error.schema ?? null,
    dataType: error.dataType ?? null,
    constraint: error.constraint ?? null,
    file: error.file ?? null,
    line: error.line ?? null,
    routine: error.routine ?? null,
  };
}
