declare global {
  interface JSON {
    rawJSON(text: string): unknown;
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  }
}

/** Why a text could not be taken as JSON; `skip` and `lines` are how many of its bytes and line breaks were fine, as far as the parser tells. */
export interface JsonFault {
  readonly fault: "utf-8" | "json" | "depth";
  readonly skip: number;
  readonly lines: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// A number that a double may not hold or may not print as it was written: long, with a fraction, an exponent, or a negative zero.
// Strings may match too, which costs time but changes nothing.
const delicateNumber = /[[:,]\s*(?:-0|-?(?:\d{16}|\d+[.eE]))/;

/**
 * Parses UTF-8 JSON so that `JSON.stringify` writes every number as it stood in the input, also beyond 2^53.
 * The parser's own message is not passed on, as it quotes the input.
 */
export function parseJson(bytes: Uint8Array): { readonly value: unknown } | JsonFault {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { fault: "utf-8", skip: 0, lines: 0 };
  }
  try {
    return { value: delicateNumber.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text) };
  } catch (error) {
    if (error instanceof RangeError) return { fault: "depth", skip: 0, lines: 0 };
    const position = Number(/at position (\d+)/.exec(String(error))?.[1] ?? 0);
    const fine = text.slice(0, position);
    return { fault: "json", skip: Buffer.byteLength(fine), lines: fine.split("\n").length - 1 };
  }
}

/** Whether a parsed value is a JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keepNumber(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === "number" && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value;
}
