import { neon, neonConfig, NeonDbError } from "@neondatabase/serverless";
import { drizzle } from "drizzle-orm/neon-http";
import type { SQL } from "drizzle-orm";

/** Runs one statement in one round trip, as a transaction of its own. */
export interface Database {
  execute<Row extends Record<string, unknown>>(statement: SQL): Promise<Row[]>;
}

export interface DatabaseOptions {
  /** Where SQL over HTTP is spoken when that does not follow from the host, as on the local stack. */
  readonly endpoint?: string | undefined;
  /** Ends the statement on the server when it fires. */
  readonly signal?: AbortSignal;
}

/**
 * Why the database did not answer as asked. `unavailable` and `timeout` say nothing about whether a write happened. The message
 * of `said_…` is for the caller: one of our own functions raised it.
 */
export class DatabaseError extends Error {
  readonly kind:
    | "unavailable"
    | "timeout"
    | "conflict"
    | "invalid"
    | "too_large"
    | "said_missing"
    | "said_conflict"
    | "said_invalid"
    | "defect";
  /** SQLSTATE, where PostgreSQL spoke. */
  readonly code: string | undefined;

  constructor(kind: DatabaseError["kind"], code: string | undefined, message: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** A connection for one request. Costs microseconds; nothing is opened until a statement runs. */
export function connect(connectionString: string, options: DatabaseOptions = {}): Database {
  if (options.endpoint !== undefined) {
    const endpoint = options.endpoint;
    neonConfig.fetchEndpoint = () => endpoint;
  }
  const client = neon(connectionString, options.signal ? { fetchOptions: { signal: options.signal } } : {});
  const db = drizzle({ client });
  return {
    async execute<Row extends Record<string, unknown>>(statement: SQL): Promise<Row[]> {
      try {
        const { rows } = await db.execute<Row>(statement);
        return rows;
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
  };
}

// Drizzle's own message holds every parameter; only what PostgreSQL itself said goes on.
function toDatabaseError(error: unknown): DatabaseError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof NeonDbError)) {
    return new DatabaseError("defect", undefined, cause instanceof Error ? cause.message : "unknown failure");
  }
  const code = cause.code;
  if (code === undefined) {
    if (/HTTP status (?:413|507)/.test(cause.message)) {
      return new DatabaseError("too_large", undefined, cause.message.slice(0, 200));
    }
    const isTimeout = cause.sourceError instanceof Error && cause.sourceError.name === "TimeoutError";
    return new DatabaseError(isTimeout ? "timeout" : "unavailable", undefined, cause.message.slice(0, 200));
  }
  return new DatabaseError(kindOf(code), code, `${cause.message}${cause.constraint ? ` (${cause.constraint})` : ""}`);
}

function kindOf(code: string): DatabaseError["kind"] {
  switch (code) {
    case "57014":
    case "55P03":
    case "40001":
    case "40P01":
      return "timeout";
    case "23505":
      return "conflict";
    // Raised by the functions in schema muster, with a message for the caller.
    case "MU404":
      return "said_missing";
    case "MU409":
      return "said_conflict";
    case "MU422":
      return "said_invalid";
    case "22P02":
    case "22P05":
    case "22021":
    case "22003":
    case "22007":
    case "22008":
    case "54000":
    case "54001":
      return "invalid";
    default:
      // Connection failures, shutdown and too many connections.
      return /^(08|57P|53)/.test(code) ? "unavailable" : "defect";
  }
}
