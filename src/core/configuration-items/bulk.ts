import { reportsAge, requirePermission } from "../access.ts";
import { type Ctx, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { type ReportOrigin, originText, outsideOfSync } from "./report-origin.ts";
import * as repository from "./repository.ts";
import type { ItemContent } from "./service.ts";

/** Items that one bulk may carry. */
export const maxBulkItems = 5000;

/** An element of a bulk: what is to be taken in, or why it cannot be. */
export type BulkElement =
  | { readonly content: ItemContent & { readonly name: string; readonly ci_type: string } }
  | { readonly problem: string };

export interface BulkResult {
  readonly index: number;
  readonly outcome: "created" | "updated" | "unchanged" | "reactivated" | "error";
  readonly ciId: string | null;
  readonly error: string | null;
}

export interface BulkAnswer {
  readonly landed: boolean;
  readonly results: BulkResult[];
  /** The source that the items came from; null without one, and where the database was not asked. */
  readonly sourceId: number | null;
}

/**
 * Takes in up to 5,000 sightings in one statement, as a transaction. Bad elements are answered with their reason and
 * leave the others alone; with `atomic` one bad element means that nothing lands, and all others are said to be untouched.
 * Throws `not_found` and `conflict` for an origin that takes nothing.
 */
export async function reportItems(
  ctx: Ctx,
  elements: readonly BulkElement[],
  origin: ReportOrigin | null,
  atomic: boolean,
): Promise<BulkAnswer> {
  requirePermission(ctx.actor, "configuration-items:write");
  if (elements.length > maxBulkItems) {
    throw new DomainError("invalid", `a bulk holds at most ${maxBulkItems} items, this one has ${elements.length}`);
  }
  const { chosen, results } = chooseElements(elements);
  if (atomic && results.some((result) => result.outcome === "error")) {
    return { landed: false, results, sourceId: null };
  }
  if (chosen.length === 0 && origin === null) {
    return { landed: true, results, sourceId: null };
  }
  const reported = `[${chosen.map((element) => element.text).join(",")}]`;
  const ages = reportsAge(ctx.actor, origin !== null);
  const row = await runOne<{ results: string; source_id: number | null }>(
    ctx,
    repository.reportItems(writeContext(ctx), originText(origin), ages, atomic, reported),
  );
  const answers: [number, BulkResult["outcome"] | "outside", string | null][] = JSON.parse(row.results);
  for (const [place, outcome, ciId] of answers) {
    const { index = 0, twins = [] } = chosen[place - 1] ?? {};
    const isOutside = outcome === "outside";
    const error = isOutside ? outsideOfSync : null;
    results[index] = { index, outcome: isOutside ? "error" : outcome, ciId, error };
    for (const twin of twins) {
      results[twin] = { index: twin, outcome: isOutside ? "error" : "unchanged", ciId, error };
    }
  }
  const landed = !(atomic && answers.some(([, outcome]) => outcome === "outside"));
  return { landed, results, sourceId: row.source_id };
}

interface Chosen {
  readonly index: number;
  readonly text: string;
  /** Places of equal elements before it. */
  readonly twins: number[];
}

/** Of elements with one identity the last counts; an earlier one is its twin if it says the same, else an error. */
function chooseElements(elements: readonly BulkElement[]): { chosen: Chosen[]; results: BulkResult[] } {
  const byIdentity = new Map<string, Chosen>();
  const results = elements.map((_, index): BulkResult => ({ index, outcome: "unchanged", ciId: null, error: null }));
  for (const [index, element] of elements.entries()) {
    if ("problem" in element) {
      results[index] = { index, outcome: "error", ciId: null, error: element.problem };
      continue;
    }
    const { content } = element;
    const text = JSON.stringify({ ...content, raw_data: content.raw_data ?? {} });
    const identity = JSON.stringify([content.ci_type, content.namespace ?? null, content.name]);
    const earlier = byIdentity.get(identity);
    const twins = earlier?.text === text ? [...earlier.twins, earlier.index] : [];
    if (earlier && earlier.text !== text) {
      const error = `the same type, namespace and name comes again at index ${index} with other content, which was taken`;
      for (const place of [...earlier.twins, earlier.index]) {
        results[place] = { index: place, outcome: "error", ciId: null, error };
      }
    }
    byIdentity.set(identity, { index, text, twins });
  }
  return { chosen: [...byIdentity.values()], results };
}
