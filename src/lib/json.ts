export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Levels of nesting that a document may have; real Kubernetes objects stay below 40. */
export const maxJsonDepth = 64;

/** Digits after the point that PostgreSQL's numeric holds. */
const maxDecimalPlaces = 16_383;

/** The text is not JSON; the message says what is wrong and, where that needs no quotation, at which place. */
export class JsonSyntaxError extends Error {}

// TypeScript's library does not know these two parts of the language yet.
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
}
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const exact = JSON as unknown as ExactJson;

const mayHoldLongNumber = /(?:^|[:[,\s])-?(?:[\d.]{16}|\d+(?:\.\d+)?[eE])/;
const mayHoldBadCharacter = /\\u(?:0000|[dD][89a-fA-F])/;

/**
 * JSON.parse that loses no digits: a number that a double cannot hold comes back as an opaque value which
 * JSON.stringify writes as it was read. Throws JsonSyntaxError.
 */
export function parseJson(text: string): unknown {
  try {
    return mayHoldLongNumber.test(text) ? exact.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    // The parser for long numbers recurses, and gives up on what is nested much deeper than could be stored.
    const reason = error instanceof RangeError ? "it is nested too deeply" : undefined;
    throw new JsonSyntaxError(reason ?? (error instanceof Error ? withoutExcerpt(error.message) : "not JSON"));
  }
}

/** A number that `parseJson` kept as it was written, as the nearest double; anything else as it is. */
export function asDouble(value: unknown): unknown {
  return exact.isRawJSON(value) ? Number(JSON.stringify(value)) : value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !exact.isRawJSON(value);
}

/** A parsed number that kept its digits as the nearest double; anything else as it is. */
export function toDouble(value: unknown): unknown {
  return exact.isRawJSON(value) ? Number(JSON.stringify(value)) : value;
}

/** Whether a text that was parsed can hold NUL or lone surrogates at all; looking into every string is for those that can. */
export function mayHoldBadCharacters(text: string): boolean {
  return mayHoldBadCharacter.test(text);
}

/**
 * The reason why PostgreSQL could not keep a parsed value as it is (nesting, a number out of range, NUL or a lone
 * surrogate in a key or string), or undefined. Strings are looked at only with `strings`.
 */
export function storageProblem(value: unknown, strings: boolean, depth = 1): string | undefined {
  if (typeof value === "string") {
    return strings ? textProblem(value) : undefined;
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "a number is out of range";
  }
  if (typeof value !== "object" || value === null || exact.isRawJSON(value)) {
    return undefined;
  }
  if (depth > maxJsonDepth) {
    return `it is nested deeper than ${maxJsonDepth} levels`;
  }
  for (const [key, inner] of Object.entries(value)) {
    const problem = (strings ? textProblem(key) : undefined) ?? storageProblem(inner, strings, depth + 1);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}

/** The reason why a text cannot be stored: NUL or a lone surrogate. */
export function textProblem(text: string): string | undefined {
  if (text.includes("\0")) {
    return "a text holds the character NUL (\\u0000)";
  }
  return text.isWellFormed() ? undefined : "a text holds a lone surrogate, which is no character";
}

// V8 quotes the text around the place, and a text may hold a secret.
function withoutExcerpt(message: string): string {
  return message.replace(/^(Unexpected token).*$/s, "$1");
}

// The decision rests on the number alone, so that a document is stored the same whatever else the request holds.
function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined || !Number.isFinite(value)) {
    return value;
  }
  const [mantissa = "", exponent = "0"] = context.source.split(/[eE]/);
  if (value === 0 && /[1-9]/.test(mantissa)) {
    return Number.NaN;
  }
  const digits = mantissa.replace(/[-.]/g, "").replace(/^0+/, "").replace(/0+$/, "");
  if (digits.length <= 15 && (!Number.isInteger(value) || Number.isSafeInteger(value))) {
    return value;
  }
  const decimalPlaces = (mantissa.split(".")[1] ?? "").length - Number(exponent);
  if (decimalPlaces > maxDecimalPlaces) {
    return Number.NaN;
  }
  // PostgreSQL tells 1.50 from 1.5 as texts and not as values; the same number is always written the same.
  const shortest = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return exact.rawJSON(shortest + context.source.slice(mantissa.length));
}
