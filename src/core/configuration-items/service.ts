import type { Filter } from "../../lib/filter-grammar.ts";
import type { JsonObject } from "../../lib/json.ts";
import { reportsAge, requirePermission } from "../access.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { readingFilters, requireSort } from "../list-query.ts";
import { closePage, type CountMode, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import { itemSorts, type ItemStatus } from "./fields.ts";
import { type ReportOrigin, outsideOfSync, originText } from "./report-origin.ts";
import * as repository from "./repository.ts";
import type { DocumentPart, ItemShape } from "./shape.ts";

export interface ItemListQuery {
  /** The state asked for; a filter on status takes its place. */
  readonly status: ItemStatus | "all";
  readonly filters: readonly Filter[];
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly page: PageRequest;
  readonly count: CountMode;
  readonly document: DocumentPart;
  /** Type data of the types that are filtered on by eq or in; without such a filter `plain` is shown. */
  readonly withTypeData: boolean;
  readonly shapes: { readonly plain: ItemShape; readonly withTypeData: ItemShape };
}

export interface ItemPage extends Page {
  readonly hasTypeData: boolean;
}

/** What is said about one item; absent parts keep their value on a patch. */
export interface ItemContent {
  readonly name?: string | undefined;
  readonly namespace?: string | null | undefined;
  readonly ci_type?: string | undefined;
  readonly department?: string | null | undefined;
  readonly raw_data?: JsonObject | null | undefined;
}

export interface Written {
  /** The item as it is afterwards, as JSON text. */
  readonly item: string;
}

/** Lists items in one statement, exact total included. Throws `bad_request` for an unknown filter, sort or cursor. */
export async function listItems(ctx: Ctx, query: ItemListQuery): Promise<ItemPage> {
  requirePermission(ctx.actor, "configuration-items:read");
  requireSort(itemSorts, query.sort);
  const filters = effectiveFilters(query);
  const typeData = query.withTypeData ? filteredTypes(query.filters) : [];
  const fingerprint = JSON.stringify([filters.map((filter) => filter.text), query.sort, query.order]);
  const after = await openPage(ctx, fingerprint, query.page);
  const row = await runOne<PageRow>(
    ctx,
    readingFilters(() =>
      repository.selectItemPage(ctx.actor, {
        filters,
        sort: query.sort,
        order: query.order,
        offset: query.page.offset,
        limit: query.page.limit,
        after,
        count: query.count,
        rendering: {
          shape: typeData.length > 0 ? query.shapes.withTypeData : query.shapes.plain,
          document: query.document,
          typeData,
        },
      }),
    ),
  );
  return { ...(await closePage(ctx, fingerprint, row, query.count)), hasTypeData: typeData.length > 0 };
}

/** One item, whatever its state. Throws `not_found`. */
export async function getItem(ctx: Ctx, ciId: string, shape: ItemShape): Promise<Written> {
  requirePermission(ctx.actor, "configuration-items:read");
  const [row] = await run<{ item: string }>(ctx, repository.selectItem(ctx.actor, ciId, full(shape)));
  return row ?? notFound();
}

/**
 * Takes in one sighting: a new item, or a rediscovery of the one its identity names, which is updated, or touched, and
 * comes back to active. Throws `not_found` and `conflict` for an origin that takes nothing, `invalid` outside of its sync's scope.
 */
export async function reportItem(
  ctx: Ctx,
  content: ItemContent & { name: string; ci_type: string },
  origin: ReportOrigin | null,
  shape: ItemShape,
): Promise<Written & { outcome: string; ciId: string }> {
  requirePermission(ctx.actor, "configuration-items:write");
  const ages = reportsAge(ctx.actor, origin !== null);
  const reported = JSON.stringify([{ ...content, raw_data: content.raw_data ?? {} }]);
  const [row] = await run<{ outcome: string; ci_id: string; item: string }>(
    ctx,
    repository.reportItem(writeContext(ctx), originText(origin), ages, reported, full(shape)),
  );
  if (!row) {
    throw new DomainError("invalid", outsideOfSync);
  }
  return { item: row.item, outcome: row.outcome, ciId: row.ci_id };
}

/** Replaces name, namespace, type and document; source and department stay. Throws `not_found` and `conflict`. */
export async function replaceItem(
  ctx: Ctx,
  ciId: string,
  content: Required<Omit<ItemContent, "department">>,
  shape: ItemShape,
): Promise<Written> {
  return writeItem(ctx, ciId, content, false, shape);
}

/** Merges a patch into an item (RFC 7396 inside the document). Throws `not_found` and `conflict`. */
export async function patchItem(ctx: Ctx, ciId: string, patch: ItemContent, shape: ItemShape): Promise<Written> {
  return writeItem(
    ctx,
    ciId,
    patch.raw_data === null ? { ...patch, raw_data: {} } : patch,
    patch.raw_data !== null,
    shape,
  );
}

/** Archives an item; it stays for its retention, and comes back when it is reported again. Throws `not_found`. */
export async function archiveItem(ctx: Ctx, ciId: string, shape: ItemShape): Promise<Written> {
  requirePermission(ctx.actor, "configuration-items:write");
  const statement = repository.archiveItem(ctx.actor, writeContext(ctx), ciId, full(shape));
  const [row] = await run<{ item: string }>(ctx, statement);
  return row ?? notFound();
}

async function writeItem(
  ctx: Ctx,
  ciId: string,
  content: ItemContent,
  merging: boolean,
  shape: ItemShape,
): Promise<Written> {
  requirePermission(ctx.actor, "configuration-items:write");
  const patch = JSON.stringify(content);
  const statement = repository.writeItem(ctx.actor, writeContext(ctx), ciId, patch, merging, full(shape));
  const [row] = await run<{ item: string }>(ctx, statement);
  return row ?? notFound();
}

function full(shape: ItemShape) {
  return { shape, document: "all", typeData: [] } as const;
}

function notFound(): never {
  throw new DomainError("not_found", "Configuration item not found");
}

function effectiveFilters(query: ItemListQuery): Filter[] {
  const asksForStatus = query.filters.some((filter) => filter.path.length === 1 && filter.path[0] === "status");
  if (asksForStatus || query.status === "all") {
    return [...query.filters];
  }
  const text = `status:eq:${query.status}`;
  return [{ path: ["status"], operator: "eq", values: [query.status], text }, ...query.filters];
}

function filteredTypes(filters: readonly Filter[]): string[] {
  const filter = filters.find(
    ({ path, operator }) => path.length === 1 && path[0] === "ci_type" && (operator === "eq" || operator === "in"),
  );
  return [...new Set(filter?.values)];
}
