import { sql, type SQL } from "drizzle-orm";
import { type PageWindow, selectPage } from "../../db/page.ts";
import { renderSource, type SourceShape } from "./shape.ts";

export interface SourceSelection {
  readonly collectorId?: number | undefined;
  readonly status?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** A page of sources, in the order in which they were made. */
export function selectSourcePage(selection: SourceSelection, page: PageWindow, shape: SourceShape): SQL {
  const { collectorId, status, enabled } = selection;
  const conditions = [
    live,
    ...(collectorId === undefined ? [] : [sql`s.collector_id = ${collectorId}`]),
    ...(status === undefined ? [] : [sql`s.status = ${status}`]),
    ...(enabled === undefined ? [] : [sql`(s.status = 'enabled') = ${enabled}`]),
  ];
  const keys = [{ column: sql`s.id`, type: "integer" }] as const;
  return selectPage(sql`sources s`, conditions, keys, "asc", page, renderSource(shape));
}

/** The text of an array of a collector's sources; no row without the collector. */
export function selectSourcesOf(collectorId: number, shape: SourceShape): SQL {
  return sql`select coalesce((select json_agg(${renderSource(shape)} order by s.id) from sources s
      where s.collector_id = h.id and ${live}), '[]')::text as sources
    from collectors h where h.id = ${collectorId}`;
}

export function selectSource(id: number, shape: SourceShape): SQL {
  return sql`select ${renderSource(shape)}::text as source from sources s where s.id = ${id} and ${live}`;
}

export interface NewPlace extends Record<string, unknown> {
  readonly id: number;
  readonly collector_endpoint: string | null;
}

/** An id for a source that is to come with credentials, and whom they would go to; no row without the collector. */
export function reservePlace(collectorId: number): SQL {
  return sql`select muster.next_source_id() as id, k.endpoint as collector_endpoint from collectors k where k.id = ${collectorId}`;
}

export interface Place extends Record<string, unknown> {
  readonly endpoint: string | null;
  readonly collector_endpoint: string | null;
  /** Sealed. */
  readonly credentials: string | null;
}

/** What decides whether credentials can stay or be changed; no row without the source. */
export function selectPlace(id: number): SQL {
  return sql`select s.endpoint, k.endpoint as collector_endpoint, s.credentials::text as credentials
    from sources s left join collectors k on k.id = s.collector_id where s.id = ${id} and ${live}`;
}

/** Adds a source and answers it; no row without the collector. `place` is what its credentials were sealed for. */
export function createSource(
  context: string,
  collectorId: number,
  content: string,
  sealed: { readonly credentials: string; readonly place: NewPlace } | undefined,
  shape: SourceShape,
): SQL {
  const credentials = sealed?.credentials ?? null;
  const place = sealed ? JSON.stringify(sealed.place) : null;
  return sql`select s.id, ${renderSource(shape)}::text as source
    from (select muster.create_source(${context}::jsonb, ${collectorId}, ${content}::jsonb, ${credentials}::jsonb, ${place}::jsonb)
            as id offset 0) w
    cross join lateral muster.current_source(w.id) s`;
}

/** Changes a source and answers it as it is afterwards; no row without it. `place` is what the change was decided on. */
export function updateSource(
  context: string,
  id: number,
  change: { readonly patch: string; readonly place: Place | undefined },
  shape: SourceShape,
): SQL {
  const { patch, place } = change;
  const expected =
    place === undefined
      ? sql`null::jsonb`
      : sql`jsonb_build_object('endpoint', ${place.endpoint}::text, 'collector_endpoint', ${place.collector_endpoint}::text,
          'credentials', ${place.credentials}::jsonb)`;
  return sql`select ${renderSource(shape)}::text as source
    from (select muster.update_source(${context}::jsonb, ${id}, ${patch}::jsonb, ${expected}) as found offset 0) w
    cross join lateral muster.current_source(${id}) s where w.found`;
}

/** Deletes a source and ages up to `batch` of its records; the rest is for `ageDeletedSources`. */
export function deleteSource(context: string, id: number, batch: number): SQL {
  return sql`select muster.delete_source(${context}::jsonb, ${id}, ${batch}) as found`;
}

export interface AskedSource extends Record<string, unknown> {
  readonly id: number;
  readonly name: string;
  readonly collector_endpoint: string | null;
}

/** What a check of a source's health needs; no row without the source. */
export function selectAskedSource(id: number): SQL {
  return sql`select s.id, s.name, k.endpoint as collector_endpoint
    from sources s left join collectors k on k.id = s.collector_id where s.id = ${id} and ${live}`;
}

/** Keeps what a check found. */
export function storeSourceHealth(
  context: string,
  id: number,
  found: { readonly health: string; readonly collectedAt: string | undefined; readonly collectorHealth: string },
): SQL {
  const { health, collectedAt = null, collectorHealth } = found;
  return sql`select muster.store_source_health(${context}::jsonb, ${id}, ${health}::jsonb, ${collectedAt}::timestamptz,
    ${collectorHealth}::jsonb) as found`;
}

/** Takes in a collector's report. */
export function reportSourceHealth(context: string, id: number, report: string): SQL {
  return sql`select muster.report_source_health(${context}::jsonb, ${id}, ${report}::jsonb) as found`;
}

const live = sql`s.deleted_at is null`;
