import { z } from "@hono/zod-openapi";
import { sourceName } from "../../core/configuration-items/fields.ts";
import type { ReportOrigin } from "../../core/configuration-items/report-origin.ts";
import { HttpProblem } from "../http.ts";
import { idText } from "./dialect.ts";

/** Who reports: at most one of these. */
export const originParameters = {
  source: sourceName()
    .optional()
    .openapi({ type: "string", description: "The source that sees this, by name; made on first use" }),
  source_id: idText("The source that sees this").optional(),
  sync_id: z
    .guid("must be a UUID")
    .optional()
    .openapi({ description: "The open sync that sees this; its source follows from it" }),
};

/** The origin that a query names, null for none. Throws HttpProblem 400 for more than one. */
export function readOrigin(query: {
  source?: string | undefined;
  source_id?: number | undefined;
  sync_id?: string | undefined;
}): ReportOrigin | null {
  const { source, source_id, sync_id } = query;
  const [origin = null, ...others] = [
    ...(source === undefined ? [] : [{ source }]),
    ...(source_id === undefined ? [] : [{ source_id }]),
    ...(sync_id === undefined ? [] : [{ sync_id }]),
  ];
  if (others.length > 0) {
    throw new HttpProblem(400, "source, source_id and sync_id exclude each other: name one of them");
  }
  return origin;
}
