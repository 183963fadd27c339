import { z } from "@hono/zod-openapi";
import type { ChangeShape } from "../../core/changes/render.ts";

/** A change, named as the reference names its parts. */
export const changeShape: ChangeShape = {
  id: "id",
  ci_id: "ciId",
  ci_name: "name",
  ci_namespace: "namespace",
  ci_type: "ciType",
  changed_at: "changedAt",
  change_type: "changeType",
  version: "version",
  source_id: "sourceId",
  actor: "actor",
  request_id: "requestId",
  reason: "reason",
  changes: "entries",
};

export const entriesSchema = z.array(
  z.object({
    field: z.string().openapi({ example: "spec.replicas" }),
    op: z.enum(["add", "remove", "replace"]),
    old_value: z.unknown().openapi({ description: "A value over 64 KiB is shown as {truncated, bytes, preview}" }),
    new_value: z.unknown(),
  }),
);

/** The schema of what `changeShape` renders. */
export const changeSchema = z
  .object({
    id: z.string(),
    ci_id: z.guid(),
    ci_name: z.string(),
    ci_namespace: z.string().nullable(),
    ci_type: z.string(),
    changed_at: z.iso.datetime(),
    change_type: z.enum(["CREATED", "UPDATED", "DELETED", "PURGED"]),
    version: z.number().int().openapi({ description: "The item's version after the change" }),
    source_id: z.number().int().nullable(),
    actor: z.string().nullable(),
    request_id: z.string().nullable(),
    reason: z.string().nullable(),
    changes: entriesSchema,
  })
  .openapi("Change");
