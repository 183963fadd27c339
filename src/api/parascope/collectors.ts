import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { checkAllCollectors, checkCollector } from "../../core/collectors/health-service.ts";
import * as collectors from "../../core/collectors/service.ts";
import { triggerCollector } from "../../core/collectors/trigger-service.ts";
import { type AppEnv, HttpProblem, jsonText } from "../http.ts";
import * as wire from "./dialect.ts";
import {
  allHealthSchema,
  collectionSchema,
  collectionToWire,
  collectorPatchSchema,
  collectorSchema,
  collectorShape,
  healthSchema,
  healthToWire,
  namesTwoTypes,
  newCollectorSchema,
  summaryToWire,
  triggerSchema,
  typeOf,
} from "./collector-wire.ts";
import { statusSchema } from "./settings-wire.ts";

const path = "/collectors";
const tags = ["Collectors"];
const params = wire.idParameter("collector");
const collector = { description: "The collector as it is afterwards", content: wire.jsonContent(collectorSchema) };

const listRoute = createRoute({
  method: "get",
  path,
  tags,
  summary: "List collectors",
  request: {
    query: wire.query({
      name: z.string().optional().openapi({ description: "Exactly this name" }),
      collector_type: z.string().optional().openapi({ description: "Exactly this type" }),
      type: z.string().optional().openapi({ description: "The same as collector_type" }),
      status: statusSchema.optional(),
      ...wire.pageParameters(50),
    }),
  },
  responses: {
    200: {
      description: "A page of collectors, the oldest first",
      content: wire.jsonContent(wire.listSchema(collectorSchema, "CollectorList")),
    },
    ...wire.errorResponses(400, 422),
  },
});

const createRouteOfCollector = createRoute({
  method: "post",
  path,
  tags,
  summary: "Register a collector",
  request: { query: wire.query({}), body: { required: true, content: wire.jsonContent(newCollectorSchema) } },
  responses: {
    201: { ...collector, headers: z.object({ Location: z.string() }) },
    ...wire.errorResponses(400, 409, 413, 415, 422),
  },
});

const allHealthRoute = createRoute({
  method: "get",
  path: `${path}/health/all`,
  tags: ["Batch Operations"],
  summary: "Check the health of all collectors",
  description: "Answers within about 10 seconds, whatever collectors do; those that did not answer are `unknown` then.",
  request: { query: wire.query({}) },
  responses: {
    200: { description: "How each collector is", content: wire.jsonContent(allHealthSchema) },
    ...wire.errorResponses(400),
  },
});

const getRoute = createRoute({
  method: "get",
  path: `${path}/{id}`,
  tags,
  summary: "Get a collector",
  request: { params, query: wire.query({}) },
  responses: {
    200: { description: "The collector", content: wire.jsonContent(collectorSchema) },
    ...wire.errorResponses(400, 404),
  },
});

const updateRoute = createRoute({
  method: "put",
  path: `${path}/{id}`,
  tags,
  summary: "Update a collector; what is left out keeps its value",
  request: {
    params,
    query: wire.query({}),
    body: { required: true, content: wire.jsonContent(collectorPatchSchema) },
  },
  responses: { 200: collector, ...wire.errorResponses(400, 404, 409, 413, 415, 422) },
});

const deleteRoute = createRoute({
  method: "delete",
  path: `${path}/{id}`,
  tags,
  summary: "Delete a collector that has no sources",
  request: { params, query: wire.query({}) },
  responses: {
    200: {
      description: "It is gone",
      content: wire.jsonContent(wire.messageSchema),
    },
    ...wire.errorResponses(400, 404, 409),
  },
});

const triggerRoute = createRoute({
  method: "post",
  path: `${path}/{id}/trigger`,
  tags,
  summary: "Trigger a collection",
  request: { params, query: wire.query({}), body: { required: false, content: wire.jsonContent(triggerSchema) } },
  responses: {
    202: { description: "The collector accepted", content: wire.jsonContent(collectionSchema) },
    ...wire.errorResponses(400, 404, 409, 413, 415, 422, 502, 504),
  },
});

const healthRoute = createRoute({
  method: "get",
  path: `${path}/{id}/health`,
  tags,
  summary: "Check the health of a collector",
  request: { params, query: wire.query({}) },
  responses: {
    200: {
      description: "How it is; unhealthy where it cannot be reached",
      content: wire.jsonContent(healthSchema),
    },
    ...wire.errorResponses(400, 404),
  },
});

/** The routes of collectors. */
export function registerCollectors(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    if (namesTwoTypes(query)) {
      throw new HttpProblem(400, "type and collector_type are the same filter, and name two types; send one");
    }
    const selection = { name: query.name, type: typeOf(query), status: query.status };
    const page = await collectors.listCollectors(c.get("ctx"), selection, query, collectorShape);
    return wire.listResponse(c, page, query);
  });

  app.openapi(createRouteOfCollector, async (c) => {
    const { collector_type, type = collector_type ?? "", ...content } = c.req.valid("json");
    const made = await collectors.createCollector(c.get("ctx"), { ...content, type }, collectorShape);
    c.header("Location", `/api/v1${path}/${made.id}`);
    return jsonText(c, made.collector, 201);
  });

  app.openapi(allHealthRoute, async (c) => {
    const summaries = await checkAllCollectors(c.get("ctx"));
    return c.json({ timestamp: c.get("ctx").now.toISOString(), collectors: summaries.map(summaryToWire) }, 200);
  });

  app.openapi(getRoute, async (c) =>
    jsonText(c, await collectors.getCollector(c.get("ctx"), c.req.valid("param").id, collectorShape), 200),
  );

  app.openapi(updateRoute, async (c) => {
    const { collector_type, type = collector_type, ...patch } = c.req.valid("json");
    const { id } = c.req.valid("param");
    return jsonText(c, await collectors.updateCollector(c.get("ctx"), id, { ...patch, type }, collectorShape), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    await collectors.deleteCollector(c.get("ctx"), c.req.valid("param").id);
    return c.json({ message: "Collector deleted successfully" }, 200);
  });

  app.openapi(triggerRoute, async (c) => {
    const { id } = c.req.valid("param");
    const collection = await triggerCollector(c.get("ctx"), id, c.req.valid("json").source_ids);
    return c.json(collectionToWire(id, collection), 202);
  });

  app.openapi(healthRoute, async (c) => {
    const health = await checkCollector(c.get("ctx"), c.req.valid("param").id);
    return jsonText(c, JSON.stringify(healthToWire(health)), 200);
  });
}
