import { sql, type SQL } from "drizzle-orm";

/** Ages records that were not seen for their threshold; `{records, items}` turned. */
export function sweepUnseen(context: string, batch: number): SQL {
  return sql`select (s.moved ->> 'records')::integer as records, (s.moved ->> 'items')::integer as items
    from (select muster.sweep_unseen(${context}::jsonb, ${batch}) as moved offset 0) s`;
}

/** Ages records that deleted sources have left; `{records, items}` turned. */
export function ageDeletedSources(context: string, batch: number): SQL {
  return sql`select (s.moved ->> 'records')::integer as records, (s.moved ->> 'items')::integer as items
    from (select muster.age_deleted_sources(${context}::jsonb, ${batch}) as moved offset 0) s`;
}

export function sweepInactive(context: string, batch: number): SQL {
  return sql`select muster.sweep_inactive(${context}::jsonb, ${batch}) as items`;
}

/** What is due for removal, by source; source 0 is none. */
export function forecastPurge(now: Date): SQL {
  return sql`select coalesce(f.source_id, 0) as source_id, f.due::integer as due, f.total::integer as total
    from muster.purge_forecast(${now.toISOString()}::timestamptz) f`;
}

export function purgeArchived(context: string, batch: number, sources: readonly number[]): SQL {
  return sql`select muster.purge_archived(${context}::jsonb, ${batch}, ${sql.param(sources)}::integer[]) as items`;
}

export function foldItemCounts(): SQL {
  return sql`select muster.fold_item_counts() as rows`;
}

/** Makes the log's partitions from last month to twelve months ahead. */
export function ensurePartitions(now: Date): SQL {
  const at = sql`${now.toISOString()}::timestamptz`;
  return sql`select muster.ensure_change_partitions(${at} - interval '1 month', ${at} + interval '12 months') as made`;
}

export function recordRun(job: string, started: Date, finished: Date, outcome: string, details: string): SQL {
  return sql`select muster.record_job_run(${job}, ${started.toISOString()}::timestamptz,
    ${finished.toISOString()}::timestamptz, ${outcome}, ${details}::jsonb)`;
}
