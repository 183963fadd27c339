import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "@hono/zod-openapi";
import { DomainError, type ErrorCode } from "../../core/errors.ts";
import type { Page } from "../../core/page.ts";
import { type Filter, FilterSyntaxError, parseFilter } from "../../lib/filter-grammar.ts";
import { suggestion } from "../../lib/nearest.ts";
import { parseInstant } from "../../lib/time.ts";
import { logEvent } from "../../lib/log.ts";
import { type AppContext, HttpProblem, jsonText } from "../http.ts";

/** The body of every error. */
export const errorSchema = z
  .object({
    detail: z.string().openapi({ example: "Configuration item not found" }),
    status_code: z.number().int().openapi({ example: 404 }),
    type: z.string().openapi({ example: "NotFoundError" }),
  })
  .openapi("Error");

/** The body where there is nothing to show but that it was done. */
export const messageSchema = z.object({ message: z.string() }).openapi("Message");

const statusOf: Readonly<Record<ErrorCode, ContentfulStatusCode>> = {
  bad_request: 400,
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
  upstream_failed: 502,
  upstream_timed_out: 504,
};

const typeOf: Readonly<Record<number, string>> = {
  400: "BadRequestError",
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "NotFoundError",
  405: "MethodNotAllowedError",
  406: "NotAcceptableError",
  409: "ConflictError",
  413: "PayloadTooLargeError",
  415: "UnsupportedMediaTypeError",
  422: "ValidationError",
  429: "RateLimitError",
  502: "BadGatewayError",
  503: "ServiceUnavailableError",
  504: "GatewayTimeoutError",
};

/** The one place where this dialect turns what was thrown into a response. */
export function errorResponse(error: unknown, c: AppContext): Response {
  if (error instanceof DomainError) {
    if (error.code === "unavailable") {
      logEvent("error", { event: "unavailable", request_id: c.get("requestId"), cause: describe(error.cause) });
    }
    const headers = error.code === "unavailable" ? { "Retry-After": "1" } : {};
    return respond(c, statusOf[error.code], error.message, headers, error.details);
  }
  if (error instanceof HttpProblem) {
    return respond(c, error.status, error.message, error.headers);
  }
  if (error instanceof HTTPException && error.status < 500) {
    return respond(c, error.status, error.message || "The request cannot be served");
  }
  const requestId = c.get("requestId");
  logEvent("error", { event: "defect", request_id: requestId, error: describe(error) });
  return respond(c, 500, `Internal error; mention request ${requestId} to your operator`);
}

function respond(
  c: AppContext,
  status: ContentfulStatusCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  details: Readonly<Record<string, unknown>> = {},
): Response {
  const type = typeOf[status] ?? "InternalServerError";
  return c.json({ detail, status_code: status, type, ...details }, status, headers);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : "not an Error";
}

/** What zod found wrong, as this dialect says it: 400 for what cannot be asked, 422 for a value that does not fit. */
export function validationHook(
  result: { success: true } | { success: false; target: string; error: z.ZodError },
): undefined {
  if (result.success) {
    return;
  }
  const [issue] = result.error.issues;
  const key = String(issue?.path[0] ?? "");
  const isQuestion =
    result.target === "param" ||
    (result.target === "query" &&
      (issue?.code === "unrecognized_keys" || ["filter", "sort_by", "sort_order", "include_attributes"].includes(key)));
  const where = issue?.path.length ? `${issue.path.join(".")}: ` : "";
  throw new HttpProblem(isQuestion ? 400 : 422, `${where}${issue?.message ?? "invalid request"}`);
}

/** A query string with these keys and no others; an unknown one is told the nearest. */
export function query<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") {
        return undefined;
      }
      const [unknown = ""] = issue.keys;
      return `unknown query parameter "${unknown}"${suggestion(unknown, Object.keys(shape))}`;
    },
  });
}

/** A whole number in the query string. */
export function integerParameter(options: { from: number; to: number; default: number; description: string }) {
  return z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(options.from).max(options.to))
    .prefault(String(options.default))
    .openapi({
      type: "integer",
      minimum: options.from,
      maximum: options.to,
      default: options.default,
      description: options.description,
    });
}

/** The id of a collector or source. One that is too large for any is as unknown as 0, which none has. */
export function idText(description: string) {
  return z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform((text) => (Number(text) <= maxId ? Number(text) : 0))
    .openapi({ type: "integer", minimum: 1, description });
}

export function idParameter(what: string) {
  return z.object({ id: idText(`The ${what}'s id`).openapi({ param: { name: "id", in: "path" } }) });
}

const maxId = 2_147_483_647;

/** true or false in the query string. */
export function booleanParameter(description: string) {
  return z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .prefault("false")
    .openapi({ type: "boolean", default: false, description });
}

/** A parameter that can be repeated. */
export function listParameter(description: string, example: string) {
  return z
    .preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(z.string().max(4096)).max(50))
    .openapi({ type: "array", items: { type: "string" }, description, example: [example] });
}

/** A date and time in the query string, read as UTC where it names no zone. */
export function instantParameter(description: string) {
  return z
    .string()
    .transform((text, context) => {
      const instant = parseInstant(text);
      if (instant === undefined) {
        context.addIssue({ code: "custom", message: "must be a date and time in ISO 8601" });
        return z.NEVER;
      }
      return instant;
    })
    .optional()
    .openapi({ type: "string", format: "date-time", description });
}

/** The filters of a list; read each with `readFilter`. */
export function filterParameter(example: string) {
  return listParameter("field:operator:value, all must hold", example);
}

/** Reads a filter of the query string. Throws HttpProblem 400. */
export function readFilter(text: string): Filter {
  try {
    return parseFilter(text);
  } catch (error) {
    throw error instanceof FilterSyntaxError ? new HttpProblem(400, error.message) : error;
  }
}

/** A window on a list, by offset. */
export function windowParameters(limit: number, mostItems = 1000) {
  return {
    offset: integerParameter({ from: 0, to: 1_000_000, default: 0, description: "Items to skip" }),
    limit: integerParameter({ from: 1, to: mostItems, default: limit, description: "Items per page" }),
  };
}

/** Pages: offset and limit as documented, and a cursor that costs the same on every page. */
export function pageParameters(limit: number) {
  return {
    ...windowParameters(limit),
    offset: integerParameter({
      from: 0,
      to: 1_000_000,
      default: 0,
      description: "Items to skip; for deep pages use cursor",
    }),
    cursor: z.string().max(4096).optional().openapi({ description: "next_cursor of the page before" }),
  };
}

export const uuidParameter = z.object({
  uuid: z.guid("must be a UUID").openapi({ param: { name: "uuid", in: "path" }, description: "The item's ci_id" }),
});

/** The envelope of a list. */
export function listSchema(item: z.ZodType, name: string) {
  return z
    .object({
      items: z.array(item),
      total: z.number().int().nullable().openapi({ description: "All items of this query; null with count=none" }),
      offset: z.number().int(),
      limit: z.number().int(),
      next_cursor: z.string().nullable().openapi({ description: "Opens the next page; null on the last" }),
      total_is_lower_bound: z
        .literal(true)
        .optional()
        .openapi({ description: "With count=estimate: there are at least so many" }),
    })
    .openapi(name);
}

/** Says of a page, at the end of its JSON, that there may be more than its total. */
export function lowerBound(page: Page): string {
  return page.totalIsLowerBound ? ',"total_is_lower_bound":true' : "";
}

export function listResponse(c: AppContext, page: Page, window: { offset: number; limit: number }) {
  const cursor = JSON.stringify(page.nextCursor);
  return jsonText(
    c,
    `{"items":${page.items},"total":${page.total},"offset":${window.offset},"limit":${window.limit},"next_cursor":${cursor}${lowerBound(page)}}`,
    200,
  );
}

/** The content of a JSON request or response. */
export function jsonContent<Schema extends z.ZodType>(schema: Schema) {
  return { "application/json": { schema } };
}

/** The errors that a route documents, by status. */
export function errorResponses(...statuses: number[]) {
  return Object.fromEntries(
    [401, 403, 429, 503, ...statuses]
      .toSorted((left, right) => left - right)
      .map((status) => [
        status,
        { description: typeOf[status] ?? "", content: { "application/json": { schema: errorSchema } } },
      ]),
  );
}
