const firstWaitMs = 500;
const longestWaitMs = 30_000;

/**
 * How long to wait before the next try, in ms: what Retry-After asks for (seconds or an HTTP date) plus up to a tenth, else a doubling wait of which
 * a random half is taken off, so that many clients do not come back at once. `attempt` counts from 1.
 */
export function waitBeforeRetry(attempt: number, retryAfter: string | null, now: number, random: number): number {
  const asked = retryAfter === null ? null : parseRetryAfter(retryAfter, now);
  if (asked !== null) return asked * (1 + random / 10);
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
}

function parseRetryAfter(text: string, now: number): number | null {
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
