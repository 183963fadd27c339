import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type BulkElement, type BulkResult, maxBulkItems, reportItems } from "../../core/configuration-items/bulk.ts";
import { JsonSyntaxError, mayHoldBadCharacters, parseJson, storageProblem } from "../../lib/json.ts";
import { type AppContext, type AppEnv, HttpProblem } from "../http.ts";
import { readText } from "../middleware/body.ts";
import * as wire from "./dialect.ts";
import { sightingSchema } from "./item-wire.ts";
import { originParameters, readOrigin } from "./report-origin.ts";

const outcomes = ["created", "updated", "unchanged", "reactivated", "error"] as const;

const resultSchema = z
  .object({
    results: z.array(
      z.object({
        index: z.number().int().openapi({ description: "Place in the request, from 0" }),
        outcome: z.enum(outcomes),
        ci_id: z.guid().nullable(),
        error: z.object({ detail: z.string() }).nullable(),
      }),
    ),
    counts: z.object(Object.fromEntries(outcomes.map((outcome) => [outcome, z.number().int()]))),
    source_id: z.number().int().nullable().openapi({ description: "The source that reported; null without one" }),
  })
  .openapi("BulkResult");

const bulkRoute = createRoute({
  method: "post",
  path: "/configuration-items/bulk",
  tags: ["Configuration Items"],
  summary: "Report up to 5,000 configuration items",
  description:
    "A JSON array or NDJSON. Valid items land even when others are bad, unless atomic=true. With sync_id, an item outside the scope of the sync is bad.",
  request: {
    query: wire.query({ ...originParameters, atomic: wire.booleanParameter("One bad item means that nothing lands") }),
    body: {
      required: true,
      content: {
        // No zod schema: the handler checks the elements one by one, so that a bad one costs only itself.
        "application/json": {
          schema: { type: "array", maxItems: maxBulkItems, items: { $ref: "#/components/schemas/Sighting" } },
        },
        "application/x-ndjson": { schema: { type: "string", description: "One Sighting a line" } },
      },
    },
  },
  responses: {
    200: { description: "What became of each item", content: { "application/json": { schema: resultSchema } } },
    ...wire.errorResponses(400, 404, 409, 413, 415),
    422: {
      description: "ValidationError; with atomic=true and a bad item, what is wrong with which",
      content: { "application/json": { schema: z.union([wire.errorSchema, resultSchema]) } },
    },
  },
});

/** Whether a path takes bodies whose elements are checked one by one. */
export function isBulkPath(path: string): boolean {
  return path.endsWith("/configuration-items/bulk");
}

/** The bulk route. */
export function registerBulk(app: OpenAPIHono<AppEnv>): void {
  app.openapi(bulkRoute, async (c) => {
    const query = c.req.valid("query");
    const origin = readOrigin(query);
    const report = await reportItems(c.get("ctx"), await readElements(c), origin, query.atomic);
    const { landed, results, sourceId } = report;
    const counts = Object.fromEntries(
      outcomes.map((outcome) => [outcome, results.filter((result) => result.outcome === outcome).length]),
    );
    return c.json({ results: results.map(toWire), counts, source_id: sourceId }, landed ? 200 : 422);
  });
}

function toWire(result: BulkResult) {
  const error = result.error === null ? null : { detail: result.error };
  return { index: result.index, outcome: result.outcome, ci_id: result.ciId, error };
}

async function readElements(c: AppContext): Promise<BulkElement[]> {
  const type = c.req.header("Content-Type") ?? "";
  if (/^application\/x-ndjson\s*(?:;|$)/i.test(type)) {
    const lines = (await readText(c.req.raw)).split("\n").filter((line) => line.trim() !== "");
    if (lines.length > maxBulkItems) {
      throw new HttpProblem(422, `a bulk holds at most ${maxBulkItems} items, this one has ${lines.length}`);
    }
    return lines.map(readLine);
  }
  if (!/^application\/([\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new HttpProblem(415, "A bulk is application/json or application/x-ndjson");
  }
  const body: unknown = await c.req.json();
  if (!Array.isArray(body)) {
    throw new HttpProblem(422, "the body is not an array of items");
  }
  return body.map((element) => toElement(element, true));
}

function readLine(line: string): BulkElement {
  try {
    return toElement(parseJson(line), mayHoldBadCharacters(line));
  } catch (error) {
    if (error instanceof JsonSyntaxError) {
      return { problem: `the line is not JSON: ${error.message}` };
    }
    throw error;
  }
}

function toElement(value: unknown, strings: boolean): BulkElement {
  const problem = storageProblem(value, strings);
  if (problem !== undefined) {
    return { problem: `the item cannot be stored: ${problem}` };
  }
  const result = sightingSchema.safeParse(value);
  if (result.success) {
    return { content: result.data };
  }
  const [issue] = result.error.issues;
  return { problem: `${issue?.path.length ? `${issue.path.join(".")}: ` : ""}${issue?.message ?? "invalid"}` };
}
