export const dayMs = 24 * 60 * 60 * 1000;

const instant =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|z|[+-]\d{2}:?\d{2})?$/;

/**
 * The instant that an ISO 8601 date or date and time names, as `YYYY-MM-DDTHH:MM:SS.mmmZ`; without a zone it is UTC.
 * Undefined for anything else, days that do not exist included.
 */
export function parseInstant(text: string): string | undefined {
  const match = instant.exec(text.trim());
  if (!match) {
    return undefined;
  }
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = match;
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}`;
  const asUtc = new Date(`${local}Z`);
  const time = new Date(`${local}${offset}`);
  const isReal = !Number.isNaN(asUtc.getTime()) && asUtc.toISOString() === `${local}Z` && year !== "0000";
  if (!isReal || Number.isNaN(time.getTime())) {
    return undefined;
  }
  const written = time.toISOString();
  return written.length === 24 ? written : undefined;
}
