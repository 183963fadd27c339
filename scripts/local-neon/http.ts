import type { IncomingMessage, ServerResponse } from "node:http";

const LIMIT_BYTES = 64 * 1024 * 1024;

/** The body of a request, or undefined when it is beyond 64 MiB; the rest of such a body is not read. Throws when the caller leaves. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > LIMIT_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((done, fail) => {
    const refuse = () => {
      request.pause().removeAllListeners("data");
      done(undefined);
    };
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LIMIT_BYTES) chunks.push(chunk);
      else refuse();
    });
    request.once("end", () => done(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.once("error", fail);
  });
}

/** Answers with JSON; beyond 64 MiB with 507, as production does. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.length > LIMIT_BYTES) return sendText(response, 507, "response is too large (max is 67108864 bytes)");
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes.length }).end(bytes);
}

/** Answers with a plain message. */
export function sendText(response: ServerResponse, status: number, message: string): void {
  const bytes = Buffer.from(message);
  response
    .writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": bytes.length })
    .end(bytes);
}
