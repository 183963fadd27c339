import { openCursor, sealCursor } from "../lib/cursor.ts";
import type { Ctx } from "./context.ts";
import { DomainError } from "./errors.ts";

/** A window on a list: by offset as documented, or from a cursor, which costs the same on every page. */
export interface PageRequest {
  readonly offset: number;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export type CountMode = "exact" | "estimate" | "none";

/** A page as PostgreSQL rendered it: `items` is the text of a JSON array. */
export interface Page {
  readonly items: string;
  /** Null when no total was asked for. */
  readonly total: number | null;
  /** The total is at least this, where an estimate stopped counting. */
  readonly totalIsLowerBound: boolean;
  readonly hasMore: boolean;
  readonly nextCursor: string | null;
}

/** Rows that an estimate counts before it stops. */
export const estimateBound = 10_000;

/** What a statement over a page answers. */
export interface PageRow extends Record<string, unknown> {
  readonly items: string;
  readonly next_place: string[] | null;
  readonly total: string | null;
}

/** The place a cursor names, undefined without one. Throws `bad_request` when it belongs to another query. */
export async function openPage(ctx: Ctx, query: string, page: PageRequest): Promise<string[] | undefined> {
  if (page.cursor === undefined) {
    return undefined;
  }
  if (page.offset > 0) {
    throw new DomainError("bad_request", "cursor and offset cannot be combined; a cursor already names its place");
  }
  const place = await openCursor(ctx.cursorKey, query, page.cursor);
  if (!place) {
    throw new DomainError("bad_request", "cursor does not belong to this query; take next_cursor from its last page");
  }
  return place;
}

export async function closePage(ctx: Ctx, query: string, row: PageRow, count: CountMode): Promise<Page> {
  const total = row.total === null ? null : Number(row.total);
  // A total above that was not counted but known.
  const totalIsLowerBound = count === "estimate" && total === estimateBound + 1;
  return {
    items: row.items,
    total: totalIsLowerBound ? estimateBound : total,
    totalIsLowerBound,
    hasMore: row.next_place !== null,
    nextCursor: row.next_place === null ? null : await sealCursor(ctx.cursorKey, query, row.next_place),
  };
}
