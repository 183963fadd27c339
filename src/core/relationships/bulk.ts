import { requirePermission } from "../access.ts";
import { type Ctx, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { identityOf, type RelationshipStatement } from "./fields.ts";
import * as repository from "./repository.ts";
import { describeMissing } from "./service.ts";

/** Relationships that one array may carry. */
export const maxStatements = 1000;

/** An element of an array: what is stated, or why it cannot be taken in. */
export type StatementElement = { readonly statement: RelationshipStatement } | { readonly problem: string };

export interface StatementResult {
  readonly index: number;
  readonly outcome: "created" | "updated" | "unchanged" | "error";
  readonly id: string | null;
  readonly error: string | null;
}

/**
 * Takes in up to 1,000 relationships in one statement, as a transaction. Bad elements are answered with their reason and
 * leave the others alone; of elements that mean the same relationship the last counts. Throws `invalid` for too many or none.
 */
export async function stateRelationships(
  ctx: Ctx,
  elements: readonly StatementElement[],
  source: string | null,
): Promise<StatementResult[]> {
  requirePermission(ctx.actor, "relationships:write");
  if (elements.length === 0 || elements.length > maxStatements) {
    throw new DomainError("invalid", `an array holds 1 to ${maxStatements} relationships, this one ${elements.length}`);
  }
  const { results, chosen, twins } = chooseStatements(elements);
  if (chosen.length > 0) {
    const statements = chosen.map(({ statement }) => statement);
    const ends = [...new Set(statements.flatMap(({ source_ci_id, target_ci_id }) => [source_ci_id, target_ci_id]))];
    const row = await runOne<{ results: string }>(
      ctx,
      repository.stateRelationships(ctx.actor, writeContext(ctx), source, ends, JSON.stringify(statements)),
    );
    const answers: [StatementResult["outcome"], string | null, string[]][] = JSON.parse(row.results);
    for (const [place, { index, statement }] of chosen.entries()) {
      const [outcome, id, missing] = answers[place] ?? ["error", null, []];
      results[index] = { index, outcome, id, error: outcome === "error" ? describeMissing(statement, missing) : null };
    }
  }
  for (const [index, later] of twins) {
    const of = results[later];
    if (of) {
      results[index] = { ...of, index, outcome: of.outcome === "error" ? "error" : "unchanged" };
    }
  }
  return results;
}

interface Chosen {
  readonly index: number;
  readonly statement: RelationshipStatement;
  readonly text: string;
}

/** From the last to the first: an earlier element of the same relationship is the last one's twin if it says the same, else an error. */
function chooseStatements(elements: readonly StatementElement[]) {
  const results: StatementResult[] = [];
  const byIdentity = new Map<string, Chosen>();
  const twins: [index: number, later: number][] = [];
  for (const [index, element] of [...elements.entries()].toReversed()) {
    results[index] = { index, outcome: "error", id: null, error: null };
    if ("problem" in element) {
      results[index] = { index, outcome: "error", id: null, error: element.problem };
      continue;
    }
    const { statement } = element;
    const text = JSON.stringify(statement);
    const later = byIdentity.get(identityOf(statement));
    if (!later) {
      byIdentity.set(identityOf(statement), { index, statement, text });
    } else if (later.text === text) {
      twins.push([index, later.index]);
    } else {
      const error = `the same relationship comes again at index ${later.index} with other content, which was taken`;
      results[index] = { index, outcome: "error", id: null, error };
    }
  }
  return { results, chosen: [...byIdentity.values()], twins };
}
