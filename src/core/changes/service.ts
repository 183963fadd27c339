import { requirePermission } from "../access.ts";
import { type Ctx, runOne } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import type { ChangeShape } from "./render.ts";
import { selectItemHistory } from "./repository.ts";

/** One item's changes, newest first, in one statement; also of an item that is gone. Throws `not_found`. */
export async function listItemChanges(ctx: Ctx, ciId: string, page: PageRequest, shape: ChangeShape): Promise<Page> {
  requirePermission(ctx.actor, "changes:read");
  const fingerprint = `history ${ciId}`;
  const after = await openPage(ctx, fingerprint, page);
  const statement = selectItemHistory(ctx.actor, { ciId, offset: page.offset, limit: page.limit, after, shape });
  const row = await runOne<PageRow & { known: boolean }>(ctx, statement);
  if (!row.known) {
    throw new DomainError("not_found", "Configuration item not found");
  }
  return closePage(ctx, fingerprint, row, "exact");
}
