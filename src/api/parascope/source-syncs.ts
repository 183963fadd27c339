import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { itemNamespace, itemType } from "../../core/configuration-items/fields.ts";
import * as syncs from "../../core/sources/sync-service.ts";
import { type AppEnv, jsonText } from "../http.ts";
import { requireJsonOrNothing } from "../middleware/body.ts";
import * as wire from "./dialect.ts";

const path = "/sources/{id}/syncs";
const tags = ["Sources"];
const defaultIdleSeconds = 3600;
const longestIdleSeconds = 86_400;
const defaultMaxDropPercent = 20;

const sourceParameter = wire.idParameter("source");
const syncParameters = sourceParameter.extend({
  sync_id: z.guid("must be a UUID").openapi({ param: { name: "sync_id", in: "path" } }),
});

const countsSchema = z
  .object({
    seen: z.number().int().openapi({ description: "Live records of the source in the scope that the sync saw" }),
    unseen: z.number().int().openapi({ description: "The others" }),
    deactivated: z.number().int().openapi({ description: "Items that no source sees any more, and go inactive" }),
    kept_by_other_sources: z.number().int().openapi({ description: "Unseen items that another record keeps active" }),
  })
  .openapi("SyncCounts");

const syncSchema = z
  .object({
    id: z.guid(),
    source_id: z.number().int(),
    status: z.enum(["open", "committed", "cancelled", "expired"]),
    types: z.array(z.string()).nullable().openapi({ description: "null for all" }),
    namespaces: z
      .array(z.string().nullable())
      .nullable()
      .openapi({ description: "null for all; a null in it for items without a namespace" }),
    opened_at: z.iso.datetime(),
    expires_at: z.iso
      .datetime()
      .openapi({ description: "Put off by each bulk, to 24 hours after the opening at most" }),
    committed_at: z.iso.datetime().nullable(),
    counts: countsSchema.nullable().openapi({ description: "What the commit did" }),
  })
  .openapi("Sync");

const openingSchema = z
  .strictObject({
    types: z
      .array(itemType().openapi({ type: "string" }))
      .min(1)
      .max(100)
      .nullable()
      .optional(),
    namespaces: z
      .array(itemNamespace().openapi({ type: ["string", "null"] }))
      .min(1)
      .max(100)
      .nullable()
      .optional(),
    expires_in_seconds: z
      .number()
      .int()
      .min(1)
      .max(longestIdleSeconds)
      .optional()
      .openapi({ default: defaultIdleSeconds, description: "How long it stays open after its last bulk" }),
  })
  .openapi("SyncOpening");

const commitSchema = z
  .strictObject({
    max_drop_percent: z.number().min(0).max(100).optional().openapi({ default: defaultMaxDropPercent }),
    force: z.boolean().optional().openapi({ default: false, description: "Commit whatever the share" }),
    dry_run: z.boolean().optional().openapi({ default: false, description: "Only say what a commit would do" }),
  })
  .openapi("SyncCommit");

const committedSchema = z
  .object({
    id: z.guid(),
    source_id: z.number().int(),
    status: z.literal("committed"),
    dry_run: z.literal(false),
    committed_at: z.iso.datetime(),
    forced: z.boolean().openapi({ description: "The fuse would have held it" }),
    counts: countsSchema,
  })
  .openapi("CommittedSync");

const differenceSchema = z
  .object({
    id: z.guid(),
    source_id: z.number().int(),
    status: z.literal("open"),
    dry_run: z.literal(true),
    would_trip_fuse: z.boolean(),
    counts: countsSchema,
    items: z
      .array(z.object({ ci_id: z.guid(), ci_type: z.string(), namespace: z.string().nullable(), name: z.string() }))
      .openapi({ description: "Items that would go inactive, the first 1,000 that Muster got to know" }),
    truncated: z.boolean().openapi({ description: "There are more of them" }),
  })
  .openapi("SyncDifference");

const sync = { description: "The sync", content: wire.jsonContent(syncSchema) };

const openRoute = createRoute({
  method: "post",
  path,
  tags,
  summary: "Open a sync: a full collection of a source, or of some of its types and namespaces",
  request: {
    params: sourceParameter,
    query: wire.query({}),
    body: { required: false, content: wire.jsonContent(openingSchema) },
  },
  responses: {
    201: { ...sync, headers: z.object({ Location: z.string() }) },
    ...wire.errorResponses(400, 404, 413, 415, 422),
  },
});

const listRoute = createRoute({
  method: "get",
  path,
  tags,
  summary: "List the syncs of a source, newest first",
  request: { params: sourceParameter, query: wire.query(wire.pageParameters(50)) },
  responses: {
    200: { description: "A page of syncs", content: wire.jsonContent(wire.listSchema(syncSchema, "SyncList")) },
    ...wire.errorResponses(400, 404, 422),
  },
});

const getRoute = createRoute({
  method: "get",
  path: `${path}/{sync_id}`,
  tags,
  summary: "Get a sync",
  request: { params: syncParameters, query: wire.query({}) },
  responses: { 200: sync, ...wire.errorResponses(400, 404) },
});

const cancelRoute = createRoute({
  method: "delete",
  path: `${path}/{sync_id}`,
  tags,
  summary: "Give a sync up",
  description: "It takes no more bulks and turns nothing. Again is no error; a committed one is 409.",
  request: { params: syncParameters, query: wire.query({}) },
  responses: { 200: sync, ...wire.errorResponses(400, 404, 409) },
});

const commitRoute = createRoute({
  method: "post",
  path: `${path}/{sync_id}/commit`,
  tags,
  summary: "Commit a sync: what it did not see is gone",
  description:
    "Records of the source in scope that the sync did not see age, and items that no source sees any more go inactive at once. The fuse: when more than max_drop_percent of the records, and at least 10, are unseen, nothing is turned and the answer is 409 with counts, unless force is true. Committing again answers the same again.",
  request: {
    params: syncParameters,
    query: wire.query({}),
    body: { required: false, content: wire.jsonContent(commitSchema) },
  },
  responses: {
    200: {
      description: "What it did, or with dry_run would do",
      content: wire.jsonContent(z.union([committedSchema, differenceSchema])),
    },
    ...wire.errorResponses(400, 404, 413, 415, 422),
    409: {
      description: "ConflictError: the sync has expired or was given up, or, with counts, the fuse holds it",
      content: wire.jsonContent(wire.errorSchema.extend({ counts: countsSchema.optional() })),
    },
  },
});

/** The routes of syncs. */
export function registerSourceSyncs(app: OpenAPIHono<AppEnv>): void {
  app.openapi(openRoute, async (c) => {
    await requireJsonOrNothing(c.req.raw);
    const { id } = c.req.valid("param");
    const { types = null, namespaces = null, expires_in_seconds = defaultIdleSeconds } = c.req.valid("json");
    const opened = await syncs.openSync(c.get("ctx"), id, { types, namespaces }, expires_in_seconds);
    c.header("Location", `/api/v1/sources/${id}/syncs/${opened.id}`);
    return jsonText(c, opened.sync, 201);
  });

  app.openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    return wire.listResponse(c, await syncs.listSyncs(c.get("ctx"), c.req.valid("param").id, query), query);
  });

  app.openapi(getRoute, async (c) => {
    const { id, sync_id } = c.req.valid("param");
    return jsonText(c, await syncs.getSync(c.get("ctx"), id, sync_id), 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const { id, sync_id } = c.req.valid("param");
    return jsonText(c, await syncs.cancelSync(c.get("ctx"), id, sync_id), 200);
  });

  app.openapi(commitRoute, async (c) => {
    await requireJsonOrNothing(c.req.raw);
    const { id, sync_id } = c.req.valid("param");
    const { max_drop_percent = defaultMaxDropPercent, force = false, dry_run = false } = c.req.valid("json");
    const options = { maxDropPercent: max_drop_percent, force, dryRun: dry_run };
    const ending = await syncs.commitSync(c.get("ctx"), id, sync_id, options);
    const of = { id: sync_id, source_id: id };
    if (ending.verdict === "committed") {
      const { committed_at, forced, counts } = ending;
      return c.json(
        { ...of, status: "committed" as const, dry_run: false as const, committed_at, forced, counts },
        200,
      );
    }
    const { would_trip_fuse, counts, items } = ending;
    const truncated = items.length < counts.deactivated;
    const difference = {
      status: "open" as const,
      dry_run: true as const,
      would_trip_fuse,
      counts,
      items: [...items],
      truncated,
    };
    return c.json({ ...of, ...difference }, 200);
  });
}
