import { isObject } from "./json-text.ts";

/** What became of one item of a bulk; `error` is set when it did not land. */
export interface ItemResult {
  readonly outcome: string;
  readonly error: string | null;
}

/** Reads the answer to a bulk of `count` items, in the order of the items. Throws Error saying what is wrong with it. */
export function readResults(text: string, count: number): ItemResult[] {
  const body = parseBody(text);
  if (body === undefined) throw new Error(`the answer is not JSON (${excerpt(text)}); is this the URL of Muster?`);
  if (!isObject(body) || !Array.isArray(body.results))
    throw new Error(`the answer is no result of a bulk (${excerpt(text)}); is this the URL of Muster?`);
  const results: (ItemResult | undefined)[] = Array.from({ length: count });
  for (const [position, result] of body.results.entries()) {
    if (!isObject(result) || typeof result.outcome !== "string")
      throw new Error(`result ${position} of the bulk has no outcome`);
    const index = typeof result.index === "number" ? result.index : position;
    const failed = result.outcome === "error";
    results[index] = {
      outcome: result.outcome,
      error: failed ? (describeError(result.error) ?? "no reason given") : null,
    };
  }
  const complete = results.filter((result) => result !== undefined);
  if (complete.length !== count || results.length !== count)
    throw new Error(`the answer holds ${complete.length} results for a bulk of ${count} items`);
  return complete;
}

/** The detail a failed request's body gives, whatever its shape, or the beginning of its text. */
export function readDetail(text: string): string {
  return describeError(parseBody(text)) ?? excerpt(text);
}

function describeError(error: unknown): string | null {
  if (typeof error === "string" && error !== "") return error;
  if (Array.isArray(error) && error.length > 0) return JSON.stringify(error).slice(0, 500);
  if (!isObject(error)) return null;
  for (const field of ["detail", "message", "error", "title"]) {
    const described = describeError(error[field]);
    if (described !== null) return described;
  }
  return null;
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is shown as it is by the callers.
    return undefined;
  }
}

function excerpt(text: string): string {
  const start = text.trim().slice(0, 120);
  return start === "" ? "an empty body" : `"${start}"`;
}
