import { vi } from "vitest";

/** An instant that all tests of a file count from, in epoch milliseconds. */
export const start = Date.now();
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Lets the clock stand at an instant, in milliseconds from the start, until vi.useRealTimers. */
export function setClock(ms: number): number {
  vi.useFakeTimers({ toFake: ["Date"], now: start + ms });
  return start + ms;
}
