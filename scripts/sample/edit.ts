import { parsePath } from "../../src/lib/json-path.ts";
import { isJsonObject } from "../../src/lib/json.ts";
import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";

/** New values by path; `undefined` removes the key. */
export type Edits = Readonly<Record<string, JsonValue | undefined>>;

/** The value at a path; undefined where there is none. */
export function valueAt(root: JsonValue, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const key of parsePath(path)) {
    if (value === undefined) return undefined;
    value = isJsonObject(value) ? value[key] : elementsOf(value)[Number(key)];
  }
  return value;
}

/** The string at a path of an item; throws where there is none. */
export function textAt(item: SampleItem, path: string): string {
  const value = valueAt(item.raw_data, path);
  if (typeof value !== "string") throw new Error(`${item.ci_type} ${item.name} has no text at ${path}`);
  return value;
}

/** The number at a path of an item; 0 where there is none, as Kubernetes omits zeros. */
export function countAt(item: SampleItem, path: string): number {
  const value = valueAt(item.raw_data, path);
  return typeof value === "number" ? value : 0;
}

/** The object at a path of an item; an empty one where there is none. */
export function objectAt(item: SampleItem, path: string): JsonObject {
  const value = valueAt(item.raw_data, path);
  return value !== undefined && isJsonObject(value) ? value : {};
}

/** The same item with other values at some paths; the given one stays as it is. */
export function edited(item: SampleItem, edits: Edits): SampleItem {
  const raw = Object.entries(edits).reduce(
    (data, [path, value]) => editedObject(data, parsePath(path), value),
    item.raw_data,
  );
  return { ...item, raw_data: raw };
}

/** The elements of a JSON array; none for anything else. */
export function elementsOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function editedObject(node: JsonObject, keys: readonly string[], value: JsonValue | undefined): JsonObject {
  const [key = "", ...rest] = keys;
  const { [key]: before, ...others } = node;
  const after = rest.length === 0 ? value : editedValue(before, rest, value);
  if (after === undefined) return others;
  return before === undefined ? { ...others, [key]: after } : { ...node, [key]: after };
}

function editedValue(
  node: JsonValue | undefined,
  keys: readonly string[],
  value: JsonValue | undefined,
): JsonValue | undefined {
  if (!Array.isArray(node)) return editedObject(node !== undefined && isJsonObject(node) ? node : {}, keys, value);
  const [position = "", ...rest] = keys;
  return elementsOf(node).map((element, index) => {
    if (index !== Number(position)) return element;
    return (rest.length === 0 ? value : editedValue(element, rest, value)) ?? null;
  });
}
