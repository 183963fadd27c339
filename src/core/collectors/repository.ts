import { sql, type SQL } from "drizzle-orm";
import { type PageWindow, selectPage } from "../../db/page.ts";
import { type CollectorShape, renderCollector } from "./shape.ts";

export interface CollectorSelection {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly status?: string | undefined;
}

/** A page of collectors, in the order in which they were made. */
export function selectCollectorPage(selection: CollectorSelection, page: PageWindow, shape: CollectorShape): SQL {
  const conditions = [
    ...(selection.name === undefined ? [] : [sql`k.name = ${selection.name}`]),
    ...(selection.type === undefined ? [] : [sql`k.type = ${selection.type}`]),
    ...(selection.status === undefined ? [] : [sql`k.status = ${selection.status}`]),
  ];
  const keys = [{ column: sql`k.id`, type: "integer" }] as const;
  return selectPage(sql`collectors k`, conditions, keys, "asc", page, renderCollector(shape));
}

export function selectCollector(id: number, shape: CollectorShape): SQL {
  return sql`select ${renderCollector(shape)}::text as collector from collectors k where k.id = ${id}`;
}

/** Adds a collector and answers it. */
export function createCollector(context: string, content: string, shape: CollectorShape): SQL {
  return sql`select k.id, ${renderCollector(shape)}::text as collector
    from (select muster.create_collector(${context}::jsonb, ${content}::jsonb) as id offset 0) w
    cross join lateral muster.current_collector(w.id) k`;
}

/** Changes a collector and answers it as it is afterwards; no row without it. */
export function updateCollector(context: string, id: number, patch: string, shape: CollectorShape): SQL {
  return sql`select ${renderCollector(shape)}::text as collector
    from (select muster.update_collector(${context}::jsonb, ${id}, ${patch}::jsonb) as found offset 0) w
    cross join lateral muster.current_collector(${id}) k where w.found`;
}

export function deleteCollector(context: string, id: number): SQL {
  return sql`select muster.delete_collector(${context}::jsonb, ${id}) as found`;
}

export interface AskedCollector extends Record<string, unknown> {
  readonly id: number;
  readonly name: string;
  readonly endpoint: string | null;
}

/** What a call to a collector needs; no row without it. */
export function selectAskedCollector(id: number): SQL {
  return sql`select k.id, k.name, k.endpoint from collectors k where k.id = ${id}`;
}

export interface CollectorWithSources extends AskedCollector {
  readonly enabled: boolean;
  /** Sources that are not deleted, and of those the ones that are known as healthy and as anything else. */
  readonly sources_total: number;
  readonly sources_healthy: number;
  readonly sources_unhealthy: number;
}

/** All collectors with how their sources are: those first that are expected to answer, and of these those that were not asked for longest. */
export function selectCollectorsWithSources(): SQL {
  const health = sql`s.health_status ->> 'status'`;
  return sql`select k.id, k.name, k.endpoint, k.status = 'enabled' as enabled,
      count(s.id)::integer as sources_total,
      count(*) filter (where ${health} = 'healthy')::integer as sources_healthy,
      count(*) filter (where ${health} in ('degraded', 'unhealthy'))::integer as sources_unhealthy
    from collectors k left join sources s on s.collector_id = k.id and s.deleted_at is null
    group by k.id
    order by case k.health_status ->> 'status' when 'healthy' then 1 when 'degraded' then 2 when 'unhealthy' then 4 else 3 end,
      k.health_status ->> 'last_check' nulls first, k.id`;
}

/** Keeps what collectors answered: the text of an array of {id, health}. */
export function storeCollectorHealth(answers: string): SQL {
  return sql`select muster.store_collector_health(${answers}::jsonb)`;
}

/** A source that was claimed for a collection. */
export interface ClaimedSource {
  readonly id: number;
  readonly name: string;
  readonly endpoint: string | null;
  readonly username: string | null;
  /** JSON text, which keeps all digits. */
  readonly config: string;
  readonly schedule_config: unknown;
  /** Its credentials as the vault sealed them. */
  readonly sealed: string | null;
  readonly claimed_until: string;
}

/** Sources of one collector that were claimed together. */
export interface Claim {
  readonly collector: {
    readonly id: number;
    readonly name: string;
    readonly type: string;
    readonly endpoint: string;
    /** JSON text, which keeps all digits. */
    readonly config: string;
  };
  readonly claimed: readonly ClaimedSource[];
}

export interface AskedClaim extends Claim {
  readonly passed_over: readonly {
    readonly id: number;
    readonly name: string;
    readonly reason: "disabled" | "collecting";
  }[];
}

/** Claims sources of a collector, all or some, whether or not they are due; `claim` is null without such a collector. */
export function claimSources(context: string, collectorId: number, ids: readonly number[] | undefined): SQL {
  const wanted = ids === undefined ? sql`null` : sql`${sql.param(ids)}`;
  return sql`select muster.claim_sources(${context}::jsonb, ${collectorId}, ${wanted}::integer[]) as claim`;
}

/** Claims sources that are due, by collector. */
export function claimDueSources(context: string, most: number): SQL {
  return sql`select muster.claim_due_sources(${context}::jsonb, ${most}) as claims`;
}

/** Ends claims that came to nothing: the text of an array of {id, claimed_until, error}. */
export function releaseClaims(context: string, outcomes: string): SQL {
  return sql`select muster.release_claims(${context}::jsonb, ${outcomes}::jsonb)`;
}
