import { streamPages, type TextPage } from "../../lib/page-stream.ts";
import { requirePermission } from "../access.ts";
import { type Ctx, type RequestCtx, runOne } from "../context.ts";
import { openPage } from "../page.ts";
import { changeFingerprint, type ChangeListQuery, checkChangeList } from "./feed-service.ts";
import { readingFilters } from "../list-query.ts";
import { type LinesRow, selectChangeLines } from "./feed-repository.ts";
import type { ChangeShape } from "./render.ts";
import type { LineFormat } from "./render-lines.ts";

export interface ChangeExport extends Omit<ChangeListQuery, "page"> {
  readonly page: { readonly offset: number; readonly limit: number | undefined; readonly cursor?: string | undefined };
  readonly format: LineFormat;
  readonly shape: ChangeShape;
}

/** Rows a page may have; where entries are long it ends earlier, and the next one is asked for fewer. */
const fewestRows = 250;
const mostRows = 4_000;
/** A page that takes longer has failed. */
const pageDeadlineMs = 15_000;

interface Progress {
  readonly after: readonly string[] | undefined;
  readonly offset: number;
  readonly snapshot: string | undefined;
  readonly rows: number;
  /** Rows still wanted. */
  readonly left: number;
}

/**
 * All changes of a selection as a stream of lines, in memory for two pages, as they stood when the first page was read:
 * whatever is logged meanwhile is left out. CSV begins with a record of names. Resolves when the first page is there, so
 * an error up to then is thrown as by `listChanges`; a later one breaks the stream.
 */
export async function exportChanges(ctx: RequestCtx, query: ChangeExport): Promise<ReadableStream<Uint8Array>> {
  requirePermission(ctx.actor, "changes:read");
  checkChangeList({ ...query, page: { offset: 0, limit: 0 } });
  const fingerprint = changeFingerprint({ ...query, page: { offset: 0, limit: 0 } });
  const { offset, limit = Number.POSITIVE_INFINITY, cursor } = query.page;
  const after = await openPage(ctx, fingerprint, { offset, limit, cursor });
  const start: Progress = { after, offset, snapshot: undefined, rows: fewestRows, left: limit };
  const first = await readPage(ctx, query, start);
  const header = query.format === "csv" ? `${Object.keys(query.shape).join(",")}\r\n` : "";
  // A request has seconds for its statements, an export as long as it takes, on a connection of its own.
  let db: Ctx["db"] | undefined;
  return streamPages(
    { ...first, text: header + first.text },
    (place, signal) => {
      db ??= ctx.openDatabase(signal);
      return readPage({ ...ctx, db }, query, place);
    },
    pageDeadlineMs,
  );
}

async function readPage(ctx: Ctx, query: ChangeExport, progress: Progress): Promise<TextPage<Progress>> {
  const { after, offset, snapshot, left } = progress;
  const limit = Math.min(progress.rows, left);
  const order = { sort: query.sort, direction: query.order, offset, limit, after };
  const statement = readingFilters(() =>
    selectChangeLines(ctx.actor, query.selection, order, snapshot, query.format, query.shape),
  );
  const page = await runOne<LinesRow>(ctx, statement);
  const isLast = page.next_place === null || page.rows >= left;
  return {
    text: page.lines,
    next: isLast
      ? undefined
      : {
          after: page.next_place,
          offset: 0,
          snapshot: snapshot ?? page.snapshot,
          rows: Math.max(fewestRows, Math.min(mostRows, page.rows * 2)),
          left: left - page.rows,
        },
  };
}
