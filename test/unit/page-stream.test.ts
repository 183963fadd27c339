import { expect, it } from "vitest";
import { streamPages } from "../../src/lib/page-stream.ts";

const first = { text: "a", next: 1 };

it("hands all fetches one signal, which no page that came in time has ended", async () => {
  const signals: AbortSignal[] = [];
  const stream = streamPages(
    first,
    async (place: number, signal) => {
      signals.push(signal);
      return { text: String(place), next: place < 3 ? place + 1 : undefined };
    },
    60_000,
  );
  expect(await new Response(stream).text()).toBe("a123");
  expect(new Set(signals).size).toBe(1);
  expect(signals[0]?.aborted).toBe(false);
});

it("ends a fetch that takes too long, and breaks with it", async () => {
  const stream = streamPages(
    first,
    (_place: number, signal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    10,
  );
  await expect(new Response(stream).text()).rejects.toMatchObject({ name: "TimeoutError" });
});
