import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { findChanges } from "../../core/changes/search-service.ts";
import { type AppEnv, jsonText } from "../http.ts";
import { searchText, windowParameters } from "./change-feed.ts";
import { changeSchema, changeShape } from "./change-wire.ts";
import * as wire from "./dialect.ts";

const foundShape = { change: changeShape, rank: "rank", highlights: "highlights" };

const foundSchema = z
  .object({
    items: z.array(
      changeSchema
        .extend({
          rank: z.number().openapi({ description: "How well it matches; comparable within one answer" }),
          highlights: z
            .array(z.object({ field: z.string(), text: z.string().openapi({ example: "«nginx»-deployment" }) }))
            .openapi({ description: "Where the words are, between « and »; plain text, ten places at most" }),
        })
        .openapi("FoundChange"),
    ),
    total: z.number().int(),
    total_is_lower_bound: z
      .literal(true)
      .optional()
      .openapi({ description: "More than 10,000; the newest were ranked" }),
    offset: z.number().int(),
    limit: z.number().int(),
    search_time_ms: z.number(),
  })
  .openapi("ChangeSearch");

const searchRoute = createRoute({
  method: "get",
  path: "/changes/search",
  tags: ["Change History"],
  summary: "Search changes",
  description:
    "Changes that hold every word of the query in their item's name, namespace or type, in a changed field or in a value, old or new. The last word of each identifier may be a beginning; words joined by signs, as in 10.0.3.7, must stand together.",
  request: {
    query: wire.query({
      query: searchText(2, "Words, identifiers or beginnings of them"),
      ...wire.windowParameters(50, 500),
      ...windowParameters,
      filter: wire.filterParameter("ci_type:eq:kubernetes.deployment"),
    }),
  },
  responses: {
    200: { description: "The matches, best first", content: wire.jsonContent(foundSchema) },
    ...wire.errorResponses(400, 422),
  },
});

/** The full-text search of changes. */
export function registerChangeSearch(app: OpenAPIHono<AppEnv>): void {
  app.openapi(searchRoute, async (c) => {
    const { query, filter, start_date: from, end_date: to, offset, limit } = c.req.valid("query");
    const selection = { filters: filter.map(wire.readFilter), from, to };
    const found = await findChanges(c.get("ctx"), query, selection, { offset, limit }, foundShape);
    const bound = found.totalIsLowerBound ? ',"total_is_lower_bound":true' : "";
    return jsonText(
      c,
      `{"items":${found.items},"total":${found.total}${bound},"limit":${limit},"offset":${offset},"search_time_ms":${found.searchTime}}`,
      200,
    );
  });
}
