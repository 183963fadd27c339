import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ChangeShape } from "../../core/changes/repository.ts";
import { listItemChanges } from "../../core/changes/service.ts";
import type { AppEnv } from "../http.ts";
import * as wire from "./dialect.ts";

const changeShape: ChangeShape = {
  id: "id",
  ci_id: "ciId",
  ci_name: "name",
  ci_namespace: "namespace",
  ci_type: "ciType",
  changed_at: "changedAt",
  change_type: "changeType",
  version: "version",
  source_id: "sourceId",
  actor: "actor",
  request_id: "requestId",
  reason: "reason",
  changes: "entries",
};

const changeSchema = z
  .object({
    id: z.string(),
    ci_id: z.guid(),
    ci_name: z.string(),
    ci_namespace: z.string().nullable(),
    ci_type: z.string(),
    changed_at: z.iso.datetime(),
    change_type: z.enum(["CREATED", "UPDATED", "DELETED", "PURGED"]),
    version: z.number().int().openapi({ description: "The item's version after the change" }),
    source_id: z.number().int().nullable(),
    actor: z.string().nullable(),
    request_id: z.string().nullable(),
    reason: z.string().nullable(),
    changes: z.array(
      z.object({
        field: z.string().openapi({ example: "spec.replicas" }),
        op: z.enum(["add", "remove", "replace"]),
        old_value: z.unknown().openapi({ description: "A value over 64 KiB is shown as {truncated, bytes, preview}" }),
        new_value: z.unknown(),
      }),
    ),
  })
  .openapi("Change");

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
