import { requirePermission } from "../access.ts";
import { runBatches } from "../batches.ts";
import { type Ctx, runOne } from "../context.ts";
import { DomainError } from "../errors.ts";
import { checkWindow } from "./feed-service.ts";
import { readingFilters } from "../list-query.ts";
import type { ChangeSelection } from "./fields.ts";
import {
  type FoundRow,
  type FoundShape,
  indexChanges as indexBatch,
  rankedMatches,
  searchChanges,
} from "./search-repository.ts";

export interface FoundChanges {
  /** The text of a JSON array. */
  readonly items: string;
  readonly total: number;
  /** More match; the newest of them were ranked. */
  readonly totalIsLowerBound: boolean;
  /** Milliseconds that the database took, network included. */
  readonly searchTime: number;
}

/** Changes one statement takes in: about a second of work. */
const batchSize = 5_000;

/**
 * Finds changes by words in names, changed fields, namespaces, types and values, best first, in one statement; also those
 * made a moment ago. Throws `invalid` for a query without letter or digit or a window that ends before it starts.
 */
export async function findChanges(
  ctx: Ctx,
  query: string,
  selection: ChangeSelection,
  page: { readonly offset: number; readonly limit: number },
  shape: FoundShape,
): Promise<FoundChanges> {
  requirePermission(ctx.actor, "changes:read");
  if (!/[\p{L}\p{N}]/u.test(query)) {
    throw new DomainError("invalid", "query: must hold a letter or a digit");
  }
  checkWindow(selection);
  const statement = readingFilters(() => searchChanges(ctx.actor, query, selection, page, shape));
  const started = performance.now();
  const { items, total } = await runOne<FoundRow>(ctx, statement);
  const searchTime = Math.round((performance.now() - started) * 10) / 10;
  return { items, total: Math.min(total, rankedMatches), totalIsLowerBound: total > rankedMatches, searchTime };
}

/**
 * Takes what was logged into the search index, batch by batch, until all is in or it is late. Safe to run twice at once and
 * to break off anywhere.
 */
export async function indexChanges(ctx: Ctx, isLate: () => boolean): Promise<{ changes: number; finished: boolean }> {
  const { done: changes, finished } = await runBatches(isLate, async () => {
    const batch = await runOne<{ changes: number; finished: boolean }>(ctx, indexBatch(batchSize));
    return { done: batch.changes, finished: batch.finished };
  });
  return { changes, finished };
}
