import { encodeItem } from "./format.ts";
import type { ImportFormat, ItemFields, Place, Reading } from "./format.ts";
import { splitJson } from "./json-stream.ts";
import type { JsonPart } from "./json-splitter.ts";
import { isObject, parseJson } from "./json-text.ts";
import { maxValueBytes } from "./value-buffer.ts";

type ValuePart = Extract<JsonPart, { type: "value" }>;
type Parsed = ReturnType<typeof parseJson> | { readonly fault: "size"; readonly skip: number; readonly lines: number };
type List = Readonly<Record<string, unknown>>;

/** Elements that wait for a list to tell its kind hold at most this many bytes together. */
const maxHeldBytes = 64 * 1024 * 1024;
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
const noKind = "no kind: not a Kubernetes object";
const faults = {
  "utf-8": "not valid UTF-8",
  json: "broken JSON",
  depth: "nested too deeply",
  size: `larger than ${maxValueBytes / 1024 / 1024} MiB`,
};

/** What `kubectl get -o json` and the API server answer: objects, lists of them, or a stream of either. */
export const kubernetes: ImportFormat = {
  summary: "objects and lists as `kubectl get … -o json` or the API server gives them",
  extension: ".json",
  read: readKubernetes,
};

async function* readKubernetes(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Reading> {
  let list: List | null = null;
  const held: ValuePart[] = [];
  let heldBytes = 0;
  let empty = true;

  function* release(): Generator<Reading> {
    for (const part of held.splice(0)) yield toReading(parsePart(part), part.place, file, list);
    heldBytes = 0;
  }

  for await (const part of splitJson(chunks)) {
    empty = false;
    if (part.type === "broken") {
      yield* release();
      yield broken(file, part.place, part.reason);
      return;
    }
    if (part.type === "members") {
      list = withMembers(list, part.members);
      if (part.last || list.kind !== undefined) yield* release();
      if (part.last) list = null;
      continue;
    }
    const parsed = parsePart(part);
    if ("fault" in parsed && parsed.fault === "json") {
      yield* release();
      const { index, line, offset } = part.place;
      yield broken(file, { index, line: line + parsed.lines, offset: offset + parsed.skip }, "a syntax error");
      return;
    }
    const size = part.bytes?.length ?? 0;
    if (list !== null && list.kind === undefined && lacksKind(parsed) && heldBytes + size <= maxHeldBytes) {
      held.push(part);
      heldBytes += size;
    } else if (!isEmptyList(parsed)) yield toReading(parsed, part.place, file, list);
  }
  if (empty) yield { reject: { file, place: null, reason: "empty: there is no JSON in it" } };
}

/**
 * Turns a Kubernetes object into the fields of a configuration item, or tells why it is none. Kind and apiVersion come from the list where
 * the object has none, as in a PodList. The values of a Secret are left out.
 */
function toItemFields(value: unknown, list: List | null): ItemFields | { readonly reason: string } {
  if (!isObject(value)) return { reason: "not an object" };
  const kind = value.kind ?? elementKind(list);
  if (typeof kind !== "string" || kind === "")
    return { reason: list === null ? noKind : `${noKind}, and its list tells none` };
  const { metadata } = value;
  if (!isObject(metadata) || typeof metadata.name !== "string" || metadata.name === "")
    return { reason: `${kind} without metadata.name` };
  const { name, namespace = null } = metadata;
  if (namespace !== null && typeof namespace !== "string")
    return { reason: `${kind} whose metadata.namespace is not a string` };
  const apiVersion = value.apiVersion ?? (kind === elementKind(list) ? list?.apiVersion : undefined);
  const typed = { ...value, kind, ...(apiVersion === undefined ? {} : { apiVersion }) };
  const ciType = `kubernetes.${kind.toLowerCase()}`;
  const rawData = ciType === "kubernetes.secret" ? withoutSecrets(typed, metadata) : typed;
  return { name, namespace: namespace === "" ? null : namespace, ciType, rawData };
}

function toReading(parsed: Parsed, place: Place, file: string, list: List | null): Reading {
  if ("fault" in parsed) return { reject: { file, place, reason: faults[parsed.fault] } };
  const fields = toItemFields(parsed.value, list);
  if ("reason" in fields) return { reject: { file, place, reason: fields.reason } };
  try {
    return { item: encodeItem(fields, file, place) };
  } catch (error) {
    if (error instanceof RangeError) return { reject: { file, place, reason: faults.depth } };
    throw error;
  }
}

function parsePart(part: ValuePart): Parsed {
  return part.bytes === null ? { fault: "size", skip: 0, lines: 0 } : parseJson(part.bytes);
}

function broken(file: string, place: Place, reason: string): Reading {
  return { reject: { file, place, reason: `broken JSON: ${reason}; the rest of this input was not read` } };
}

function withMembers(list: List | null, members: List): List {
  return { ...list, ...members };
}

function elementKind(list: List | null): string | undefined {
  const kind = list?.kind;
  return typeof kind === "string" && kind.endsWith("List") && kind !== "List"
    ? kind.slice(0, -"List".length)
    : undefined;
}

function lacksKind(parsed: Parsed): boolean {
  return "value" in parsed && isObject(parsed.value) && (parsed.value.kind ?? null) === null;
}

/** Go writes an empty list as `"items": null`. */
function isEmptyList(parsed: Parsed): boolean {
  return (
    "value" in parsed &&
    isObject(parsed.value) &&
    parsed.value.items === null &&
    String(parsed.value.kind).endsWith("List")
  );
}

/** kubectl apply keeps the whole manifest, values and all, in an annotation. */
function withoutSecrets(object: Record<string, unknown>, metadata: Record<string, unknown>): Record<string, unknown> {
  const { data: _data, stringData: _stringData, ...rest } = object;
  if (!isObject(metadata.annotations)) return rest;
  const { [lastApplied]: _manifest, ...annotations } = metadata.annotations;
  return { ...rest, metadata: { ...metadata, annotations } };
}
