import type { SQL } from "drizzle-orm";
import { type Database, DatabaseError } from "../db/client.ts";
import type { Actor } from "./access.ts";
import { DomainError } from "./errors.ts";
import type { Ports } from "./ports.ts";

/** What a verb needs from the outside; made anew for each request and each run of a job. */
export interface Ctx {
  readonly db: Database;
  readonly actor: Actor;
  readonly now: Date;
  readonly requestId: string;
  /** Why the caller writes, where it says so; kept in the change log. */
  readonly reason?: string | undefined;
  /** Signs page cursors. */
  readonly cursorKey: CryptoKey;
  readonly ports: Ports;
}

/** What a request's verb has besides. */
export interface RequestCtx extends Ctx {
  /** A connection for work that goes on after the answer has begun, with a deadline of its own; also ended when the client goes away. */
  openDatabase(signal: AbortSignal): Database;
}

/** Runs a repository's statement. Throws DomainError for what a caller can act on; a defect passes through. */
export async function run<Row extends Record<string, unknown>>(ctx: Pick<Ctx, "db">, statement: SQL): Promise<Row[]> {
  try {
    return await ctx.db.execute<Row>(statement);
  } catch (error) {
    throw error instanceof DatabaseError ? toDomainError(error) : error;
  }
}

/** The first row of a statement that always answers one. */
export async function runOne<Row extends Record<string, unknown>>(ctx: Pick<Ctx, "db">, statement: SQL): Promise<Row> {
  const [row] = await run<Row>(ctx, statement);
  if (!row) {
    throw new Error("a statement that answers one row answered none");
  }
  return row;
}

/** The context as the writing functions of the database read it. */
export function writeContext(ctx: Ctx): string {
  return JSON.stringify({
    actor: ctx.actor.label,
    request_id: ctx.requestId,
    reason: ctx.reason,
    now: ctx.now.toISOString(),
  });
}

function toDomainError(error: DatabaseError): Error {
  switch (error.kind) {
    case "unavailable":
      return new DomainError("unavailable", "The database cannot be reached; try again shortly", { cause: error });
    case "timeout":
      return new DomainError("unavailable", "The database took too long; try again, or ask for less", { cause: error });
    case "too_large":
      return new DomainError("invalid", "This is too much for one answer; ask for fewer items, or for less of each");
    case "conflict":
      return new DomainError("conflict", "Another item already has this type, namespace and name");
    case "said_missing":
      return new DomainError("not_found", error.message);
    case "said_conflict":
      return new DomainError("conflict", error.message);
    case "said_invalid":
      return new DomainError("invalid", error.message);
    case "invalid":
      return new DomainError("invalid", "A value is out of the range that can be stored");
    case "defect":
      return error;
  }
}
