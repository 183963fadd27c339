import { setClock, start } from "./clock.ts";
import { body, bulkPath, emptyInventory, type Muster, type RequestOptions, type Row } from "./muster.ts";

export interface Thing {
  readonly name: string;
  readonly ci_type?: string;
  readonly namespace?: string | null;
  readonly raw_data?: unknown;
}

export interface Sync extends Row {
  readonly id: string;
  readonly opened_at: string;
  readonly expires_at: string;
}

export interface BulkAnswer {
  readonly results: readonly {
    index: number;
    outcome: string;
    ci_id: string | null;
    error: { detail: string } | null;
  }[];
  readonly counts: Record<string, number>;
  readonly source_id: number | null;
}

/** What tests of syncs do, each through its route. */
export function syncsOf(muster: Muster) {
  const path = (source: number, rest = "") => `/api/v1/sources/${source}/syncs${rest}`;
  const request = async (where: string, options: RequestOptions = {}) =>
    muster.request(where, { key: muster.keys.service, ...options });
  const open = async (source: number, scope: Row = {}): Promise<Sync> =>
    body<Sync>(await request(path(source), { body: scope }), 201);
  const bulk = async (query: string, items: readonly (Thing | string)[]): Promise<BulkAnswer> =>
    body<BulkAnswer>(await request(`${bulkPath}?${query}`, { body: items.map(toItem) }));
  /** A new source, made by an empty report in its name. */
  const newSource = async (name = crypto.randomUUID()): Promise<number> => {
    const answer = await body<BulkAnswer>(await request(`${bulkPath}?source=${name}`, { body: [] }));
    return answer.source_id ?? 0;
  };
  return {
    path,
    request,
    source: newSource,
    open,
    bulk,
    /** A new source in an inventory that holds nothing, with the clock at the start. */
    async startOver(): Promise<number> {
      setClock(0);
      await emptyInventory(muster, "source_syncs");
      return newSource();
    },
    /** Reports the names a second before a sync is opened in which nothing has been reported yet. */
    async openAfter(of: number, names: readonly string[], scope: Row = {}): Promise<Sync> {
      await bulk(`source_id=${of}`, names);
      setClock(1000);
      return open(of, scope);
    },
    async commit(source: number, sync: { id: string }, options?: Row): Promise<Response> {
      return request(path(source, `/${sync.id}/commit`), {
        method: "POST",
        ...(options === undefined ? {} : { body: options }),
      });
    },
    /** Gives items a record of another source too. */
    async share(names: readonly string[], source: number): Promise<void> {
      await muster.sql(
        `insert into source_records (ci_id, last_seen, source_id, live, ages, ci_type, namespace, name, content_hash)
         select c.ci_id, c.updated_at, $2::integer, true, true, c.ci_type, c.namespace, c.name, c.content_hash
         from configuration_items c where c.name = any ($1)`,
        [names, source],
      );
    },
    async states(): Promise<Record<string, unknown>> {
      const rows = await muster.sql("select name, status from configuration_items order by name");
      return Object.fromEntries(rows.map((row) => [String(row["name"]), row["status"]]));
    },
  };
}

/** An instant in milliseconds from the start, as the wire writes it. */
export const iso = (ms: number) => new Date(start + ms).toISOString();

export function toItem(thing: Thing | string) {
  const {
    name,
    ci_type = "pod",
    namespace = "a",
    raw_data = { v: 1 },
  } = typeof thing === "string" ? { name: thing } : thing;
  return { name, ci_type, namespace, raw_data };
}

export const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);
