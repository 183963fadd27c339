import { z } from "@hono/zod-openapi";
import { healthStatuses, instantOf, maxEpochSeconds } from "../../core/collectors/health-format.ts";
import { sourceName, storedText } from "../../core/configuration-items/fields.ts";
import type { SourceCheck } from "../../core/sources/health-service.ts";
import type { SourceShape } from "../../core/sources/shape.ts";
import { asDouble } from "../../lib/json.ts";
import {
  documentSchema,
  endpointSchema,
  instant,
  schedulePatch,
  scheduleSchema,
  statusSchema,
} from "./settings-wire.ts";

const collector = { id: "id", name: "name", collector_type: "type" } as const;

/** A source as lists show it, in the order of its keys. */
export const sourceShape: SourceShape = {
  source: {
    id: "id",
    collector_id: "collectorId",
    name: "name",
    endpoint: "endpoint",
    username: "username",
    has_credentials: "hasCredentials",
    status: "status",
    config: "config",
    schedule_config: "scheduleConfig",
    health_status: "healthStatus",
    last_collection: "lastCollection",
    last_error: "lastError",
    consecutive_errors: "consecutiveErrors",
    created_at: "createdAt",
    updated_at: "updatedAt",
  },
  collector,
};

/** The same with its collector. */
export const sourceDetailShape: SourceShape = {
  source: { id: "id", collector_id: "collectorId", collector: "collector", ...sourceShape.source },
  collector,
};

const healthStatus = z.enum(healthStatuses);
const health = z
  .object({
    status: healthStatus,
    last_check: instant,
    reported_at: instant.optional().openapi({ description: "When the collector last reported" }),
  })
  .catchall(z.unknown())
  .openapi({ description: "What was last reported or found" });

export const sourceSchema = z
  .object({
    id: z.number().int(),
    collector_id: z.number().int().nullable().openapi({ description: "null for one that only a report named" }),
    name: z.string().openapi({ example: "production-cluster" }),
    endpoint: z.string().nullable().openapi({ example: "https://k8s-prod.example.com:6443" }),
    username: z.string().nullable(),
    has_credentials: z.boolean().openapi({ description: "Credentials themselves are never shown" }),
    status: statusSchema,
    config: z.record(z.string(), z.unknown()),
    schedule_config: scheduleSchema,
    health_status: health.nullable(),
    last_collection: instant.nullable(),
    last_error: z.string().nullable(),
    consecutive_errors: z.number().int(),
    created_at: instant,
    updated_at: instant,
  })
  .openapi("Source");

export const sourceDetailSchema = sourceSchema
  .extend({
    collector: z.object({ id: z.number().int(), name: z.string(), collector_type: z.string() }).nullable(),
  })
  .openapi("SourceDetail");

const text = { type: "string", minLength: 1 } as const;
const fields = {
  name: sourceName().openapi({ ...text, description: "At most 255 bytes of UTF-8", example: "staging-cluster" }),
  endpoint: endpointSchema.nullable().openapi({ example: "https://k8s-staging.example.com:6443" }),
  username: storedText(255)
    .nullable()
    .openapi({ type: ["string", "null"] }),
  secret: storedText(16_384)
    .nullable()
    .openapi({ type: ["string", "null"], writeOnly: true }),
};

export const newSourceSchema = z
  .strictObject({
    name: fields.name,
    endpoint: fields.endpoint.optional(),
    username: fields.username.optional(),
    token: fields.secret.optional(),
    password: fields.secret.optional(),
    status: statusSchema.optional(),
    config: documentSchema("What the collector is sent with the source").optional(),
    schedule_config: scheduleSchema.optional(),
  })
  .openapi("NewSource");

export const sourcePatchSchema = z
  .strictObject({
    name: fields.name.optional(),
    endpoint: fields.endpoint.optional(),
    username: fields.username.optional(),
    token: fields.secret.optional(),
    password: fields.secret.optional(),
    status: statusSchema.optional(),
    config: documentSchema("A merge patch (RFC 7396)").optional(),
    schedule_config: schedulePatch.optional(),
  })
  .openapi("SourceUpdate", {
    description: "What is left out keeps its value; a new token or password replaces the stored one, null removes it",
  });

// Clocks write more digits than are kept exactly elsewhere; here the nearest double will do.
function plainNumber<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess(asDouble, schema);
}

export const sourceReportSchema = z
  .strictObject({
    status: z.enum(["healthy", "degraded", "unhealthy"]),
    message: storedText(4000).optional().openapi({ type: "string", example: "Collection completed successfully" }),
    timestamp: plainNumber(z.union([z.number().min(0).max(maxEpochSeconds), z.string()]))
      .transform((value, issues) => {
        const said = instantOf(value);
        if (said === undefined) {
          issues.addIssue({ code: "custom", message: "must be seconds since 1970 or a date and time in ISO 8601" });
          return z.NEVER;
        }
        return said;
      })
      .optional()
      .openapi({
        anyOf: [{ type: "number" }, { type: "string", format: "date-time" }],
        description: "Seconds since 1970, or ISO 8601; when it was so, now by default",
        example: 1_738_363_200,
      }),
    duration: plainNumber(z.number().min(0).max(1e9)).optional().openapi({ type: "number", description: "Seconds" }),
    consecutive_errors: z.number().int().min(0).max(1_000_000).optional().openapi({
      description: "Counted by Muster where the report does not say",
    }),
    details: documentSchema("Anything else worth keeping").optional(),
  })
  .openapi("SourceReport");

export const sourceCheckSchema = z
  .object({
    source_id: z.number().int(),
    name: z.string(),
    status: healthStatus,
    health_status: z.object({ status: healthStatus }).catchall(z.unknown()),
    last_check: instant,
    message: z.string().openapi({ example: "Health check completed: healthy" }),
  })
  .openapi("SourceHealthCheck");

export function checkToWire({ id: sourceId, name, status, health: found, checkedAt }: SourceCheck) {
  return {
    source_id: sourceId,
    name,
    status,
    health_status: { ...found, status },
    last_check: checkedAt,
    message: `Health check completed: ${status}`,
  };
}
