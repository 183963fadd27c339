import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import * as timeTravel from "../../core/changes/time-travel-service.ts";
import { type AppEnv, jsonText } from "../http.ts";
import { entriesSchema } from "./change-wire.ts";
import * as wire from "./dialect.ts";
import { itemSchema, itemShape } from "./item-wire.ts";

const instant = z.iso.datetime().openapi({ example: "2025-07-08T12:00:00.000Z" });

/** An item as it was. The log does not hold sightings, and has an end. */
export const itemAtTimeSchema = z
  .object({
    at: instant.openapi({ description: "The instant asked for; what changed at this very instant is in force" }),
    ...itemSchema.shape,
    status_updated_at: instant
      .nullable()
      .openapi({ description: "null before the first move and where it is forgotten" }),
    last_seen: z.null().openapi({ description: "Not kept for the past" }),
    created_at: instant.nullable().openapi({ description: "null where the item is gone and its creation forgotten" }),
    updated_at: instant.nullable().openapi({ description: "null where the change before that instant is forgotten" }),
  })
  .openapi("ConfigurationItemAtTime", {
    description:
      "raw_data comes without the paths whose movement is no change: those that the type ignores, and metrics",
  });

const diffRoute = createRoute({
  method: "get",
  path: "/configuration-items/{uuid}/diff",
  tags: ["Change History"],
  summary: "Compare a configuration item at two instants",
  request: {
    params: wire.uuidParameter,
    query: wire.query({
      from: wire
        .instantParameter("")
        .unwrap()
        .openapi({ type: "string", format: "date-time", description: "The earlier instant; UTC without a zone" }),
      to: wire.instantParameter("The later instant; now by default"),
    }),
  },
  responses: {
    200: {
      description: "What leads from the earlier state to the later",
      content: wire.jsonContent(
        z
          .object({
            ci_id: z.guid(),
            from: instant,
            to: instant,
            from_version: z.number().int(),
            to_version: z.number().int(),
            changes: entriesSchema,
          })
          .openapi("ConfigurationItemDiff"),
      ),
    },
    ...wire.errorResponses(400, 404, 422),
  },
});

const changeParameter = z.object({
  id: z
    .string()
    .refine((text) => /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n, "must be the id of a change")
    .openapi({ param: { name: "id", in: "path" }, description: "The change's id" }),
});

const revertRoute = createRoute({
  method: "post",
  path: "/changes/{id}/revert",
  tags: ["Change History"],
  summary: "Take one change back",
  description:
    "Undoes a change on the present item, unless a later change has touched the same path, a parent or a child of it: then 409 names that change. The new change's reason is `revert of change <id>` unless X-Change-Reason says another. A change that is already taken back has an empty patch.",
  request: {
    params: changeParameter,
    query: wire.query({ dry_run: wire.booleanParameter("Only tell what would change") }),
  },
  responses: {
    200: {
      description: "What changes from the present to the reverted item",
      content: wire.jsonContent(
        z
          .object({
            dry_run: z.boolean(),
            change_id: z.string(),
            ci_id: z.guid(),
            patch: entriesSchema,
            item: itemSchema.nullable().openapi({ description: "The item as it is afterwards; null after a dry run" }),
          })
          .openapi("Revert"),
      ),
    },
    ...wire.errorResponses(400, 404, 409, 422),
  },
});

/** The routes that look back, and go back. */
export function registerTimeTravel(app: OpenAPIHono<AppEnv>): void {
  app.openapi(diffRoute, async (c) => {
    const { uuid } = c.req.valid("param");
    const query = c.req.valid("query");
    const diff = await timeTravel.diffItem(c.get("ctx"), uuid, query.from, query.to);
    const head = { ci_id: uuid.toLowerCase(), from: diff.from, to: diff.to };
    const versions = { from_version: diff.fromVersion, to_version: diff.toVersion };
    return jsonText(c, withLast({ ...head, ...versions }, { changes: diff.changes }), 200);
  });

  app.openapi(revertRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { dry_run } = c.req.valid("query");
    const { ciId, patch, item } = await timeTravel.revertChange(c.get("ctx"), id, dry_run, itemShape);
    return jsonText(c, withLast({ dry_run, change_id: id, ci_id: ciId }, { patch, item: item ?? "null" }), 200);
  });
}

// The JSON of an object whose last keys hold what PostgreSQL has already written.
function withLast(head: Readonly<Record<string, unknown>>, written: Readonly<Record<string, string>>): string {
  const tail = Object.entries(written).map(([key, text]) => `"${key}":${text}`);
  return `${JSON.stringify(head).slice(0, -1)},${tail.join(",")}}`;
}
