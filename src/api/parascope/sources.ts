import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { checkSource, reportSource } from "../../core/sources/health-service.ts";
import * as sources from "../../core/sources/service.ts";
import { type AppEnv, jsonText } from "../http.ts";
import * as wire from "./dialect.ts";
import { statusSchema } from "./settings-wire.ts";
import {
  checkToWire,
  newSourceSchema,
  sourceCheckSchema,
  sourceDetailSchema,
  sourceDetailShape,
  sourcePatchSchema,
  sourceReportSchema,
  sourceSchema,
  sourceShape,
} from "./source-wire.ts";

const path = "/sources";
const tags = ["Sources"];
const params = wire.idParameter("source");
const ofCollector = z.object({
  collector_id: wire.idText("The collector's id").openapi({ param: { name: "collector_id", in: "path" } }),
});
const detail = { description: "The source as it is afterwards", content: wire.jsonContent(sourceDetailSchema) };

const listRoute = createRoute({
  method: "get",
  path,
  tags,
  summary: "List all sources",
  request: {
    query: wire.query({
      collector_id: wire.idText("Sources of this collector").optional(),
      enabled: z
        .enum(["true", "false"])
        .transform((text) => text === "true")
        .optional()
        .openapi({ type: "boolean", description: "Sources whose status is enabled, or is not" }),
      status: statusSchema.optional(),
      ...wire.pageParameters(50),
    }),
  },
  responses: {
    200: {
      description: "A page of sources, the oldest first",
      content: wire.jsonContent(wire.listSchema(sourceSchema, "SourceList")),
    },
    ...wire.errorResponses(400, 422),
  },
});

const listOfCollectorRoute = createRoute({
  method: "get",
  path: "/collectors/{collector_id}/sources",
  tags,
  summary: "List the sources of a collector",
  request: { params: ofCollector, query: wire.query({}) },
  responses: {
    200: { description: "All of them, the oldest first", content: wire.jsonContent(z.array(sourceSchema)) },
    ...wire.errorResponses(400, 404),
  },
});

const createRouteOfSource = createRoute({
  method: "post",
  path: "/collectors/{collector_id}/sources",
  tags,
  summary: "Add a source to a collector",
  request: {
    params: ofCollector,
    query: wire.query({}),
    body: { required: true, content: wire.jsonContent(newSourceSchema) },
  },
  responses: {
    201: {
      description: "The source; its credentials are never shown",
      content: wire.jsonContent(sourceDetailSchema),
      headers: z.object({ Location: z.string() }),
    },
    ...wire.errorResponses(400, 404, 409, 413, 415, 422),
  },
});

const getRoute = createRoute({
  method: "get",
  path: `${path}/{id}`,
  tags,
  summary: "Get a source",
  request: { params, query: wire.query({}) },
  responses: { 200: { ...detail, description: "The source" }, ...wire.errorResponses(400, 404) },
});

const updateRoute = createRoute({
  method: "put",
  path: `${path}/{id}`,
  tags,
  summary: "Update a source; what is left out keeps its value",
  description:
    "Stored credentials belong to the hosts of both endpoints, the source's and its collector's: an endpoint on another host needs them sent again.",
  request: { params, query: wire.query({}), body: { required: true, content: wire.jsonContent(sourcePatchSchema) } },
  responses: { 200: detail, ...wire.errorResponses(400, 404, 409, 413, 415, 422) },
});

const deleteRoute = createRoute({
  method: "delete",
  path: `${path}/{id}`,
  tags,
  summary: "Delete a source; what it reported stays as history",
  request: { params, query: wire.query({}) },
  responses: {
    200: {
      description: "It is collected no more, and its credentials are gone",
      content: wire.jsonContent(wire.messageSchema),
    },
    ...wire.errorResponses(400, 404),
  },
});

const checkRoute = createRoute({
  method: "post",
  path: `${path}/{id}/health`,
  tags,
  summary: "Ask the source's collector how the source is",
  request: { params, query: wire.query({}) },
  responses: {
    200: { description: "What it said, or why it did not", content: wire.jsonContent(sourceCheckSchema) },
    ...wire.errorResponses(400, 404),
  },
});

const reportRoute = createRoute({
  method: "put",
  path: `${path}/{id}/health`,
  tags,
  summary: "Report the health of a source, as its collector does after each collection",
  request: { params, query: wire.query({}), body: { required: true, content: wire.jsonContent(sourceReportSchema) } },
  responses: {
    200: {
      description: "Taken in; a report older than the last one changes nothing",
      content: wire.jsonContent(z.object({ status: z.literal("ok"), message: z.string() }).openapi("Acknowledgement")),
    },
    ...wire.errorResponses(400, 404, 413, 415, 422),
  },
});

/** The routes of sources. */
export function registerSources(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const selection = { collectorId: query.collector_id, status: query.status, enabled: query.enabled };
    const page = await sources.listSources(c.get("ctx"), selection, query, sourceShape);
    return wire.listResponse(c, page, query);
  });

  app.openapi(listOfCollectorRoute, async (c) =>
    jsonText(c, await sources.listSourcesOf(c.get("ctx"), c.req.valid("param").collector_id, sourceShape), 200),
  );

  app.openapi(createRouteOfSource, async (c) => {
    const { collector_id } = c.req.valid("param");
    const made = await sources.createSource(c.get("ctx"), collector_id, c.req.valid("json"), sourceDetailShape);
    c.header("Location", `/api/v1${path}/${made.id}`);
    return jsonText(c, made.source, 201);
  });

  app.openapi(getRoute, async (c) =>
    jsonText(c, await sources.getSource(c.get("ctx"), c.req.valid("param").id, sourceDetailShape), 200),
  );

  app.openapi(updateRoute, async (c) => {
    const { id } = c.req.valid("param");
    return jsonText(c, await sources.updateSource(c.get("ctx"), id, c.req.valid("json"), sourceDetailShape), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    await sources.deleteSource(c.get("ctx"), c.req.valid("param").id);
    return c.json({ message: "Source deleted successfully" }, 200);
  });

  app.openapi(checkRoute, async (c) =>
    c.json(checkToWire(await checkSource(c.get("ctx"), c.req.valid("param").id)), 200),
  );

  app.openapi(reportRoute, async (c) => {
    await reportSource(c.get("ctx"), c.req.valid("param").id, c.req.valid("json"));
    return c.json({ status: "ok" as const, message: "Health status updated" }, 200);
  });
}
