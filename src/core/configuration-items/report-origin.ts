/**
 * Where a report comes from: the source of that name, made on first use; a source that is there; or the source of an open
 * sync, which then counts it as seen.
 */
export type ReportOrigin = { readonly source: string } | { readonly source_id: number } | { readonly sync_id: string };

/** Why an element of a sync's bulk is refused. */
export const outsideOfSync =
  "its type or namespace is outside the scope of this sync, so the sync cannot tell that it is there";

/** The origin as the writing function reads it. */
export function originText(origin: ReportOrigin | null): string {
  return JSON.stringify(origin ?? {});
}
