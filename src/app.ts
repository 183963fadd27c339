import { OpenAPIHono } from "@hono/zod-openapi";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { configOf } from "./env.ts";
import { type AppEnv, HttpProblem } from "./api/http.ts";
import { isPublicPath, registerMeta } from "./api/meta.ts";
import { admission } from "./api/middleware/admission.ts";
import { jsonBody } from "./api/middleware/body.ts";
import { isBulkPath } from "./api/parascope/bulk.ts";
import { errorResponse, validationHook } from "./api/parascope/dialect.ts";
import { isStatementPath } from "./api/parascope/relationship-statements.ts";
import { createParascope } from "./api/parascope/index.ts";
import { logEvent } from "./lib/log.ts";

export interface AppOptions {
  /** Gives the OpenAPI document, made when Muster is built. */
  readonly loadDocument: () => Promise<unknown>;
}

/** The whole application: request id, access log, admission, body, then the routes. */
export function createApp(options: AppOptions): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: validationHook });
  app.onError(errorResponse);
  app.notFound((c) => errorResponse(new HttpProblem(404, `There is nothing at ${c.req.path}`), c));
  app.use(requestId());
  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    logEvent("info", {
      event: "request",
      request_id: c.get("requestId"),
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: Math.round(performance.now() - started),
      actor: c.get("ctx")?.actor.label,
    });
  });
  app.use(secureHeaders());
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        errorResponse(
          new HttpProblem(405, `${c.req.method} is not for ${c.req.path}`, { Allow: methods.join(", ") }),
          c,
        ),
    }),
  );
  app.use(async (c, next) => {
    c.set("config", await configOf(c.env));
    await next();
  });
  app.use(admission(isPublicPath));
  app.use(jsonBody((path) => isBulkPath(path) || isStatementPath(path)));
  registerMeta(app, options.loadDocument);
  app.route("/api/v1", createParascope());
  return app;
}
