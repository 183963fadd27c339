import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Collector } from "./collector.ts";
import { renderHealth } from "./health.ts";
import { KeySetError } from "./key-set.ts";
import type { KeySet } from "./key-set.ts";
import { SignatureError, verifyRequest } from "./signature.ts";
import { readTrigger } from "./trigger.ts";

interface ServerOptions {
  readonly collector: Collector;
  readonly keys: KeySet;
  /** The endpoint that Muster has, without a slash at its end; told once the server listens. */
  readonly publicUrl: () => string;
  readonly log: (message: string) => void;
}

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const maxBodyBytes = 1024 * 1024;
const methods = new Map([
  ["/health", "GET"],
  ["/trigger", "POST"],
]);
const triggerStatus = { accepted: 202, busy: 409, stopping: 503 } as const;

/** The collector's side of the protocol over HTTP: `GET /health` and `POST /trigger`, below the path of the public URL or without it. */
export function createCollectorServer(options: ServerOptions): Server {
  return createServer((request, response) => {
    void answer(request, options).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        options.log(`${request.method} ${request.url}: ${String(error)}`);
        send(response, refusal(500, "the collector failed; its log says why"));
      },
    );
  });
}

async function answer(request: IncomingMessage, options: ServerOptions): Promise<Reply> {
  const { collector, publicUrl } = options;
  const path = routeOf(request.url ?? "", publicUrl());
  const method = methods.get(path);
  if (method === undefined) return refusal(404, `there is only ${[...methods.keys()].join(" and ")}`);
  if (request.method !== method) return refusal(405, `${path} takes ${method}`);
  const health = renderHealth(collector.states, new Date());
  // A probe may ask how the collector is without a signature; which sources it has and what is wrong with them is for Muster.
  if (method === "GET" && request.headers.signature === undefined)
    return { status: 200, body: { status: health.status, timestamp: health.timestamp } };
  const body = await readBody(request);
  if (body === null) return refusal(413, `a trigger has at most ${maxBodyBytes} bytes`);
  const forged = await refuseForged(request, body, publicUrl() + path, options);
  if (forged !== null) return forged;
  if (method === "GET") return { status: 200, body: health };
  const trigger = readTrigger(body);
  if (trigger === null) return refusal(400, "the body is not a trigger");
  const status = collector.accept(trigger);
  return { status: triggerStatus[status], body: { status, collection_id: trigger.collectionId } };
}

async function refuseForged(
  { method = "", headers }: IncomingMessage,
  body: Uint8Array,
  targetUri: string,
  { keys, log }: ServerOptions,
): Promise<Reply | null> {
  try {
    await verifyRequest({ method, targetUri, headers, body }, keys, Date.now());
    return null;
  } catch (error) {
    if (!(error instanceof SignatureError || error instanceof KeySetError)) throw error;
    log(`refused ${method} ${targetUri}: ${error.message}`);
    return refusal(error instanceof SignatureError ? 401 : 503, error.message);
  }
}

/** A proxy before the collector may take off the path that the public URL has, or leave it. */
function routeOf(url: string, publicUrl: string): string {
  const prefix = new URL(publicUrl).pathname.replace(/\/$/, "");
  return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : url;
}

/** The body; null when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response
    .writeHead(status, { "content-type": "application/json", ...(status === 413 ? { connection: "close" } : {}) })
    .end(JSON.stringify(body));
}

function refusal(status: number, detail: string): Reply {
  return { status, body: { detail } };
}
