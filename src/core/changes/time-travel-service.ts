import { requirePermission } from "../access.ts";
import type { ItemShape } from "../configuration-items/shape.ts";
import { type Ctx, run, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import * as repository from "./time-travel-repository.ts";
import type { PastOutcome } from "./time-travel-repository.ts";

export interface ItemDiff {
  readonly from: string;
  readonly to: string;
  readonly fromVersion: number;
  readonly toVersion: number;
  /** The text of a JSON array of entries. */
  readonly changes: string;
}

export interface Revert {
  readonly ciId: string;
  /** The text of a JSON array: the entries that lead from the present to the reverted item, none where it already is so. */
  readonly patch: string;
  /** The item as it is afterwards, as JSON text; null after a dry run. */
  readonly item: string | null;
}

/**
 * The item as it was at an instant, changes of that instant included, as JSON text. Its document lacks the paths that the
 * log leaves out. Throws `invalid` for the future and `not_found` where it was not there or history does not reach so far.
 */
export async function getItemAt(ctx: Ctx, ciId: string, at: string, shape: ItemShape): Promise<{ item: string }> {
  requirePermission(ctx.actor, "configuration-items:read");
  requirePermission(ctx.actor, "changes:read");
  refuseFuture(ctx, "at", at);
  const [row] = await run<{ outcome: PastOutcome; kept_since: string | null; item: string }>(
    ctx,
    repository.selectItemAt(ctx.actor, ciId, at, shape),
  );
  if (!row) {
    return notFound("Configuration item not found");
  }
  requireState(row.outcome, `at ${at}`, row.kept_since);
  return { item: row.item };
}

/**
 * What differs between the item at one instant and at a later one, now unless said otherwise. Throws `invalid` where the
 * instants are in the future or the wrong way round, and `not_found` where the item was not there at one of them.
 */
export async function diffItem(ctx: Ctx, ciId: string, from: string, until: string | undefined): Promise<ItemDiff> {
  requirePermission(ctx.actor, "configuration-items:read");
  requirePermission(ctx.actor, "changes:read");
  const to = until ?? ctx.now.toISOString();
  refuseFuture(ctx, "from", from);
  refuseFuture(ctx, "to", to);
  if (Date.parse(from) > Date.parse(to)) {
    throw new DomainError("invalid", `from: ${from} is after to, ${to}`);
  }
  const [row] = await run<DiffRow>(ctx, repository.selectItemDiff(ctx.actor, ciId, from, to));
  if (!row) {
    return notFound("Configuration item not found");
  }
  requireState(row.from_outcome, `at ${from} (from)`, row.kept_since);
  requireState(row.to_outcome, `at ${to} (to)`, row.kept_since);
  return { from, to, fromVersion: row.from_version, toVersion: row.to_version, changes: row.changes };
}

/**
 * Takes one change back on the present item, as a change of its own; a dry run only tells what that would do. Paths that
 * the log leaves out stay as they are. Throws `conflict`, naming the first later change in the way, `invalid` for a change
 * that has nothing to go back to, and `not_found`.
 */
export async function revertChange(ctx: Ctx, changeId: string, isDryRun: boolean, shape: ItemShape): Promise<Revert> {
  requirePermission(ctx.actor, "configuration-items:write");
  const context = writeContext({ ...ctx, reason: ctx.reason ?? `revert of change ${changeId}` });
  const statement = repository.revertChange(ctx.actor, context, changeId, isDryRun, shape);
  const [row] = await run<RevertRow>(ctx, statement);
  if (!row) {
    return notFound("Change not found");
  }
  switch (row.outcome) {
    case "created":
      throw new DomainError("invalid", "This change created the item; to take it back, archive the item");
    case "gone":
      throw new DomainError("invalid", "The item of this change was removed for good");
    case "sighting":
      throw new DomainError("invalid", "This change moved the status, which follows what sources see");
    case "conflict":
      throw new DomainError(
        "conflict",
        `Change ${row.blocker_id} has touched "${row.blocker_field}" since; revert that one first`,
      );
    case "reverted":
    case "unchanged":
      return { ciId: row.ci_id, patch: row.patch, item: row.item };
  }
}

interface DiffRow extends Record<string, unknown> {
  readonly from_outcome: PastOutcome;
  readonly to_outcome: PastOutcome;
  readonly kept_since: string | null;
  readonly from_version: number;
  readonly to_version: number;
  readonly changes: string;
}

interface RevertRow extends Record<string, unknown> {
  readonly outcome: "reverted" | "unchanged" | "conflict" | "created" | "gone" | "sighting";
  readonly ci_id: string;
  readonly blocker_id: string;
  readonly blocker_field: string;
  readonly patch: string;
  readonly item: string | null;
}

function refuseFuture(ctx: Ctx, name: string, at: string): void {
  if (Date.parse(at) > ctx.now.getTime()) {
    throw new DomainError("invalid", `${name}: ${at} is in the future; it is now ${ctx.now.toISOString()}`);
  }
}

function requireState(outcome: PastOutcome, when: string, keptSince: string | null): void {
  switch (outcome) {
    case "unborn":
      return notFound(`The configuration item did not exist yet ${when}`);
    case "gone":
      return notFound(`The configuration item had been removed for good ${when}`);
    case "forgotten":
      return notFound(`What the configuration item was ${when} is not known: history is kept since ${keptSince ?? ""}`);
    case "found":
  }
}

function notFound(message: string): never {
  throw new DomainError("not_found", message);
}
