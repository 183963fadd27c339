import { z } from "@hono/zod-openapi";
import type { CollectorHealth } from "../../core/collectors/health-format.ts";
import { healthStatuses } from "../../core/collectors/health-format.ts";
import type { CollectorSummary } from "../../core/collectors/health-service.ts";
import type { CollectorShape } from "../../core/collectors/shape.ts";
import type { Collection } from "../../core/collectors/trigger-service.ts";
import { itemType, sourceName } from "../../core/configuration-items/fields.ts";
import {
  documentSchema,
  endpointSchema,
  instant,
  schedulePatch,
  scheduleSchema,
  statusSchema,
} from "./settings-wire.ts";

/** A collector as this dialect shows it, in the order of its keys. */
export const collectorShape: CollectorShape = {
  id: "id",
  name: "name",
  type: "type",
  collector_type: "type",
  endpoint: "endpoint",
  status: "status",
  config: "config",
  schedule_config: "scheduleConfig",
  health_status: "healthStatus",
  created_at: "createdAt",
  updated_at: "updatedAt",
};

const status = z.enum(healthStatuses);
const document = z.record(z.string(), z.unknown());

export const healthSchema = z
  .object({
    status,
    message: z.string(),
    timestamp: instant,
    capabilities: document.openapi({ example: { supports_universal_format: true, supports_multi_source: true } }),
    subsystems: z
      .record(z.string(), z.object({ status }).catchall(z.unknown()))
      .openapi({ description: "By the name or id of a source" }),
  })
  .openapi("CollectorHealth", { description: "The universal health format" });

export const collectorSchema = z
  .object({
    id: z.number().int(),
    name: z.string().openapi({ example: "ceph-collector-production" }),
    type: z.string().openapi({ example: "ceph" }),
    collector_type: z.string().openapi({ description: "The same as type" }),
    endpoint: z.string().nullable(),
    status: statusSchema,
    config: document,
    schedule_config: scheduleSchema,
    health_status: healthSchema.extend({ last_check: instant }).nullable().openapi({ description: "Its last answer" }),
    created_at: instant,
    updated_at: instant,
  })
  .openapi("Collector");

const text = { type: "string", minLength: 1 } as const;
const fields = {
  name: sourceName().openapi({
    ...text,
    description: "At most 255 bytes of UTF-8",
    example: "ceph-collector-production",
  }),
  type: itemType().openapi({ ...text, description: "At most 128 bytes of UTF-8", example: "ceph" }),
  endpoint: endpointSchema
    .nullable()
    .openapi({ description: "Where its health and trigger routes are; null for one that only pushes" }),
};
const collectorType = fields.type.optional().openapi({ description: "Another name of type" });

export const newCollectorSchema = z
  .strictObject({
    name: fields.name,
    type: fields.type.optional(),
    collector_type: collectorType,
    endpoint: fields.endpoint.optional(),
    status: statusSchema.optional(),
    config: documentSchema("What the collector is sent with each trigger").optional(),
    schedule_config: scheduleSchema.optional(),
  })
  .superRefine((collector, issues) => {
    if (typeOf(collector) === undefined) {
      issues.addIssue({ code: "custom", path: ["type"], message: "is required" });
    }
  })
  .superRefine(refuseTwoTypes)
  .openapi("NewCollector");

export const collectorPatchSchema = z
  .strictObject({
    name: fields.name.optional(),
    type: fields.type.optional(),
    collector_type: collectorType,
    endpoint: fields.endpoint.optional(),
    status: statusSchema.optional(),
    config: documentSchema("A merge patch (RFC 7396)").optional(),
    schedule_config: schedulePatch.optional(),
  })
  .superRefine(refuseTwoTypes)
  .openapi("CollectorUpdate", { description: "What is left out keeps its value" });

interface Typed {
  readonly type?: string | undefined;
  readonly collector_type?: string | undefined;
}

/** The type of a collector, by either of its names. */
export function typeOf({ type, collector_type }: Typed): string | undefined {
  return type ?? collector_type;
}

/** Whether both names of the type are given, and say different things. */
export function namesTwoTypes({ type, collector_type }: Typed): boolean {
  return type !== undefined && collector_type !== undefined && type !== collector_type;
}

function refuseTwoTypes(collector: Typed, issues: z.RefinementCtx): void {
  if (namesTwoTypes(collector)) {
    issues.addIssue({ code: "custom", path: ["collector_type"], message: "says another type than type does" });
  }
}

export const triggerSchema = z
  .strictObject({
    source_ids: z
      .array(z.number().int().min(1).max(2_147_483_647))
      .min(1)
      .max(1000)
      .optional()
      .openapi({ description: "Only these sources; all that are enabled without it" }),
  })
  .openapi("Trigger");

export const collectionSchema = z
  .object({
    message: z.string(),
    collector_id: z.number().int(),
    collection_id: z.guid(),
    sources: z.array(
      z.object({
        id: z.number().int(),
        name: z.string(),
        outcome: z.enum(["triggered", "collecting", "disabled", "failed"]),
        reason: z.string().optional(),
      }),
    ),
  })
  .openapi("Collection");

export function collectionToWire(collectorId: number, { id, sources }: Collection) {
  return {
    message: "Collection triggered",
    collector_id: collectorId,
    collection_id: id,
    sources: sources.map(({ reason, ...source }) => (reason === undefined ? source : { ...source, reason })),
  };
}

export const allHealthSchema = z
  .object({
    timestamp: instant,
    collectors: z.array(
      z.object({
        id: z.number().int(),
        name: z.string(),
        status,
        sources_total: z.number().int(),
        sources_healthy: z.number().int(),
        error: z.string().optional().openapi({ description: "What is wrong, where something is" }),
      }),
    ),
  })
  .openapi("AllCollectorHealth");

export function summaryToWire({ id, name, status: state, sourcesTotal, sourcesHealthy, error }: CollectorSummary) {
  const summary = { id, name, status: state, sources_total: sourcesTotal, sources_healthy: sourcesHealthy };
  return error === undefined ? summary : { ...summary, error };
}

export function healthToWire({ status: state, message, timestamp, capabilities, subsystems }: CollectorHealth) {
  return { status: state, message, timestamp, capabilities, subsystems };
}
