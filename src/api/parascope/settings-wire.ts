import { z } from "@hono/zod-openapi";
import { isJsonObject, type JsonObject } from "../../lib/json.ts";

const maxLength = 65_536;

/** A JSON object of bounded length. */
export function documentSchema(description: string) {
  return z
    .custom<JsonObject>(isJsonObject, "must be a JSON object")
    .refine(
      (document) => JSON.stringify(document).length <= maxLength,
      `must not be longer than ${maxLength} characters`,
    )
    .openapi({ type: "object", additionalProperties: true, description });
}

const interval = z
  .number()
  .int()
  .min(1)
  .max(10_080)
  .openapi({ description: "Minutes between two collections, at most a week", example: 5 });

export const scheduleSchema = z
  .strictObject({ enabled: z.boolean().optional(), interval_minutes: interval.optional() })
  .openapi("ScheduleConfig", {
    description:
      "Collected every interval_minutes unless enabled is false. What a source leaves out its collector's says.",
  });

export const schedulePatch = z
  .strictObject({ enabled: z.boolean().nullable().optional(), interval_minutes: interval.nullable().optional() })
  .openapi("ScheduleConfigPatch", { description: "A merge patch (RFC 7396); null takes a key away" });

export const statusSchema = z.enum(["enabled", "disabled"]);

/** A URL as the guard of outgoing calls will look at it. */
export const endpointSchema = z.string().min(1).max(2048);

export const instant = z.iso.datetime().openapi({ example: "2025-08-01T10:00:00.000Z" });
