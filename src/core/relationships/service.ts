import { requirePermission } from "../access.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, type CountMode, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import type { RelationshipStatement } from "./fields.ts";
import type { RelationshipShape } from "./render.ts";
import * as repository from "./repository.ts";

/** What a statement over a page of one item's relationships answers. */
export interface KnownPageRow extends PageRow {
  readonly known: boolean;
}

/** Lists relationships in one statement, exact total included; none for an end that is no item. */
export async function listRelationships(
  ctx: Ctx,
  selection: repository.RelationshipSelection,
  page: PageRequest,
  count: CountMode,
  shape: RelationshipShape,
): Promise<Page> {
  const { fingerprint, row } = await readPage(ctx, selection, page, count, shape);
  return closePage(ctx, fingerprint, row, count);
}

/** Lists the relationships of one item like `listRelationships`. Throws `not_found` where there is no such item. */
export async function listItemRelationships(
  ctx: Ctx,
  selection: repository.RelationshipSelection & { readonly end: object },
  page: PageRequest,
  count: CountMode,
  shape: RelationshipShape,
): Promise<Page> {
  const { fingerprint, row } = await readPage(ctx, selection, page, count, shape);
  return closeKnownPage(ctx, fingerprint, row, count);
}

/** One relationship as JSON text, whatever the status of its ends. Throws `not_found`. */
export async function getRelationship(ctx: Ctx, id: string, shape: RelationshipShape): Promise<{ item: string }> {
  requirePermission(ctx.actor, "relationships:read");
  const [row] = await run<{ item: string }>(ctx, repository.selectRelationship(ctx.actor, id, shape));
  return row ?? notFound();
}

/**
 * Takes in one relationship: a new one, or one that this source (made on first use) has stated before, which is updated or
 * touched. Its ends may be archived. Throws `invalid` where an end is not there.
 */
export async function stateRelationship(
  ctx: Ctx,
  statement: RelationshipStatement,
  source: string | null,
  shape: RelationshipShape,
): Promise<{ outcome: "created" | "updated" | "unchanged"; id: string; item: string }> {
  requirePermission(ctx.actor, "relationships:write");
  const ends = [statement.source_ci_id, statement.target_ci_id];
  const stated = JSON.stringify([statement]);
  const row = await runOne<StatedRow>(
    ctx,
    repository.stateRelationship(ctx.actor, writeContext(ctx), source, ends, stated, shape),
  );
  if (row.outcome === "error") {
    throw new DomainError("invalid", describeMissing(statement, row.missing));
  }
  return { outcome: row.outcome, id: row.id, item: row.item };
}

/** Removes a relationship; an extracted one comes back when what the document says there moves. Throws `not_found`. */
export async function removeRelationship(ctx: Ctx, id: string): Promise<{ id: string }> {
  requirePermission(ctx.actor, "relationships:write");
  const [row] = await run<{ id: string }>(ctx, repository.removeRelationship(ctx.actor, writeContext(ctx), id));
  return row ?? notFound();
}

/** Says which ends of a statement are no items to be seen. */
export function describeMissing(statement: RelationshipStatement, missing: readonly string[]): string {
  const ends = (["source_ci_id", "target_ci_id"] as const).filter((key) => missing.includes(key));
  return ends.map((key) => `${key}: there is no configuration item ${statement[key]}`).join("; ");
}

/** Throws `not_found` where there is no item that the page could be of. */
export async function closeKnownPage(
  ctx: Ctx,
  fingerprint: string,
  row: KnownPageRow,
  count: CountMode,
): Promise<Page> {
  if (!row.known) {
    throw new DomainError("not_found", "Configuration item not found");
  }
  return closePage(ctx, fingerprint, row, count);
}

async function readPage(
  ctx: Ctx,
  selection: repository.RelationshipSelection,
  page: PageRequest,
  count: CountMode,
  shape: RelationshipShape,
): Promise<{ fingerprint: string; row: KnownPageRow }> {
  requirePermission(ctx.actor, "relationships:read");
  const fingerprint = JSON.stringify(["relationships", selection]);
  const window = { ...page, after: await openPage(ctx, fingerprint, page) };
  const statement = repository.selectRelationshipPage(ctx.actor, selection, window, count, shape);
  return { fingerprint, row: await runOne<KnownPageRow>(ctx, statement) };
}

type StatedRow = { readonly id: string; readonly item: string; readonly missing: readonly string[] } & (
  | { readonly outcome: "created" | "updated" | "unchanged" }
  | { readonly outcome: "error" }
);

function notFound(): never {
  throw new DomainError("not_found", "Relationship not found");
}
