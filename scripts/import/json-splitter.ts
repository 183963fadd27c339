import type { Place } from "./format.ts";
import { isObject, parseJson } from "./json-text.ts";
import { ValueBuffer } from "./value-buffer.ts";

/**
 * What the splitter finds, in the order of the input:
 * - `value`: an element of a list, or a whole top-level value. `bytes` is null when it is larger than the splitter keeps.
 * - `members`: the members of a list object other than `items`: those before its items, then (with `last`) those after.
 * - `broken`: the input is no JSON from here on; nothing follows.
 */
export type JsonPart =
  | { readonly type: "value"; readonly bytes: Uint8Array | null; readonly place: Place }
  | { readonly type: "members"; readonly members: Readonly<Record<string, unknown>>; readonly last: boolean }
  | { readonly type: "broken"; readonly place: Place; readonly reason: string };

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const newline = 0x0a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const byteOrderMark = [0xef, 0xbb, 0xbf];
const itemsKey = Buffer.from("items");
const listStart = Buffer.from('{"items":[]');
const listEnd = Buffer.from("]}");

/**
 * Cuts a stream of JSON into its top-level values, and a list object or top-level array into its elements, without holding more than one of them.
 * It only follows strings and nesting: whether a value is JSON shows when it is parsed.
 */
export class JsonSplitter {
  #parts: JsonPart[] = [];
  #state: "between values" | "between elements" | "value" | "scalar" | "broken" = "between values";
  /** The array the scan is in: none, a top-level one, or the items of a list object. */
  #array: "none" | "top" | "items" = "none";
  #needs: "value or end" | "value" | "comma or end" = "value or end";
  #elements = 0;
  /** The members of a top-level object are watched for `items`; `#isList` once they were found. */
  #watching = false;
  #isList = false;
  #member: "key" | "value" | "rest" = "rest";
  /** How many bytes of the current key agree with "items"; -1 once one does not. */
  #keyMatch = -1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #place: Place = { index: null, line: 1, offset: 0 };
  #kept = new ValueBuffer();
  /** Where in the current chunk the kept value goes on. */
  #start = 0;
  #line = 1;
  #offset = 0;
  #markBytes = 0;

  /** Takes the next bytes, cut anywhere, and returns the parts they complete. The chunk must not be changed afterwards. */
  push(chunk: Uint8Array): JsonPart[] {
    let i = 0;
    this.#start = 0;
    while (i < chunk.length && this.#state !== "broken") {
      if (this.#state === "value") i = this.#scanValue(chunk, i);
      else if (this.#state === "scalar") i = this.#scanScalar(chunk, i);
      else i = this.#scanBetween(chunk, i);
    }
    if (this.#state === "value" || this.#state === "scalar") this.#kept.add(chunk.subarray(this.#start));
    this.#offset += chunk.length;
    return this.#takeParts();
  }

  /** Tells that the input is over; returns what that completes, or `broken` if it ended too early. */
  end(): JsonPart[] {
    this.#start = 0;
    if (this.#state === "scalar" && this.#array === "none") this.#endValue(new Uint8Array(), 0);
    else if (this.#state === "between elements") this.#break(0, "the input ends inside a list");
    else if (this.#state === "value" || this.#state === "scalar")
      this.#break(
        0,
        `the input ends inside the value that begins at line ${this.#place.line}, byte ${this.#place.offset}`,
      );
    else if (this.#markBytes > 0) this.#break(0, "the input ends inside a byte order mark");
    return this.#takeParts();
  }

  #takeParts(): JsonPart[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Follows strings and nesting to the end of the value; this loop sees nearly every byte of the input. */
  #scanValue(chunk: Uint8Array, from: number): number {
    let inString = this.#inString;
    let escaped = this.#escaped;
    let depth = this.#depth;
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) {
          inString = false;
          if (depth === 0) return this.#endValue(chunk, i + 1);
          continue;
        }
        if (depth === 1 && this.#member === "key" && this.#keyMatch >= 0)
          this.#keyMatch = byte === itemsKey[this.#keyMatch] ? this.#keyMatch + 1 : -1;
      } else if (byte === quote) {
        inString = true;
        if (depth === 1 && this.#member === "key") this.#keyMatch = 0;
      } else if (byte === newline) this.#line++;
      else if (byte === openBrace || byte === openBracket) {
        if (byte === openBracket && depth === 1 && this.#member === "value" && this.#keyMatch === itemsKey.length)
          return this.#openItems(chunk, i + 1);
        depth++;
      } else if (byte === closeBrace || byte === closeBracket) {
        depth--;
        if (depth === 0) return this.#endValue(chunk, i + 1);
      } else if (depth === 1 && this.#watching) {
        if (byte === colon) this.#member = "value";
        else if (byte === comma) this.#member = "key";
      }
    }
    this.#inString = inString;
    this.#escaped = escaped;
    this.#depth = depth;
    return chunk.length;
  }

  #scanScalar(chunk: Uint8Array, from: number): number {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (byte <= 0x20 || byte === comma || byte === closeBracket || byte === closeBrace)
        return this.#endValue(chunk, i);
    }
    return chunk.length;
  }

  #scanBetween(chunk: Uint8Array, i: number): number {
    const byte = chunk[i] ?? 0;
    if (this.#array === "none" && (this.#markBytes > 0 || byte === byteOrderMark[0])) return this.#scanMark(byte, i);
    if (byte === newline) this.#line++;
    if (byte === newline || byte === 0x20 || byte === 0x09 || byte === 0x0d) return i + 1;
    if (this.#array === "none") return this.#openValue(byte, i);
    if (byte === closeBracket && this.#needs !== "value") return this.#closeArray(i + 1);
    if (this.#needs !== "comma or end") return this.#openValue(byte, i);
    if (byte !== comma) return this.#break(i, "a comma or the end of the list is missing");
    this.#needs = "value";
    return i + 1;
  }

  /** A byte order mark may stand before any top-level value: files are concatenated with theirs. */
  #scanMark(byte: number, i: number): number {
    if (byte !== byteOrderMark[this.#markBytes]) return this.#break(i, "no JSON value begins here");
    this.#markBytes = (this.#markBytes + 1) % byteOrderMark.length;
    return i + 1;
  }

  #openValue(byte: number, i: number): number {
    const isElement = this.#array !== "none";
    if (byte === openBracket && !isElement) return this.#openElements("top", i + 1);
    if (byte === 0xff || byte === 0xfe) return this.#break(i, "not UTF-8 (it looks like UTF-16: save it as UTF-8)");
    const nested = byte === openBrace || byte === openBracket;
    const scalar = byte === 0x2d || (byte >= 0x30 && byte <= 0x39) || byte === 0x74 || byte === 0x66 || byte === 0x6e;
    if (!nested && !scalar && byte !== quote)
      return this.#break(i, isElement ? "a value is missing" : "no JSON value begins here");
    this.#place = { index: isElement ? this.#elements : null, line: this.#line, offset: this.#offset + i };
    this.#state = scalar ? "scalar" : "value";
    this.#watching = byte === openBrace && !isElement;
    this.#isList = false;
    this.#member = this.#watching ? "key" : "rest";
    this.#keyMatch = -1;
    this.#depth = nested ? 1 : 0;
    this.#inString = byte === quote;
    this.#escaped = false;
    this.#start = i;
    return i + 1;
  }

  #endValue(chunk: Uint8Array, end: number): number {
    this.#kept.add(chunk.subarray(this.#start, end));
    const bytes = this.#kept.take();
    if (this.#array !== "none") {
      this.#elements++;
      this.#needs = "comma or end";
      this.#state = "between elements";
    } else this.#state = "between values";
    if (this.#watching && this.#isList) this.#emitMembers(bytes, true, end);
    else this.#parts.push({ type: "value", bytes, place: this.#place });
    return end;
  }

  #openItems(chunk: Uint8Array, end: number): number {
    this.#kept.add(chunk.subarray(this.#start, end));
    this.#kept.add(listEnd);
    this.#emitMembers(this.#kept.take(), false, end);
    return this.#state === "broken" ? end : this.#openElements("items", end);
  }

  #openElements(array: "top" | "items", next: number): number {
    this.#array = array;
    this.#state = "between elements";
    this.#needs = "value or end";
    this.#elements = 0;
    return next;
  }

  /** After the items of a list object its other members go on, kept as those of an object of their own. */
  #closeArray(next: number): number {
    const back = this.#array === "items";
    this.#array = "none";
    this.#state = back ? "value" : "between values";
    if (!back) return next;
    this.#place = { index: null, line: this.#line, offset: this.#offset + next };
    this.#watching = true;
    this.#isList = true;
    this.#member = "rest";
    this.#keyMatch = -1;
    this.#depth = 1;
    this.#inString = false;
    this.#escaped = false;
    this.#kept.add(listStart);
    this.#start = next;
    return next;
  }

  #emitMembers(bytes: Uint8Array | null, last: boolean, i: number): void {
    const parsed = bytes === null ? null : parseJson(bytes);
    if (parsed !== null && "value" in parsed && isObject(parsed.value))
      this.#parts.push({ type: "members", members: parsed.value, last });
    else
      this.#break(i, bytes === null ? "the list has too large a member" : "the members around the items are not JSON");
  }

  #break(i: number, reason: string): number {
    this.#state = "broken";
    const index = this.#array === "none" ? null : this.#elements;
    this.#parts.push({ type: "broken", place: { index, line: this.#line, offset: this.#offset + i }, reason });
    return i;
  }
}
