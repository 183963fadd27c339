import { JsonSplitter } from "./json-splitter.ts";
import type { JsonPart } from "./json-splitter.ts";

/** Cuts a byte stream as JsonSplitter does; ends after a `broken` part. */
export async function* splitJson(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<JsonPart> {
  const splitter = new JsonSplitter();
  for await (const chunk of chunks) {
    for (const part of splitter.push(chunk)) {
      yield part;
      if (part.type === "broken") return;
    }
  }
  yield* splitter.end();
}
