/** A running database that the local endpoint, the migration runner and the tests connect to over TCP. */
export interface Engine {
  readonly kind: "postgres" | "pglite" | "external";
  /** The owner's `postgres://` URL; its path names the database to use. */
  readonly adminUrl: string;
  /** How many connections the database serves at once. */
  readonly maxConnections: number;
  /** Resolves with what happened when the database ends by itself; only an engine in this process can know. */
  readonly ended?: Promise<string>;
  /** Shuts the database down cleanly; resolves when nothing of it runs any more. */
  close(): Promise<void>;
}
