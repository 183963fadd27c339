import type { TypedResponse } from "hono";
import { parseAccept } from "hono/utils/accept";
import { type ChangeExport, exportChanges } from "../../core/changes/export-service.ts";
import type { ChangeShape } from "../../core/changes/render.ts";
import type { LineFormat } from "../../core/changes/render-lines.ts";
import { type AppContext, HttpProblem } from "../http.ts";
import { changeShape } from "./change-wire.ts";

/** The columns of CSV. */
export const csvShape: ChangeShape = {
  id: "id",
  changed_at: "changedAt",
  change_type: "changeType",
  ci_id: "ciId",
  ci_name: "name",
  ci_namespace: "namespace",
  ci_type: "ciType",
  version: "version",
  department: "department",
  source_id: "sourceId",
  actor: "actor",
  request_id: "requestId",
  reason: "reason",
  changes: "entries",
};

const formats = { json: "application/json", csv: "text/csv", ndjson: "application/x-ndjson" } as const;
const exports = {
  csv: { type: `${formats.csv}; charset=utf-8; header=present`, shape: csvShape },
  ndjson: { type: `${formats.ndjson}; charset=utf-8`, shape: changeShape },
} as const;

/** The form that Accept likes best; JSON where it names none of ours. Throws HttpProblem 406 when it rules JSON out as well. */
export function negotiateFormat(c: AppContext): "json" | LineFormat {
  const accepted = parseAccept(c.req.header("Accept") ?? "*/*");
  const [best] = (["json", "csv", "ndjson"] as const)
    .map((format) => ({ format, ...preference(accepted, formats[format]) }))
    .filter(({ quality }) => quality > 0)
    .toSorted((one, other) => other.quality - one.quality || other.specificity - one.specificity);
  if (best) {
    return best.format;
  }
  if (preference(accepted, formats.json).specificity > 0) {
    throw new HttpProblem(406, `Changes come as ${Object.values(formats).join(", ")}`);
  }
  return "json";
}

// The most specific range that covers a type decides on it.
function preference(accepted: ReturnType<typeof parseAccept>, type: string): { quality: number; specificity: number } {
  const ranges = [type, `${type.split("/")[0]}/*`, "*/*"];
  for (const [place, range] of ranges.entries()) {
    const match = accepted.find((one) => one.type.toLowerCase() === range);
    if (match) {
      return { quality: match.q, specificity: ranges.length - place };
    }
  }
  return { quality: 0, specificity: 0 };
}

/** Answers all changes of a query as a download that is written while it is read. */
export async function exportResponse(
  c: AppContext,
  format: LineFormat,
  query: Omit<ChangeExport, "page" | "format" | "shape">,
  window: { readonly offset: number; readonly limit: number; readonly cursor?: string | undefined },
): Promise<TypedResponse<never, 200, "json">> {
  const { type, shape } = exports[format];
  const ctx = c.get("ctx");
  // The documented default belongs to pages: an export is cut only where the caller says so.
  const limit = c.req.query("limit") === undefined ? undefined : window.limit;
  const stream = await exportChanges(ctx, { ...query, format, shape, page: { ...window, limit } });
  const time = ctx.now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const response = c.body(stream, 200, {
    "Content-Type": type,
    "Content-Disposition": `attachment; filename="changes-${time}.${format}"`,
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as with jsonText, the type stands for what a stream cannot show
  return response as unknown as TypedResponse<never, 200, "json">;
}
