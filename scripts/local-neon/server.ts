import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { databaseAdmin } from "./database-admin.ts";
import type { DatabaseAdmin } from "./database-admin.ts";
import type { Engine } from "./engines/engine.ts";
import { readBody, sendJson, sendText } from "./http.ts";
import { pgliteSessions } from "./pglite-sessions.ts";
import { postgresSessions } from "./postgres-sessions.ts";
import type { Session, Sessions } from "./sessions.ts";
import { connectFailureOf, failureOf } from "./sql-error.ts";
import type { Failure } from "./sql-error.ts";
import { breaksConnection, CallerGone, execute } from "./sql-execution.ts";
import { BadRequest, parseSqlRequest } from "./sql-request.ts";
import { Statistics } from "./statistics.ts";

/** Where the endpoint listens and what it allows. */
export interface LocalNeonOptions {
  readonly engine: Engine;
  /** A free port is chosen without one. */
  readonly port?: number;
  readonly host?: string;
  /** Lets callers create and drop databases over HTTP: for tests only. */
  readonly allowDatabaseAdmin?: boolean;
}

/** The running endpoint. */
export interface LocalNeon {
  readonly url: string;
  readonly port: number;
  readonly statistics: Statistics;
  /** Closes the endpoint's connections to a database, so that it can be dropped or copied. */
  closeDatabase(name: string): Promise<void>;
  /** Stops listening, cancels what runs and closes the connections; the engine stays open. */
  close(): Promise<void>;
}

interface Context {
  readonly sessions: Sessions;
  readonly statistics: Statistics;
  readonly admin: DatabaseAdmin | undefined;
}

/**
 * Serves Neon's SQL over HTTP at /sql in front of an engine. The connection string's role and database count, its host does
 * not; its password is not checked, so anyone who reaches the port may be any role. Throws when the port is taken.
 */
export async function startLocalNeon(options: LocalNeonOptions): Promise<LocalNeon> {
  const { engine, port = 0, host = "127.0.0.1", allowDatabaseAdmin = false } = options;
  const sessions = engine.kind === "pglite" ? pgliteSessions(engine) : postgresSessions(engine);
  const statistics = new Statistics();
  const context = { sessions, statistics, admin: allowDatabaseAdmin ? databaseAdmin(engine, sessions) : undefined };
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const call = route(context, request, response).catch((error: unknown) => {
      // A caller that left while sending is no failure of ours.
      if (!response.destroyed) process.stderr.write(`local-neon: ${String(error)}\n`);
      response.destroy();
    });
    running.add(call);
    void call.finally(() => running.delete(call));
  });
  // A client that reuses a connection just as it is closed for idleness sees an error production would not give.
  server.keepAliveTimeout = 0;
  await new Promise<void>((done, refuse) => server.once("error", refuse).listen(port, host, done));
  const bound = (server.address() as AddressInfo).port; // an address of this kind is what listening on a host and port gives
  return {
    url: `http://${host}:${bound}/sql`,
    port: bound,
    statistics,
    closeDatabase: (name) => sessions.closeDatabase(name),
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
      await Promise.all(running);
      await sessions.close();
    },
  };
}

async function route(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Only browsers send Origin: no page on the web may use the developer's database.
  if (request.headers.origin !== undefined) return sendText(response, 403, "browsers are not served");
  const url = new URL(request.url ?? "/", "http://local");
  if (url.pathname === "/sql") return sql(context, request, response);
  if (url.pathname === "/statistics" && request.method === "GET") {
    return sendJson(response, 200, context.statistics.of(url.searchParams.get("database") ?? ""));
  }
  if (url.pathname === "/databases" || url.pathname.startsWith("/databases/")) {
    return databases(context, request, response, decodeURIComponent(url.pathname.slice("/databases/".length)));
  }
  return sendText(response, 404, "not found");
}

async function sql(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "OPTIONS") {
    response.writeHead(204, { Allow: "POST, OPTIONS" }).end();
    return;
  }
  if (request.method !== "POST") return sendText(response, 405, "method not allowed");
  const body = await readBody(request);
  if (!body) return refuseSize(request, response);
  let parsed;
  try {
    parsed = parseSqlRequest(request.headers, body);
  } catch (error) {
    return fail(response, failureOf(error));
  }
  context.statistics.count(parsed.database, parsed.statements.length);
  let session;
  try {
    session = await context.sessions.open(parsed.database, parsed.role);
  } catch (error) {
    return fail(response, connectFailureOf(error));
  }
  const caller = watchCaller(response, session);
  let broken = false;
  try {
    sendJson(response, 200, await execute(session.client, parsed, caller.isGone));
  } catch (error) {
    broken = breaksConnection(error);
    if (!(error instanceof CallerGone)) fail(response, failureOf(error));
  }
  await caller.settled();
  await session.release(broken || caller.isGone());
}

interface Caller {
  readonly isGone: () => boolean;
  /** Resolves once a cancel under way has been sent, so that it cannot hit the connection's next call. */
  readonly settled: () => Promise<void>;
}

function watchCaller(response: ServerResponse, session: Session): Caller {
  let cancelling: Promise<void> | undefined;
  const onClose = () => {
    if (!response.writableEnded) cancelling ??= session.cancel();
  };
  if (response.destroyed) onClose();
  else response.once("close", onClose);
  return {
    isGone: () => cancelling !== undefined,
    settled: async () => {
      response.off("close", onClose);
      await cancelling;
    },
  };
}

function refuseSize(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Connection", "close");
  sendText(response, 413, "request is too large (max is 67108864 bytes)");
  response.once("finish", () => request.destroy());
}

function fail(response: ServerResponse, { status, body }: Failure): void {
  if (typeof body === "string") sendText(response, status, body);
  else sendJson(response, status, body);
}

async function databases(
  { admin }: Context,
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
): Promise<void> {
  if (!admin) return sendText(response, 403, "database administration is not enabled");
  try {
    if (request.method === "DELETE" && name !== "") {
      await admin.drop(name);
      response.writeHead(204).end();
      return;
    }
    if (request.method !== "POST" || name !== "") return sendText(response, 405, "method not allowed");
    const wanted = databaseRequest((await readBody(request)) ?? Buffer.alloc(0));
    await admin.create(wanted.name, wanted.template);
    sendJson(response, 201, wanted);
  } catch (error) {
    fail(response, failureOf(error));
  }
}

function databaseRequest(body: Buffer): { name: string; template: string } {
  try {
    const wanted: unknown = JSON.parse(body.toString());
    if (typeof wanted === "object" && wanted && "name" in wanted && "template" in wanted) {
      return { name: String(wanted.name), template: String(wanted.template) };
    }
  } catch (error) {
    throw new BadRequest("could not parse the request", { cause: error });
  }
  throw new BadRequest("expected {name, template}");
}
