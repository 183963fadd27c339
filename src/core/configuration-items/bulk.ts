import { reportsAge, requirePermission } from "../access.ts";
import { type Ctx, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
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

/**
 * Takes in up to 5,000 sightings in one statement, as a transaction. Bad elements are answered with their reason and
 * leave the others alone; with `atomic` one bad element means that nothing lands, and all others are said to be untouched.
 */
export async function reportItems(
  ctx: Ctx,
  elements: readonly BulkElement[],
  source: string | null,
  atomic: boolean,
): Promise<{ landed: boolean; results: BulkResult[] }> {
  requirePermission(ctx.actor, "configuration-items:write");
  if (elements.length > maxBulkItems) {
    throw new DomainError("invalid", `a bulk holds at most ${maxBulkItems} items, this one has ${elements.length}`);
  }
  const { chosen, results } = chooseElements(elements);
  if (atomic && results.some((result) => result.outcome === "error")) {
    return { landed: false, results };
  }
  if (chosen.length > 0) {
    const reported = `[${chosen.map((element) => element.text).join(",")}]`;
    const ages = reportsAge(ctx.actor, source !== null);
    const row = await runOne<{ results: string }>(
      ctx,
      repository.reportItems(writeContext(ctx), source, ages, reported),
    );
    const answers: [BulkResult["outcome"], string][] = JSON.parse(row.results);
    for (const [place, [outcome, ciId]] of answers.entries()) {
      const { index = 0, twins = [] } = chosen[place] ?? {};
      results[index] = { index, outcome, ciId, error: null };
      for (const twin of twins) {
        results[twin] = { index: twin, outcome: "unchanged", ciId, error: null };
      }
    }
  }
  return { landed: true, results };
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
