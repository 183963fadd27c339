import { FilterSyntaxError } from "../lib/filter-grammar.ts";
import { suggestion } from "../lib/nearest.ts";
import { DomainError } from "./errors.ts";

/** Throws `bad_request`, naming the nearest, for a sort that there is not. */
export function requireSort(sorts: Readonly<Record<string, unknown>>, sort: string): void {
  if (!Object.hasOwn(sorts, sort)) {
    throw new DomainError("bad_request", `cannot sort by "${sort}"${suggestion(sort, Object.keys(sorts))}`);
  }
}

/** Builds a statement; a filter that it cannot be built with is `bad_request`. */
export function readingFilters<Statement>(build: () => Statement): Statement {
  try {
    return build();
  } catch (error) {
    throw error instanceof FilterSyntaxError ? new DomainError("bad_request", error.message) : error;
  }
}
