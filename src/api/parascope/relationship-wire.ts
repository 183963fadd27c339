import { z } from "@hono/zod-openapi";
import { itemStatuses } from "../../core/configuration-items/fields.ts";
import type { ItemShape } from "../../core/configuration-items/shape.ts";
import {
  relationshipConfidence,
  relationshipEvidence,
  relationshipProperties,
  relationshipType,
} from "../../core/relationships/fields.ts";
import type { RelationshipChangeShape, RelationshipShape } from "../../core/relationships/render.ts";
import * as wire from "./dialect.ts";

const endShape: ItemShape = {
  ci_id: "ciId",
  name: "name",
  namespace: "namespace",
  ci_type: "ciType",
  status: "status",
};

const contentShape: RelationshipShape = {
  properties: "properties",
  source_id: "sourceId",
  extracted: "extracted",
  confidence: "confidence",
  evidence: "evidence",
  first_seen: "firstSeen",
  last_seen: "lastSeen",
};

/** A relationship as one of its ends sees it. */
export const relatedShape: RelationshipShape = {
  id: "id",
  relationship_type: "relationshipType",
  direction: "direction",
  source_ci_id: "sourceCiId",
  target_ci_id: "targetCiId",
  ...contentShape,
  related_ci: { end: "other", shape: endShape },
};

/** A relationship with both ends. */
export const relationshipShape: RelationshipShape = {
  id: "id",
  relationship_type: "relationshipType",
  source_ci_id: "sourceCiId",
  target_ci_id: "targetCiId",
  ...contentShape,
  source_ci: { end: "source", shape: endShape },
  target_ci: { end: "target", shape: endShape },
};

export const relationshipChangeShape: RelationshipChangeShape = {
  id: "id",
  relationship_id: "relationshipId",
  change_type: "changeType",
  changed_at: "changedAt",
  relationship_type: "relationshipType",
  source_ci_id: "sourceCiId",
  target_ci_id: "targetCiId",
  source_id: "sourceId",
  actor: "actor",
  request_id: "requestId",
  reason: "reason",
  was: "was",
  becomes: "becomes",
};

const instant = z.iso.datetime().openapi({ example: "2025-07-08T12:00:00.000Z" });

export const endSchema = z
  .object({
    ci_id: z.guid(),
    name: z.string(),
    namespace: z.string().nullable(),
    ci_type: z.string(),
    status: z.enum(itemStatuses),
  })
  .openapi("RelatedConfigurationItem");

const properties = z.object({}).catchall(z.unknown());

const relationshipFields = {
  id: z.guid(),
  relationship_type: z.string().openapi({ example: "runs_on" }),
  source_ci_id: z.guid(),
  target_ci_id: z.guid(),
  properties,
  source_id: z.number().int().nullable().openapi({ description: "The source that saw it; null for none" }),
  extracted: z.boolean().openapi({ description: "It follows from the document of one of its ends" }),
  confidence: z.number(),
  evidence: z.unknown(),
  first_seen: instant,
  last_seen: instant.openapi({ description: "Of an extracted one, when the item that states it was seen last" }),
};

export const relatedSchema = z
  .object({
    ...relationshipFields,
    direction: z.enum(["outgoing", "incoming"]).openapi({ description: "As seen from the item in the path" }),
    related_ci: endSchema.openapi({ description: "The other end" }),
  })
  .openapi("ItemRelationship");

export const relationshipSchema = z
  .object({ ...relationshipFields, source_ci: endSchema, target_ci: endSchema })
  .openapi("Relationship");

const contentSchema = z.object({ properties, confidence: z.number(), evidence: z.unknown() }).nullable();

export const relationshipChangeSchema = z
  .object({
    id: z.string(),
    relationship_id: z.guid(),
    change_type: z.enum(["CREATED", "UPDATED", "REMOVED"]),
    changed_at: instant,
    relationship_type: z.string(),
    source_ci_id: z.guid(),
    target_ci_id: z.guid(),
    source_id: z.number().int().nullable(),
    actor: z.string().nullable(),
    request_id: z.string().nullable(),
    reason: z.string().nullable(),
    was: contentSchema.openapi({ description: "null for a relationship that is new" }),
    becomes: contentSchema.openapi({ description: "null for one that is removed" }),
  })
  .openapi("RelationshipChange");

/** What POST and each element of an array say. */
export const statementSchema = z
  .strictObject({
    source_ci_id: end(),
    target_ci_id: end(),
    relationship_type: relationshipType().openapi({
      type: "string",
      minLength: 1,
      description:
        "runs_on, owned_by, member_of, depends_on, exposes, mounts, stored_on, connects_to, hosts, or any other name of at most 128 bytes of UTF-8 without commas",
      example: "depends_on",
    }),
    properties: relationshipProperties()
      .optional()
      .openapi({ type: "object", additionalProperties: true, description: "At most 64 KiB; kept where absent" }),
    confidence: relationshipConfidence()
      .optional()
      .openapi({ type: "number", minimum: 0, maximum: 1, description: "1 for a new one where absent" }),
    evidence: relationshipEvidence()
      .optional()
      .openapi({
        type: ["object", "array", "string", "number", "boolean", "null"],
        description: "Any JSON of at most 64 KiB; null for none",
      }),
  })
  .superRefine((statement, issues) => {
    if (statement.source_ci_id === statement.target_ci_id) {
      const message = "must be another item than source_ci_id: nothing is related to itself";
      issues.addIssue({ code: "custom", path: ["target_ci_id"], message });
    }
  })
  .openapi("RelationshipStatement");

function end() {
  return z
    .guid("must be a UUID")
    .transform((id) => id.toLowerCase())
    .openapi({ type: "string", format: "uuid" });
}

/** Relationship types in the query string, repeated or separated by commas. */
export function typesParameter(description: string) {
  return wire
    .listParameter(description, "runs_on,owned_by")
    .transform((texts) => texts.flatMap((text) => text.split(",")))
    .pipe(z.array(relationshipType()).max(50))
    .openapi({ type: "array", items: { type: "string" }, description, example: ["runs_on,owned_by"] });
}
