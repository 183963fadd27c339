import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ImpactNodeShape, ImpactShape } from "../../core/relationships/impact-repository.ts";
import { readImpact } from "../../core/relationships/impact-service.ts";
import { type AppEnv, jsonText } from "../http.ts";
import * as wire from "./dialect.ts";
import { endSchema, typesParameter } from "./relationship-wire.ts";

const root: ImpactNodeShape = {
  ci_id: "ciId",
  name: "name",
  namespace: "namespace",
  ci_type: "ciType",
  status: "status",
};
const edge: ImpactShape["edge"] = {
  id: "id",
  relationship_type: "relationshipType",
  source_ci_id: "sourceCiId",
  target_ci_id: "targetCiId",
};
const oneWay: ImpactShape = { root, node: { ...root, distance: "distance", path: "path" }, edge };
const bothWays: ImpactShape = {
  root,
  node: { ...root, distance: "distance", direction: "direction", path: "path" },
  edge,
};

const directions = ["upstream", "downstream", "both"] as const;

const impactSchema = z
  .object({
    root: endSchema,
    direction: z.enum(directions),
    depth: z.number().int(),
    nodes: z.array(
      z.object({
        ...endSchema.shape,
        distance: z.number().int().openapi({ description: "Steps from the root" }),
        direction: z
          .enum(["upstream", "downstream"])
          .optional()
          .openapi({ description: "Which walk found it; with direction=both only, where an item can come twice" }),
        path: z.array(z.guid()).openapi({ description: "A shortest way from the root to it, both included" }),
      }),
    ),
    edges: z
      .array(
        z.object({
          id: z.guid(),
          relationship_type: z.string(),
          source_ci_id: z.guid(),
          target_ci_id: z.guid(),
        }),
      )
      .openapi({ description: "The relationships among root and nodes" }),
    truncated: z.boolean().openapi({ description: "There is more than is told here" }),
    truncated_by: z
      .enum(["limit", "depth"])
      .optional()
      .openapi({ description: "limit: more items or relationships; depth: more only beyond the last step" }),
  })
  .openapi("Impact");

const impactRoute = createRoute({
  method: "get",
  path: "/configuration-items/{uuid}/impact",
  tags: ["Relationships"],
  summary: "Get what an item's failure hits, or what the item needs",
  description:
    "Walks the relationships from an item, the nearest first. In `A owned_by B`, `A member_of B` and `A hosts B` it is B that needs A, in all other types A needs B. Archived items end the walk.",
  request: {
    params: wire.uuidParameter,
    query: wire.query({
      direction: z
        .enum(directions)
        .default("downstream")
        .openapi({ description: "downstream: what is hit when this fails; upstream: what it needs" }),
      depth: wire.integerParameter({ from: 1, to: 10, default: 3, description: "Steps to go at most" }),
      types: typesParameter("Relationship types to walk; all by default"),
      limit: wire.integerParameter({ from: 1, to: 5000, default: 500, description: "Items to find per direction" }),
    }),
  },
  responses: {
    200: { description: "What can be reached", content: wire.jsonContent(impactSchema) },
    ...wire.errorResponses(400, 404, 422),
  },
});

/** The route of the impact analysis. */
export function registerImpact(app: OpenAPIHono<AppEnv>): void {
  app.openapi(impactRoute, async (c) => {
    const query = c.req.valid("query");
    const { direction, depth } = query;
    const shape = direction === "both" ? bothWays : oneWay;
    const impact = await readImpact(c.get("ctx"), c.req.valid("param").uuid, query, shape);
    const head = JSON.stringify({ direction, depth }).slice(1, -1);
    const { truncatedBy } = impact;
    const tail = JSON.stringify({ truncated: truncatedBy !== undefined, truncated_by: truncatedBy }).slice(1);
    return jsonText(c, `{"root":${impact.root},${head},"nodes":${impact.nodes},"edges":${impact.edges},${tail}`, 200);
  });
}
