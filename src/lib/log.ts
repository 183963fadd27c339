/** Writes one structured event. Never hand in a credential: what is logged is kept. */
export function logEvent(level: "info" | "error", event: Readonly<Record<string, unknown>>): void {
  console[level](JSON.stringify({ level, ...event }));
}
