import { suggestion } from "./nearest.ts";
import { PathSyntaxError, readPath } from "./json-path.ts";

export const operators = [
  "eq",
  "ne",
  "gt",
  "gte",
  "lt",
  "lte",
  "like",
  "ilike",
  "startswith",
  "in",
  "nin",
  "null",
  "notnull",
] as const;
export type Operator = (typeof operators)[number];

/** One `field:operator:value`; `values` has one element, several for in and nin, none for null and notnull. */
export interface Filter {
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly values: readonly string[];
  /** As it was written, for messages. */
  readonly text: string;
}

/** A filter that cannot be read; the message says what to write instead. */
export class FilterSyntaxError extends Error {}

/**
 * Reads `field:operator:value`. The value is all that follows the second colon, further colons included; in and nin
 * take a list separated by commas, a comma inside a value is written `\,` and a backslash `\\`. Throws FilterSyntaxError.
 */
export function parseFilter(text: string): Filter {
  const { path, rest } = readField(text);
  const [, name = "", separator, value = ""] = /^:([^:]*)(:?)(.*)$/s.exec(rest) ?? [];
  const operator = operators.find((known) => known === name);
  if (operator === undefined) {
    const hint = name === "" ? "; write field:operator:value" : suggestion(name, operators);
    throw new FilterSyntaxError(`filter "${text}" has the unknown operator "${name}"${hint}`);
  }
  if (operator === "null" || operator === "notnull") {
    if (value !== "") {
      throw new FilterSyntaxError(`filter "${text}": ${operator} takes no value`);
    }
    return { path, operator, values: [], text };
  }
  if (separator === "") {
    throw new FilterSyntaxError(`filter "${text}": ${operator} needs a value, as in field:${operator}:value`);
  }
  return { path, operator, values: operator === "in" || operator === "nin" ? splitList(value) : [value], text };
}

function readField(text: string): { path: string[]; rest: string } {
  try {
    const { path, rest } = readPath(text);
    const keys = path.filter((key) => key !== null);
    if (keys.length !== path.length) {
      throw new FilterSyntaxError(`filter "${text}": [*] cannot be filtered on; arrays compare whole`);
    }
    return { path: keys, rest };
  } catch (error) {
    throw error instanceof PathSyntaxError ? new FilterSyntaxError(`filter ${error.message}`) : error;
  }
}

function splitList(text: string): string[] {
  const values: string[] = [];
  let value = "";
  for (let i = 0; i < text.length; i += 1) {
    const next = text[i + 1];
    if (text[i] === "\\" && (next === "," || next === "\\")) {
      value += next;
      i += 1;
    } else if (text[i] === ",") {
      values.push(value);
      value = "";
    } else {
      value += text[i] ?? "";
    }
  }
  return [...values, value];
}
