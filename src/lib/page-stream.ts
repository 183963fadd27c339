/** A piece of a long text, and where the next one starts; undefined at the end. */
export interface TextPage<Place> {
  readonly text: string;
  readonly next: Place | undefined;
}

const encoder = new TextEncoder();

/**
 * A long text as a stream of UTF-8 that holds two pages at most: while the reader takes one, the next is fetched. A reader
 * that goes away aborts the fetch under way; a fetch that fails breaks the stream, so that it never looks complete.
 */
export function streamPages<Place>(
  start: TextPage<Place>,
  fetchPage: (place: Place, signal: AbortSignal) => Promise<TextPage<Place>>,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  let coming: Promise<TextPage<Place>> | undefined = Promise.resolve(start);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // An empty chunk would be read as no answer to this pull, so pages without text are passed over.
        while (coming !== undefined) {
          // oxlint-disable-next-line no-await-in-loop -- a page names the place of the next
          const page: TextPage<Place> = await coming;
          coming = page.next === undefined ? undefined : fetchPage(page.next, gone.signal);
          // Whoever pulls next is told; until then nobody listens.
          coming?.catch(() => undefined);
          if (page.text !== "") {
            controller.enqueue(encoder.encode(page.text));
            break;
          }
        }
        if (coming === undefined) {
          controller.close();
        }
      },
      cancel(reason) {
        gone.abort(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
