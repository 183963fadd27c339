import { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../http.ts";
import { registerBulk } from "./bulk.ts";
import { registerChangeFeed } from "./change-feed.ts";
import { registerChangeSearch } from "./change-search.ts";
import { registerChangeStatistics } from "./change-stats.ts";
import { registerChanges } from "./changes.ts";
import { registerCollectors } from "./collectors.ts";
import { registerConfigurationItems } from "./configuration-items.ts";
import { errorResponse, validationHook } from "./dialect.ts";
import { registerImpact } from "./impact.ts";
import { registerRelationshipStatements } from "./relationship-statements.ts";
import { registerRelationships } from "./relationships.ts";
import { registerSourceSyncs } from "./source-syncs.ts";
import { registerSources } from "./sources.ts";
import { registerTimeTravel } from "./time-travel.ts";

/** The Parascope dialect, to be mounted at /api/v1. */
export function createParascope(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: validationHook });
  app.onError(errorResponse);
  registerBulk(app);
  registerConfigurationItems(app);
  registerChangeFeed(app);
  registerChangeSearch(app);
  registerChangeStatistics(app);
  registerChanges(app);
  registerSourceSyncs(app);
  registerTimeTravel(app);
  registerRelationships(app);
  registerRelationshipStatements(app);
  registerImpact(app);
  registerCollectors(app);
  registerSources(app);
  return app;
}
