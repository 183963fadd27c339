import type { MiddlewareHandler } from "hono";
import { JsonSyntaxError, mayHoldBadCharacters, parseJson, storageProblem } from "../../lib/json.ts";
import { type AppEnv, HttpProblem } from "../http.ts";

const isJson = /^application\/([\w.-]+\+)?json\b/i;
/** Bytes that a request body may have. */
const maxBodyBytes = 8 * 1024 * 1024;

/**
 * Reads JSON bodies in a way that loses no digits, for the validators to find. `looksItself` says which paths look into
 * their elements themselves, because one bad element must not cost the others.
 */
export function jsonBody(looksItself: (path: string) => boolean): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const type = c.req.header("Content-Type") ?? "";
    if (["POST", "PUT", "PATCH"].includes(c.req.method) && isJson.test(type)) {
      const text = await readText(c.req.raw);
      const body = parseBody(text);
      const problem = looksItself(c.req.path) ? undefined : storageProblem(body, mayHoldBadCharacters(text));
      if (problem !== undefined) {
        throw new HttpProblem(422, `The body cannot be stored: ${problem}`);
      }
      // Hono's validator takes the body from here; JSON.parse alone would round integers beyond 2^53.
      Object.defineProperty(c.req, "json", { value: () => Promise.resolve(body) });
    }
    await next();
  };
}

/** The body as text. Throws 413 over the limit and 400 when it is not UTF-8; never buffers more than the limit. */
export async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("Content-Length") ?? 0) > maxBodyBytes) {
    throw tooLarge();
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.byteLength;
      if (length > maxBodyBytes) {
        throw tooLarge();
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    throw error instanceof TypeError ? new HttpProblem(400, "The body is not valid UTF-8") : error;
  }
}

/** For a route that can do without a body: throws 415 when there is one of another type, which it would not read. */
export async function requireJsonOrNothing(request: Request): Promise<void> {
  const type = request.headers.get("Content-Type") ?? "";
  if (!isJson.test(type) && (await readText(request)) !== "") {
    throw new HttpProblem(415, "The body is application/json, or there is none");
  }
}

function parseBody(text: string): unknown {
  if (text.trim() === "") {
    throw new HttpProblem(400, "The body is empty; send a JSON document");
  }
  try {
    return parseJson(text);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? new HttpProblem(400, `The body is not JSON: ${error.message}`) : error;
  }
}

function tooLarge(): HttpProblem {
  return new HttpProblem(413, `The body is larger than ${maxBodyBytes} bytes (8 MiB); send it in parts`);
}
