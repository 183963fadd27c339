import type pg from "pg";

/** A database connection held for one call, acting as the role the call named. */
export interface Session {
  readonly client: pg.PoolClient;
  /** Clears what the call left behind and gives the connection back; a `broken` one is closed instead. */
  release(broken: boolean): Promise<void>;
  /** Stops what the connection is running, so that a caller who left costs nothing. Release it as broken afterwards. */
  cancel(): Promise<void>;
}

/** The connections behind the endpoint. */
export interface Sessions {
  /** Waits for a connection. Throws a DatabaseError of class 28 or 3D for an unknown role or database. */
  open(database: string, role: string): Promise<Session>;
  /** Closes every connection to the database, once the calls that hold one are done. */
  closeDatabase(database: string): Promise<void>;
  close(): Promise<void>;
}

/** A name as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether no transaction is open: a needless ROLLBACK would write a warning into the server's log at each call. */
export function isIdle(client: pg.PoolClient): boolean {
  return client.getTransactionStatus() === "I";
}

/** Takes errors of idle connections, which nobody waits for: the next call connects anew. */
export function ignoreIdleErrors(pool: pg.Pool): void {
  pool.on("error", () => undefined);
}
