/** Where in a file something begins: byte offset from 0, line from 1, and its index when it is an element of a list. */
export interface Place {
  readonly index: number | null;
  readonly line: number;
  readonly offset: number;
}

/** One configuration item, ready to be sent: `line` is its JSON on one line, `bytes` its size with the newline. */
export interface Item {
  readonly ciType: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly line: string;
  readonly bytes: number;
  readonly file: string;
  readonly place: Place;
}

/** Something in the input that did not become a configuration item, and why. It never carries the text of the input: that may hold secrets. */
export interface Reject {
  readonly file: string;
  readonly place: Place | null;
  readonly reason: string;
  readonly item?: Pick<Item, "ciType" | "namespace" | "name">;
}

export type Reading = { readonly item: Item } | { readonly reject: Reject };

/** A kind of import: what it is called in the help, which files of a folder it reads, and how their bytes become items. */
export interface ImportFormat {
  readonly summary: string;
  readonly extension: string;
  /** Yields every item and reject in the order of the input, holding only what it needs. Broken input ends in a reject; only reading errors are thrown. */
  readonly read: (chunks: AsyncIterable<Uint8Array>, file: string) => AsyncGenerator<Reading>;
}

/** The fields every importer fills in. */
export interface ItemFields {
  readonly name: string;
  readonly namespace: string | null;
  readonly ciType: string;
  readonly rawData: Readonly<Record<string, unknown>>;
}

/** Encodes an item as it goes over the wire. Throws RangeError when `rawData` is nested too deeply to be written. */
export function encodeItem(fields: ItemFields, file: string, place: Place): Item {
  const { name, namespace, ciType, rawData } = fields;
  const line = JSON.stringify({ name, namespace, ci_type: ciType, raw_data: rawData });
  return { ciType, namespace, name, line, bytes: Buffer.byteLength(line) + 1, file, place };
}
