import type { Muster } from "./muster.ts";

/** The id of the n-th item of a generated graph. */
export function graphItem(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

/**
 * Fills a database with `items` items (from 0) and `edges` relationships, each item being the source of equally many, to
 * others all over the graph; in two of three the source needs the target. Leaves both tables vacuumed.
 */
export async function generateGraph(muster: Muster, items: number, edges: number): Promise<void> {
  await stopAutovacuum(muster);
  await generateItems(muster, 0, items);
  await muster.sql(
    `insert into relationships (source_ci_id, relationship_type, target_ci_id, first_seen, last_seen, extracted)
     select ${idOf("n")}, (array['depends_on', 'runs_on', 'owned_by'])[1 + k % 3],
            ${idOf("(n + 1 + (n::bigint * (2 * k + 3) * 7919 + k * 104729) % ($1::integer - 1)) % $1")}, now(), now(), true
     from generate_series(0, $1::integer - 1) n cross join generate_series(0, $2::integer - 1) k`,
    [items, Math.floor(edges / items)],
  );
  await vacuumGraph(muster);
}

/** Adds an item that so many new items run on, and one that hosts all of them; answers their ids. */
export async function generateHubs(muster: Muster, from: number, neighbours: number): Promise<[string, string]> {
  await generateItems(muster, from, neighbours + 2);
  await muster.sql(
    `insert into relationships (source_ci_id, relationship_type, target_ci_id, first_seen, last_seen, extracted)
     select ${idOf("n")}, 'runs_on', ${idOf("$1::integer")}, now(), now(), true
     from generate_series($1::integer + 2, $1::integer + $2::integer + 1) n
     union all
     select ${idOf("$1::integer + 1")}, 'hosts', ${idOf("n")}, now(), now(), true
     from generate_series($1::integer + 2, $1::integer + $2::integer + 1) n`,
    [from, neighbours],
  );
  await vacuumGraph(muster);
  return [graphItem(from), graphItem(from + 1)];
}

async function generateItems(muster: Muster, from: number, items: number): Promise<void> {
  await muster.sql(
    `insert into configuration_items (ci_id, name, ci_type, content_hash)
     select ${idOf("n")}, 'item-' || n, 'thing', '' from generate_series($1::integer, $1::integer + $2::integer - 1) n`,
    [from, items],
  );
}

// The SQL of `graphItem`.
function idOf(n: string): string {
  return `('00000000-0000-4000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
}

// Its snapshots would keep a vacuum from marking pages as visible to all.
async function stopAutovacuum(muster: Muster): Promise<void> {
  await muster.sql(`do $$ declare name text; begin
    for name in select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind = 'r' loop
      execute format('alter table %s set (autovacuum_enabled = off)', name);
    end loop; end $$`);
}

async function vacuumGraph(muster: Muster): Promise<void> {
  // Commits are not awaited on the test database, and a vacuum does not trust one that is not on disk.
  await muster.sql("checkpoint");
  await muster.sql("vacuum analyze relationships");
  await muster.sql("vacuum analyze configuration_items");
}
