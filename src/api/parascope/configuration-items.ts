import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { PathSyntaxError, parsePath } from "../../lib/json-path.ts";
import { itemStatuses } from "../../core/configuration-items/fields.ts";
import type { DocumentPart } from "../../core/configuration-items/shape.ts";
import * as items from "../../core/configuration-items/service.ts";
import { getItemAt } from "../../core/changes/time-travel-service.ts";
import { type AppEnv, HttpProblem, jsonText } from "../http.ts";
import * as wire from "./dialect.ts";
import {
  archivedShape,
  itemSchema,
  itemShape,
  patchSchema,
  replacementSchema,
  sightingSchema,
  typedItemSchema,
  typedItemShape,
} from "./item-wire.ts";
import { originParameters, readOrigin } from "./report-origin.ts";
import { itemAtTimeSchema } from "./time-travel.ts";

const path = "/configuration-items";
const tags = ["Configuration Items"];
const item = { description: "The item as it is afterwards", content: wire.jsonContent(itemSchema) };

const listRoute = createRoute({
  method: "get",
  path,
  tags,
  summary: "List configuration items",
  request: {
    query: wire.query({
      status: z
        .enum([...itemStatuses, "all"])
        .default("active")
        .openapi({ description: "A filter on status lifts this default" }),
      ...wire.pageParameters(50),
      sort_by: z.string().default("created_at"),
      sort_order: z.enum(["asc", "desc"]).default("desc"),
      filter: wire.filterParameter("namespace:eq:default"),
      include_type_data: wire.booleanParameter("Add the data of the type; needs a filter ci_type:eq or ci_type:in"),
      include_attributes: wire.listParameter("Paths of raw_data to show, comma-separated", "spec.nodeName"),
      include_raw_data: wire.booleanParameter("Show the whole document"),
      count: z.enum(["exact", "estimate", "none"]).default("exact"),
    }),
  },
  responses: {
    200: {
      description: "A page of items; with include_type_data the second form",
      content: wire.jsonContent(
        z.union([
          wire.listSchema(itemSchema, "ConfigurationItemList"),
          z
            .object({
              items: z.array(typedItemSchema),
              total: z.number().int().nullable(),
              has_more: z.boolean(),
              next_cursor: z.string().nullable(),
              total_is_lower_bound: z.literal(true).optional(),
            })
            .openapi("TypedConfigurationItemList"),
        ]),
      ),
    },
    ...wire.errorResponses(400, 422),
  },
});

const getRoute = createRoute({
  method: "get",
  path: `${path}/{uuid}`,
  tags,
  summary: "Get a configuration item",
  request: {
    params: wire.uuidParameter,
    query: wire.query({
      at: wire.instantParameter("Show the item as it was then; UTC without a zone"),
    }),
  },
  responses: {
    200: {
      description: "The item, whatever its status; with at as it was then",
      content: wire.jsonContent(z.union([itemSchema, itemAtTimeSchema])),
    },
    ...wire.errorResponses(400, 404, 422),
  },
});

const createRouteOfItem = createRoute({
  method: "post",
  path,
  tags,
  summary: "Create a configuration item, or report it again",
  request: { query: wire.query(originParameters), body: { required: true, content: wire.jsonContent(sightingSchema) } },
  responses: {
    200: { ...item, description: "The item was known: updated, or touched, and active again" },
    201: { ...item, headers: z.object({ Location: z.string() }) },
    ...wire.errorResponses(400, 404, 409, 413, 415, 422),
  },
});

const replaceRoute = createRoute({
  method: "put",
  path: `${path}/{uuid}`,
  tags,
  summary: "Replace a configuration item",
  request: {
    params: wire.uuidParameter,
    query: wire.query({}),
    body: { required: true, content: wire.jsonContent(replacementSchema) },
  },
  responses: { 200: item, ...wire.errorResponses(400, 404, 409, 413, 415, 422) },
});

const patchRoute = createRoute({
  method: "patch",
  path: `${path}/{uuid}`,
  tags,
  summary: "Merge a patch into a configuration item",
  request: {
    params: wire.uuidParameter,
    query: wire.query({}),
    body: {
      required: true,
      content: { ...wire.jsonContent(patchSchema), "application/merge-patch+json": { schema: patchSchema } },
    },
  },
  responses: { 200: item, ...wire.errorResponses(400, 404, 409, 413, 415, 422) },
});

const deleteRoute = createRoute({
  method: "delete",
  path: `${path}/{uuid}`,
  tags,
  summary: "Archive a configuration item (soft delete)",
  request: { params: wire.uuidParameter, query: wire.query({}) },
  responses: {
    200: {
      description: "The item is archived, and removed for good after its retention",
      content: wire.jsonContent(
        z
          .object({
            message: z.string(),
            ci_id: z.guid(),
            status: z.literal("archived"),
            status_updated_at: z.iso.datetime(),
          })
          .openapi("ArchivedConfigurationItem"),
      ),
    },
    ...wire.errorResponses(400, 404),
  },
});

/** The routes of configuration items. */
export function registerConfigurationItems(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const page = await items.listItems(c.get("ctx"), {
      status: query.status,
      filters: query.filter.map(wire.readFilter),
      sort: query.sort_by,
      order: query.sort_order,
      page: query,
      count: query.count,
      document: documentPart(query.include_raw_data, query.include_attributes),
      withTypeData: query.include_type_data,
      shapes: { plain: itemShape, withTypeData: typedItemShape },
    });
    if (!page.hasTypeData) {
      return wire.listResponse(c, page, query);
    }
    const cursor = JSON.stringify(page.nextCursor);
    return jsonText(
      c,
      `{"items":${page.items},"total":${page.total},"has_more":${page.hasMore},"next_cursor":${cursor}${wire.lowerBound(page)}}`,
      200,
    );
  });

  app.openapi(getRoute, async (c) => {
    const { uuid } = c.req.valid("param");
    const { at } = c.req.valid("query");
    if (at !== undefined) {
      const { item: past } = await getItemAt(c.get("ctx"), uuid, at, itemShape);
      return jsonText(c, `{"at":"${at}",${past.slice(past.indexOf("{") + 1)}`, 200);
    }
    const { item: text } = await items.getItem(c.get("ctx"), uuid, itemShape);
    return jsonText(c, text, 200);
  });

  app.openapi(createRouteOfItem, async (c) => {
    const origin = readOrigin(c.req.valid("query"));
    const written = await items.reportItem(c.get("ctx"), c.req.valid("json"), origin, itemShape);
    c.header("Location", `/api/v1${path}/${written.ciId}`);
    return written.outcome === "created" ? jsonText(c, written.item, 201) : jsonText(c, written.item, 200);
  });

  app.openapi(replaceRoute, async (c) => {
    const { name, namespace = null, ci_type, raw_data = {} } = c.req.valid("json");
    const content = { name, namespace, ci_type, raw_data };
    const written = await items.replaceItem(c.get("ctx"), c.req.valid("param").uuid, content, itemShape);
    return jsonText(c, written.item, 200);
  });

  app.openapi(patchRoute, async (c) => {
    const written = await items.patchItem(c.get("ctx"), c.req.valid("param").uuid, c.req.valid("json"), itemShape);
    return jsonText(c, written.item, 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const written = await items.archiveItem(c.get("ctx"), c.req.valid("param").uuid, archivedShape);
    return jsonText(
      c,
      `{"message":"Configuration item marked as archived",${written.item.slice(written.item.indexOf("{") + 1)}`,
      200,
    );
  });
}

function documentPart(whole: boolean, attributes: readonly string[]): DocumentPart {
  if (whole) {
    return "all";
  }
  const paths = attributes.flatMap((text) => text.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)).filter((text) => text !== "");
  try {
    return paths.length === 0 ? "none" : paths.map((text) => parsePath(text.replace(/^raw_data\./, "")));
  } catch (error) {
    throw error instanceof PathSyntaxError ? new HttpProblem(400, `include_attributes: ${error.message}`) : error;
  }
}
