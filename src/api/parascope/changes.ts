import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { listItemChanges } from "../../core/changes/service.ts";
import type { AppEnv } from "../http.ts";
import { changeSchema, changeShape } from "./change-wire.ts";
import * as wire from "./dialect.ts";

const historyRoute = createRoute({
  method: "get",
  path: "/ci-changes/{uuid}",
  tags: ["Change History"],
  summary: "Get the change history of a configuration item",
  request: { params: wire.uuidParameter, query: wire.query(wire.pageParameters(50)) },
  responses: {
    200: {
      description: "A page of changes, newest first",
      content: { "application/json": { schema: wire.listSchema(changeSchema, "ChangeList") } },
    },
    ...wire.errorResponses(400, 404, 422),
  },
});

/** The routes of the change history. */
export function registerChanges(app: OpenAPIHono<AppEnv>): void {
  app.openapi(historyRoute, async (c) => {
    const query = c.req.valid("query");
    const page = await listItemChanges(c.get("ctx"), c.req.valid("param").uuid, query, changeShape);
    return wire.listResponse(c, page, query);
  });
}
