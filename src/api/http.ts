import type { Context, TypedResponse } from "hono";
import type { Bindings, Config } from "../env.ts";
import type { RequestCtx } from "../core/context.ts";

/** What a handler finds in its Hono context. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: {
    requestId: string;
    config: Config;
    /** Set for every request that has been identified. */
    ctx: RequestCtx;
  };
}

export type AppContext = Context<AppEnv>;

/** A request that HTTP itself turns down, before any verb is asked. */
export class HttpProblem extends Error {
  readonly status: 400 | 401 | 404 | 405 | 406 | 413 | 415 | 422 | 429 | 503;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: HttpProblem["status"], message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Answers JSON that PostgreSQL has already written; its shape is what the statement was asked to render. */
export function jsonText<Status extends 200 | 201>(
  c: AppContext,
  text: string,
  status: Status,
): TypedResponse<never, Status, "json"> {
  const response = c.body(text, status, { "Content-Type": "application/json; charset=UTF-8" });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type marks what a text cannot show; tests hold it against the schema
  return response as unknown as TypedResponse<never, Status, "json">;
}
