/** Writes one structured event. Never hand in a credential: what is logged is kept. */
export function logEvent(level: "info" | "error", event: Readonly<Record<string, unknown>>): void {
  // oxlint-disable-next-line no-console -- the one place where the Worker speaks to its log
  console[level](JSON.stringify({ level, ...event }));
}
