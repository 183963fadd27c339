import type { Item } from "./format.ts";

const maxBulkBytes = 4 * 1024 * 1024;
const maxBulkItems = 5000;

/** The largest item that can be sent, alone in its bulk: the longest body the API takes. */
export const maxItemBytes = 8 * 1024 * 1024;

/**
 * Packs items into bulks of at most 4 MiB and 5,000 items; a larger item goes alone. Of items with one identity a bulk holds the last,
 * and `onDuplicate` is told of each one dropped.
 */
export async function* toBulks(
  items: AsyncIterable<Item>,
  onDuplicate: (dropped: Item) => void,
): AsyncGenerator<Item[]> {
  let bulk = new Map<string, Item>();
  let bytes = 0;
  for await (const item of items) {
    const identity = JSON.stringify([item.ciType, item.namespace, item.name]);
    const earlier = bulk.get(identity);
    if (earlier !== undefined) {
      bulk.delete(identity);
      bytes -= earlier.bytes;
      onDuplicate(earlier);
    }
    if (bulk.size > 0 && (bulk.size >= maxBulkItems || bytes + item.bytes > maxBulkBytes)) {
      yield [...bulk.values()];
      bulk = new Map();
      bytes = 0;
    }
    bulk.set(identity, item);
    bytes += item.bytes;
  }
  if (bulk.size > 0) yield [...bulk.values()];
}
