import { z } from "@hono/zod-openapi";
import {
  itemDepartment,
  itemDocument,
  itemName,
  itemNamespace,
  itemStatuses,
  itemType,
} from "../../core/configuration-items/fields.ts";
import type { ItemShape } from "../../core/configuration-items/shape.ts";

/** A configuration item as this dialect shows it, in the order of its keys. */
export const itemShape: ItemShape = {
  ci_id: "ciId",
  name: "name",
  namespace: "namespace",
  ci_type: "ciType",
  status: "status",
  status_updated_at: "statusUpdatedAt",
  last_seen: "lastSeen",
  created_at: "createdAt",
  updated_at: "updatedAt",
  department: "department",
  source_id: "sourceId",
  version: "version",
  raw_data: "rawData",
};

/** The same with type data, as the reference nests it. */
export const typedItemShape: ItemShape = {
  id: "ciId",
  type: "ciType",
  attributes: {
    name: "name",
    namespace: "namespace",
    status: "status",
    status_updated_at: "statusUpdatedAt",
    last_seen: "lastSeen",
    created_at: "createdAt",
    updated_at: "updatedAt",
    department: "department",
    source_id: "sourceId",
    version: "version",
    raw_data: "rawData",
    typeData: "typeData",
  },
};

export const archivedShape: ItemShape = { ci_id: "ciId", status: "status", status_updated_at: "statusUpdatedAt" };

const instant = z.iso.datetime().openapi({ example: "2025-07-08T12:00:00.000Z" });
const wireDocument = itemDocument().openapi({
  type: "object",
  additionalProperties: true,
  description: "The document as it came",
});

export const itemSchema = z
  .object({
    ci_id: z.guid().openapi({ example: "3936b501-788f-4c0d-b3a7-a999f77fac8c" }),
    name: z.string().openapi({ example: "nginx-deployment-abc123" }),
    namespace: z.string().nullable().openapi({ example: "default" }),
    ci_type: z.string().openapi({ example: "kubernetes.pod" }),
    status: z.enum(itemStatuses),
    status_updated_at: instant.nullable(),
    last_seen: instant,
    created_at: instant,
    updated_at: instant,
    department: z.string().nullable(),
    source_id: z.number().int().nullable().openapi({ description: "The source that reported the item first" }),
    version: z.number().int().openapi({ description: "Counts the changes of this item" }),
    raw_data: wireDocument,
  })
  .openapi("ConfigurationItem");

export const typedItemSchema = z
  .object({
    id: z.guid(),
    type: z.string(),
    attributes: z
      .object({ name: z.string(), namespace: z.string().nullable() })
      .catchall(z.unknown())
      .openapi({ description: "The item's fields, and the data of its type under the name of its table" }),
  })
  .openapi("TypedConfigurationItem");

const text = { type: "string", minLength: 1 } as const;
const fields = {
  name: itemName().openapi({ ...text, description: "At most 1,024 bytes of UTF-8", example: "new-service" }),
  namespace: itemNamespace().openapi({ type: ["string", "null"], example: "production" }),
  ci_type: itemType().openapi({ ...text, description: "At most 128 bytes of UTF-8", example: "kubernetes.service" }),
  department: itemDepartment().openapi({ type: ["string", "null"] }),
};

/** A sighting: what POST and each element of a bulk say. */
export const sightingSchema = z
  .strictObject({
    name: fields.name,
    namespace: fields.namespace.optional(),
    ci_type: fields.ci_type,
    department: fields.department.optional(),
    raw_data: wireDocument.optional(),
  })
  .openapi("Sighting");

export const replacementSchema = z
  .strictObject({
    name: fields.name,
    namespace: fields.namespace.optional(),
    ci_type: fields.ci_type,
    raw_data: wireDocument.optional(),
  })
  .openapi("ConfigurationItemReplacement");

export const patchSchema = z
  .strictObject({
    name: fields.name.optional(),
    namespace: fields.namespace.optional(),
    ci_type: fields.ci_type.optional(),
    department: fields.department.optional(),
    raw_data: wireDocument
      .nullable()
      .optional()
      .openapi({ description: "A merge patch (RFC 7396); null empties the document" }),
  })
  .openapi("ConfigurationItemPatch");
