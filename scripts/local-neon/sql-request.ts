import type { IncomingHttpHeaders } from "node:http";

/** One SQL statement with its parameters, `null` or what `pg` turns into text. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What one call of the endpoint asks for. */
export interface SqlRequest {
  readonly role: string;
  readonly database: string;
  readonly statements: readonly Statement[];
  /** The statement that opens the transaction of a batch; undefined for a single statement. */
  readonly begin: string | undefined;
}

/** A call that is wrong in itself; the message may be shown to the caller. */
export class BadRequest extends Error {}

const MAX_PARAMETERS = 65_535; // PostgreSQL's messages count them in 16 bits

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Reads a call in Neon's protocol. Throws BadRequest for anything malformed. */
export function parseSqlRequest(headers: IncomingHttpHeaders, body: Uint8Array): SqlRequest {
  const { role, database } = parseConnectionString(single(headers["neon-connection-string"]));
  const payload = parseBody(body);
  if (Array.isArray(payload["queries"])) {
    return { role, database, statements: payload["queries"].map(parseStatement), begin: parseBegin(headers) };
  }
  return { role, database, statements: [parseStatement(payload)], begin: undefined };
}

function parseConnectionString(value: string | undefined): { role: string; database: string } {
  if (value === undefined) throw new BadRequest("missing header Neon-Connection-String");
  try {
    const url = new URL(value);
    if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Error(`unexpected scheme ${url.protocol}`);
    const role = decodeURIComponent(url.username);
    const database = decodeURIComponent(url.pathname.slice(1));
    if (role === "" || database === "") throw new Error("a user and a database are needed");
    return { role: sendable(role), database: sendable(database) };
  } catch (error) {
    // The string itself holds a password and is not repeated.
    const reason = error instanceof Error && !("input" in error) ? error.message : "not a URL";
    throw new BadRequest(`invalid connection string: ${reason}`, { cause: error });
  }
}

function parseBody(body: Uint8Array): Record<string, unknown> {
  try {
    const payload: unknown = JSON.parse(utf8.decode(body));
    if (isRecord(payload)) return payload;
  } catch (error) {
    throw new BadRequest(`could not parse the request: ${String(error)}`, { cause: error });
  }
  throw new BadRequest("could not parse the request: expected an object");
}

function parseStatement(value: unknown): Statement {
  if (!isRecord(value) || typeof value["query"] !== "string") {
    throw new BadRequest("could not parse the request: expected {query, params} or {queries: [{query, params}]}");
  }
  const values = value["params"] ?? [];
  if (!Array.isArray(values)) throw new BadRequest("could not parse the request: params is not an array");
  if (values.length > MAX_PARAMETERS) throw new BadRequest(`a statement takes at most ${MAX_PARAMETERS} parameters`);
  for (const item of values) {
    if (typeof item === "string" && !item.isWellFormed()) throw new BadRequest("a parameter holds a lone surrogate");
  }
  return { text: sendable(value["query"]), values };
}

// A NUL ends a string inside PostgreSQL's messages: what follows would be read as something else.
function sendable(text: string): string {
  if (text.includes("\0")) throw new BadRequest("string contains embedded null");
  if (!text.isWellFormed()) throw new BadRequest("string contains a lone surrogate");
  return text;
}

const ISOLATION_LEVELS = new Map([
  ["ReadUncommitted", "READ UNCOMMITTED"],
  ["ReadCommitted", "READ COMMITTED"],
  ["RepeatableRead", "REPEATABLE READ"],
  ["Serializable", "SERIALIZABLE"],
]);

function parseBegin(headers: IncomingHttpHeaders): string {
  const wanted = single(headers["neon-batch-isolation-level"]);
  const level = wanted === undefined ? undefined : ISOLATION_LEVELS.get(wanted);
  if (wanted !== undefined && level === undefined) throw new BadRequest("invalid isolation level");
  return [
    "BEGIN",
    ...(level === undefined ? [] : [`ISOLATION LEVEL ${level}`]),
    ...(headers["neon-batch-read-only"] === "true" ? ["READ ONLY"] : []),
    ...(headers["neon-batch-deferrable"] === "true" ? ["DEFERRABLE"] : []),
  ].join(" ");
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
