import { requirePermission } from "../access.ts";
import { type Ctx, runOne } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, type CountMode, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import { readingFilters, requireSort } from "../list-query.ts";
import { type ChangeSelection, changeSorts } from "./fields.ts";
import { selectChangePage } from "./feed-repository.ts";
import type { ChangeShape } from "./render.ts";

export interface ChangeListQuery {
  readonly selection: ChangeSelection;
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly page: PageRequest;
}

/**
 * Lists changes of all items in one statement, exact total included. Throws `bad_request` for an unknown filter, sort or
 * cursor, `invalid` for a window that ends before it starts.
 */
export async function listChanges(
  ctx: Ctx,
  query: ChangeListQuery,
  count: CountMode,
  shape: ChangeShape,
): Promise<Page> {
  requirePermission(ctx.actor, "changes:read");
  checkChangeList(query);
  const fingerprint = changeFingerprint(query);
  const after = await openPage(ctx, fingerprint, query.page);
  const { offset, limit } = query.page;
  const order = { sort: query.sort, direction: query.order, offset, limit, after };
  const statement = readingFilters(() => selectChangePage(ctx.actor, query.selection, order, count, shape));
  return closePage(ctx, fingerprint, await runOne<PageRow>(ctx, statement), count);
}

/** What a cursor of a list of changes is bound to. */
export function changeFingerprint({ selection, sort, order }: ChangeListQuery): string {
  const { filters, from, to, search } = selection;
  return JSON.stringify(["changes", filters.map((filter) => filter.text), from, to, search, sort, order]);
}

/** Throws `bad_request` for a sort that there is not, `invalid` for a window that ends before it starts. */
export function checkChangeList(query: ChangeListQuery): void {
  requireSort(changeSorts, query.sort);
  checkWindow(query.selection);
}

/** Throws `invalid` when a window ends before it starts. */
export function checkWindow({ from, to }: ChangeSelection): void {
  if (from !== undefined && to !== undefined && to < from) {
    throw new DomainError("invalid", `end_date (${to}) is before start_date (${from})`);
  }
}
