import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { maxStatements, type StatementElement, stateRelationships } from "../../core/relationships/bulk.ts";
import { stateRelationship } from "../../core/relationships/service.ts";
import { storageProblem } from "../../lib/json.ts";
import { type AppContext, type AppEnv, HttpProblem, jsonText } from "../http.ts";
import { originParameters } from "./report-origin.ts";
import * as wire from "./dialect.ts";
import { relationshipSchema, relationshipShape, statementSchema } from "./relationship-wire.ts";

const path = "/relationships";
const outcomes = ["created", "updated", "unchanged", "error"] as const;

const statement = { $ref: "#/components/schemas/RelationshipStatement" };
const resultsSchema = z
  .object({
    results: z.array(
      z.object({
        index: z.number().int().openapi({ description: "Place in the request, from 0" }),
        outcome: z.enum(outcomes),
        id: z.guid().nullable(),
        error: z.object({ detail: z.string() }).nullable(),
      }),
    ),
    counts: z.object(Object.fromEntries(outcomes.map((outcome) => [outcome, z.number().int()]))),
  })
  .openapi("RelationshipResults");

const stateRoute = createRoute({
  method: "post",
  path,
  tags: ["Relationships"],
  summary: "State a relationship, or up to 1,000 of them",
  description:
    "What the same source has stated before is touched, or updated in what is given. Of an array valid elements land even when others are bad. Ends may be archived.",
  request: {
    query: wire.query({ source: originParameters.source }),
    body: {
      required: true,
      content: {
        // No zod schema: the handler checks the elements one by one, as one of them may be bad alone.
        "application/json": {
          schema: { oneOf: [statement, { type: "array", maxItems: maxStatements, items: statement }] },
        },
      },
    },
  },
  responses: {
    200: {
      description: "The relationship was known: updated, or touched. For an array, what became of each",
      content: wire.jsonContent(z.union([relationshipSchema, resultsSchema])),
    },
    201: {
      description: "The new relationship",
      content: wire.jsonContent(relationshipSchema),
      headers: z.object({ Location: z.string() }),
    },
    ...wire.errorResponses(400, 413, 415, 422),
  },
});

/** Whether a path takes relationships, one or an array that is checked element by element. */
export function isStatementPath(requestPath: string): boolean {
  return requestPath.endsWith("/v1/relationships");
}

/** The route that takes relationships in. */
export function registerRelationshipStatements(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.register("RelationshipStatement", statementSchema);

  app.openapi(stateRoute, async (c) => {
    const { source = null } = c.req.valid("query");
    const body = await readBody(c);
    if (Array.isArray(body)) {
      const results = await stateRelationships(c.get("ctx"), body.map(toElement), source);
      const counts = Object.fromEntries(
        outcomes.map((outcome) => [outcome, results.filter((result) => result.outcome === outcome).length]),
      );
      const shown = results.map(({ error, ...result }) => ({
        ...result,
        error: error === null ? null : { detail: error },
      }));
      return c.json({ results: shown, counts }, 200);
    }
    const element = toElement(body);
    if ("problem" in element) {
      throw new HttpProblem(422, element.problem);
    }
    const stated = await stateRelationship(c.get("ctx"), element.statement, source, relationshipShape);
    c.header("Location", `/api/v1${path}/${stated.id}`);
    return stated.outcome === "created" ? jsonText(c, stated.item, 201) : jsonText(c, stated.item, 200);
  });
}

async function readBody(c: AppContext): Promise<unknown> {
  if (!/^application\/([\w.-]+\+)?json\s*(?:;|$)/i.test(c.req.header("Content-Type") ?? "")) {
    throw new HttpProblem(415, "Relationships are application/json");
  }
  const body: unknown = await c.req.json();
  return body;
}

function toElement(value: unknown): StatementElement {
  const problem = storageProblem(value, true);
  if (problem !== undefined) {
    return { problem: `the relationship cannot be stored: ${problem}` };
  }
  const result = statementSchema.safeParse(value);
  if (result.success) {
    return { statement: result.data };
  }
  const [issue] = result.error.issues;
  return { problem: `${issue?.path.length ? `${issue.path.join(".")}: ` : ""}${issue?.message ?? "invalid"}` };
}
