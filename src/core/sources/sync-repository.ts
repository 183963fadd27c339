import { sql, type SQL } from "drizzle-orm";
import { andBeyond, orderBy, placeOf, type SortKey } from "../../db/keyset.ts";

/** A page of the syncs of a source with their total, newest first; no row where there is no such source. */
export function selectSyncPage(
  sourceId: number,
  page: { readonly offset: number; readonly limit: number; readonly after: readonly string[] | undefined },
  now: Date,
): SQL {
  const ofSource = sql`y.source_id = ${sourceId}::integer`;
  return sql`with page as materialized (
      select y.*, row_number() over (${orderBy(newest, "desc")}) as place from (
        select y.* from source_syncs y where ${ofSource} ${andBeyond(newest, "desc", page.after)}
        ${orderBy(newest, "desc")} limit ${page.limit + 1} offset ${page.offset}) as y)
    select
      coalesce((select json_agg(${render(now)} order by y.place) from page y where y.place <= ${page.limit}), '[]')::text as items,
      (select ${placeOf(newest)} from page y
       where y.place = ${page.limit} and exists (select from page where place > ${page.limit})) as next_place,
      (select count(*) from source_syncs y where ${ofSource})::text as total
    from sources s where s.id = ${sourceId}::integer and s.deleted_at is null`;
}

/** The JSON of one sync, no row where it or its source is not there. */
export function selectSync(sourceId: number, syncId: string, now: Date): SQL {
  return sql`select ${render(now)}::text as sync from source_syncs y join sources s on s.id = y.source_id
    where y.id = ${syncId}::uuid and y.source_id = ${sourceId}::integer and s.deleted_at is null`;
}

/** Opens a sync; `scope` is `{types, namespaces}` as JSON. */
export function openSync(context: string, sourceId: number, scope: string, idleSeconds: number, now: Date): SQL {
  return sql`select y.id, ${render(now)}::text as sync
    from muster.open_sync(${context}::jsonb, ${sourceId}::integer, ${scope}::jsonb, ${idleSeconds}::integer) y`;
}

/** Gives a sync up. */
export function cancelSync(context: string, sourceId: number, syncId: string, now: Date): SQL {
  return sql`select ${render(now)}::text as sync
    from muster.cancel_sync(${context}::jsonb, ${sourceId}::integer, ${syncId}::uuid) y`;
}

/** Ends a sync, or says what that would do; `options` are `{max_drop_percent, force, dry_run}` as JSON. */
export function commitSync(context: string, sourceId: number, syncId: string, options: string): SQL {
  return sql`select muster.commit_sync(${context}::jsonb, ${sourceId}::integer, ${syncId}::uuid, ${options}::jsonb) as ending`;
}

/** Forgets up to `batch` syncs that expired before an instant. */
export function forgetSyncs(before: Date, batch: number): SQL {
  return sql`select muster.forget_syncs(${before.toISOString()}::timestamptz, ${batch}::integer) as syncs`;
}

const newest: readonly SortKey[] = [
  { column: sql`y.opened_at`, type: "timestamptz" },
  { column: sql`y.id`, type: "uuid" },
];

function render(now: Date): SQL {
  return sql`json_build_object(
    'id', y.id, 'source_id', y.source_id,
    'status', case when y.committed_at is not null then 'committed' when y.is_cancelled then 'cancelled'
                   when y.expires_at <= ${now.toISOString()}::timestamptz then 'expired' else 'open' end,
    'types', y.types, 'namespaces', y.namespaces, 'opened_at', muster.iso(y.opened_at),
    'expires_at', muster.iso(y.expires_at), 'committed_at', muster.iso(y.committed_at), 'counts', y.outcome -> 'counts')`;
}
