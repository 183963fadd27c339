/** A piece of a long text, and where the next one starts; undefined at the end. */
export interface TextPage<Place> {
  readonly text: string;
  readonly next: Place | undefined;
}

const encoder = new TextEncoder();

/**
 * A long text as a stream of UTF-8 that holds two pages at most: while the reader takes one, the next is fetched. A reader
 * that goes away aborts the fetch under way, and so does the deadline (milliseconds, for each page); a fetch that fails breaks
 * the stream, so that it never looks complete. All fetches get the same signal: what hangs on one is kept as long as it.
 */
export function streamPages<Place>(
  start: TextPage<Place>,
  fetchPage: (place: Place, signal: AbortSignal) => Promise<TextPage<Place>>,
  deadlineMs: number,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  async function fetchInTime(place: Place): Promise<TextPage<Place>> {
    const timer = setTimeout(() => gone.abort(new DOMException("a page took too long", "TimeoutError")), deadlineMs);
    try {
      return await fetchPage(place, gone.signal);
    } finally {
      clearTimeout(timer);
    }
  }
  let coming: Promise<TextPage<Place>> | undefined = Promise.resolve(start);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // An empty chunk would be read as no answer to this pull, so pages without text are passed over.
        while (coming !== undefined) {
          // oxlint-disable-next-line no-await-in-loop -- a page names the place of the next
          const page: TextPage<Place> = await coming;
          coming = page.next === undefined ? undefined : fetchInTime(page.next);
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
