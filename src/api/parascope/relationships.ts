import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { listRelationshipChanges } from "../../core/relationships/history-service.ts";
import * as relationships from "../../core/relationships/service.ts";
import { type AppEnv, HttpProblem, jsonText } from "../http.ts";
import * as wire from "./dialect.ts";
import {
  relatedSchema,
  relatedShape,
  relationshipChangeSchema,
  relationshipChangeShape,
  relationshipSchema,
  relationshipShape,
  typesParameter,
} from "./relationship-wire.ts";

const path = "/relationships";
const tags = ["Relationships"];

const countParameter = z.enum(["exact", "estimate", "none"]).default("exact");

const idParameter = z.object({
  id: z.guid("must be a UUID").openapi({ param: { name: "id", in: "path" }, description: "The relationship's id" }),
});

const ofItemRoute = createRoute({
  method: "get",
  path: "/configuration-items/{uuid}/relationships",
  tags,
  summary: "Get the relationships of a configuration item",
  description: "By type and other end; with history=true what became of them, the newest first.",
  request: {
    params: wire.uuidParameter,
    query: wire.query({
      direction: z.enum(["both", "outgoing", "incoming"]).default("both"),
      type: typesParameter("Relationship types; all by default"),
      status: z.enum(["active", "archived", "all"]).optional().openapi({
        default: "active",
        description: "Whether the other end is archived. The history tells of all",
      }),
      history: wire.booleanParameter("Show what became of the relationships, those that are gone included"),
      ...wire.pageParameters(50),
      count: countParameter,
    }),
  },
  responses: {
    200: {
      description: "A page of relationships; with history=true the second form",
      content: wire.jsonContent(
        z.union([
          wire.listSchema(relatedSchema, "ItemRelationshipList"),
          wire.listSchema(relationshipChangeSchema, "RelationshipChangeList"),
        ]),
      ),
    },
    ...wire.errorResponses(400, 404, 422),
  },
});

const listRoute = createRoute({
  method: "get",
  path,
  tags,
  summary: "List relationships",
  description: "The newest first; with source_ci_id or target_ci_id by type and other end.",
  request: {
    query: wire.query({
      type: typesParameter("Relationship types; all by default"),
      source_ci_id: z.guid("must be a UUID").optional(),
      target_ci_id: z.guid("must be a UUID").optional(),
      source_id: z
        .string()
        .regex(/^\d{1,9}$/, "must be the id of a source")
        .transform(Number)
        .optional()
        .openapi({ type: "integer", description: "The source that saw them" }),
      extracted: z
        .enum(["true", "false"])
        .transform((text) => text === "true")
        .optional()
        .openapi({ type: "boolean", description: "Whether they follow from the document of one of their ends" }),
      ...wire.pageParameters(50),
      count: countParameter,
    }),
  },
  responses: {
    200: {
      description: "A page of relationships",
      content: wire.jsonContent(wire.listSchema(relationshipSchema, "RelationshipList")),
    },
    ...wire.errorResponses(400, 422),
  },
});

const getRoute = createRoute({
  method: "get",
  path: `${path}/{id}`,
  tags,
  summary: "Get a relationship",
  request: { params: idParameter, query: wire.query({}) },
  responses: {
    200: { description: "The relationship", content: wire.jsonContent(relationshipSchema) },
    ...wire.errorResponses(400, 404),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: `${path}/{id}`,
  tags,
  summary: "Remove a relationship",
  description: "Its history stays. An extracted one comes back when what the document says there moves.",
  request: { params: idParameter, query: wire.query({}) },
  responses: {
    200: {
      description: "The relationship is removed",
      content: wire.jsonContent(z.object({ message: z.string(), id: z.guid() }).openapi("RemovedRelationship")),
    },
    ...wire.errorResponses(400, 404),
  },
});

/** The routes of relationships. */
export function registerRelationships(app: OpenAPIHono<AppEnv>): void {
  app.openapi(ofItemRoute, async (c) => {
    const { uuid: ciId } = c.req.valid("param");
    const { direction, type: types, status, history, count, ...window } = c.req.valid("query");
    if (history) {
      if (status === "active" || status === "archived") {
        throw new HttpProblem(422, "status: the history tells of all relationships; leave it out with history=true");
      }
      const selection = { ciId, direction, types };
      const page = await listRelationshipChanges(c.get("ctx"), selection, window, count, relationshipChangeShape);
      return wire.listResponse(c, page, window);
    }
    const selection = { end: { ciId, direction }, otherStatus: status ?? "active", types };
    const page = await relationships.listItemRelationships(c.get("ctx"), selection, window, count, relatedShape);
    return wire.listResponse(c, page, window);
  });

  app.openapi(listRoute, async (c) => {
    const { type: types, source_ci_id, target_ci_id, source_id, extracted, count, ...window } = c.req.valid("query");
    const selection = { ...endsOf(source_ci_id, target_ci_id), types, sourceId: source_id, extracted };
    const page = await relationships.listRelationships(c.get("ctx"), selection, window, count, relationshipShape);
    return wire.listResponse(c, page, window);
  });

  app.openapi(getRoute, async (c) => {
    const { item } = await relationships.getRelationship(c.get("ctx"), c.req.valid("param").id, relationshipShape);
    return jsonText(c, item, 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { id } = await relationships.removeRelationship(c.get("ctx"), c.req.valid("param").id);
    return c.json({ message: "Relationship removed", id }, 200);
  });
}

function endsOf(source: string | undefined, target: string | undefined) {
  const otherStatus = "all" as const;
  if (source !== undefined) {
    return { end: { ciId: source, direction: "outgoing" as const }, otherEnd: target, otherStatus };
  }
  return target === undefined
    ? { otherStatus }
    : { end: { ciId: target, direction: "incoming" as const }, otherStatus };
}
