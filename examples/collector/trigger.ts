import { isObject } from "../../scripts/import/json-text.ts";

/** What Muster asks for. Of all that it tells about a source, this collector needs the id and the name: how to read it, only the configuration says. */
export interface Trigger {
  readonly collectionId: string;
  readonly sources: readonly WantedSource[];
}

export interface WantedSource {
  readonly id: number;
  readonly name: string;
}

/** Reads the body of a trigger; null when it is none. The credentials in it go no further. */
export function readTrigger(body: Uint8Array): Trigger | null {
  const value = parse(body);
  if (!isObject(value) || typeof value.collection_id !== "string" || !Array.isArray(value.sources)) return null;
  const sources = value.sources.flatMap((source: unknown) =>
    isObject(source) && typeof source.id === "number" && typeof source.name === "string"
      ? [{ id: source.id, name: source.name }]
      : [],
  );
  return sources.length === value.sources.length ? { collectionId: value.collection_id, sources } : null;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined; // the parser's message quotes the body
  }
}
