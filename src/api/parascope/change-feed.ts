import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { listChanges } from "../../core/changes/feed-service.ts";
import { textProblem } from "../../lib/json.ts";
import type { AppEnv } from "../http.ts";
import { csvShape, exportResponse, negotiateFormat } from "./change-export.ts";
import { changeSchema, changeShape } from "./change-wire.ts";
import * as wire from "./dialect.ts";

/** The window on time that every list of changes knows. */
export const windowParameters = {
  start_date: wire.instantParameter("Changes from this instant on; UTC without a zone"),
  end_date: wire.instantParameter("Changes before this instant; UTC without a zone"),
};

/** A text to search for, trimmed. */
export function searchText(minimum: number, description: string) {
  return z
    .string()
    .trim()
    .min(minimum)
    .max(200)
    .refine((text) => textProblem(text) === undefined, "holds a character that nothing stored can hold")
    .openapi({ type: "string", minLength: minimum, maxLength: 200, description });
}

const feedRoute = createRoute({
  method: "get",
  path: "/changes",
  tags: ["Change History"],
  summary: "Get the global change history",
  description:
    "Changes of all items. Accept: text/csv or application/x-ndjson answers all changes of the query as a stream, as they stood at its start; limit and offset count only when they are given.",
  request: {
    query: wire.query({
      ...wire.pageParameters(100),
      ...windowParameters,
      sort_by: z.string().default("changed_at").openapi({
        description: "changed_at, change_type, ci_type, ci_name or ci_id; among equals by time, for ci_id by version",
      }),
      sort_order: z.enum(["asc", "desc"]).default("desc"),
      search: searchText(1, "A part of an item's name, or words in names and changed fields").optional(),
      filter: wire.filterParameter("change_type:eq:CREATED"),
      count: z.enum(["exact", "estimate", "none"]).default("exact"),
    }),
  },
  responses: {
    200: {
      description: "A page of changes, or a stream of all of them",
      content: {
        ...wire.jsonContent(wire.listSchema(changeSchema, "ChangeList")),
        "text/csv": {
          schema: z.string().openapi({
            description: `RFC 4180, UTF-8, with the columns ${Object.keys(csvShape).join(", ")}. A cell that a spreadsheet could take for a formula has a leading apostrophe.`,
          }),
        },
        "application/x-ndjson": { schema: z.string().openapi({ description: "A change a line, values whole" }) },
      },
    },
    ...wire.errorResponses(400, 406, 422),
  },
});

/** The global list of changes. */
export function registerChangeFeed(app: OpenAPIHono<AppEnv>): void {
  app.openapi(feedRoute, async (c) => {
    const query = c.req.valid("query");
    const { filter, search, start_date: from, end_date: to, sort_by: sort, sort_order: order } = query;
    const selection = { filters: filter.map(wire.readFilter), from, to, search };
    c.header("Vary", "Accept");
    const format = negotiateFormat(c);
    if (format !== "json") {
      return exportResponse(c, format, { selection, sort, order }, query);
    }
    const page = await listChanges(c.get("ctx"), { selection, sort, order, page: query }, query.count, changeShape);
    return wire.listResponse(c, page, query);
  });
}
