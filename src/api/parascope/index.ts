import { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http.ts";
import { registerBulk } from "./bulk.ts";
import { registerChanges } from "./changes.ts";
import { registerConfigurationItems } from "./configuration-items.ts";
import { errorResponse, validationHook } from "./dialect.ts";

/** The Parascope dialect, to be mounted at /api/v1. */
export function createParascope(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: validationHook });
  app.onError(errorResponse);
  registerBulk(app);
  registerConfigurationItems(app);
  registerChanges(app);
  return app;
}
