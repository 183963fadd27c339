import fc from "fast-check";
import { expect, vi } from "vitest";
import { parsePath } from "../../src/lib/json-path.ts";
import { emptyInventory, body, bulkPath, itemsPath, type Muster, type RequestOptions, type Row } from "./muster.ts";
import type { LoggedChange, LoggedItem } from "./rewind.ts";
import { dayMs, start } from "./clock.ts";
import { type Entry, iso } from "./time-travel.ts";

export type WireItem = LoggedItem & Row & { readonly ci_id: string };
export type StoredChange = LoggedChange & { readonly id: string };
type Snapshot = ReadonlyMap<string, WireItem>;

interface Step {
  readonly run: (estate: Estate) => Promise<unknown>;
}

/** A Worker with items in it, and a clock that steps move. */
interface Estate {
  readonly muster: Muster;
  now: number;
}

const columns = ["name", "namespace", "ci_type", "status", "department"] as const;

const scalar = fc.constantFrom<unknown>(0, 1, 2.5, "x", "1", "", true, null);
const document = fc.record(
  {
    a: fc.oneof(
      scalar,
      fc.record({ b: fc.oneof(scalar, fc.record({ e: scalar })), "c.d": scalar }, { requiredKeys: [] }),
      fc.array(scalar, { maxLength: 2 }),
    ),
    name: scalar,
    raw_data: scalar,
    "dotted.key": fc.record(
      { "": scalar, 'x"]': fc.record({ y: scalar }, { requiredKeys: [] }) },
      { requiredKeys: [] },
    ),
    status: fc.oneof(
      scalar,
      fc.record({
        conditions: fc.array(fc.record({ type: scalar, lastHeartbeatTime: scalar }, { requiredKeys: [] }), {
          maxLength: 2,
        }),
      }),
    ),
    metadata: fc.record({ resourceVersion: scalar, labels: fc.record({ x: scalar }) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const identity = {
  name: fc.constantFrom("one", "two"),
  namespace: fc.constantFrom(null, "n"),
  ci_type: fc.constantFrom("thing", "kubernetes.pod", "kubernetes.node"),
};
const department = fc.constantFrom(null, "it");
const sighting = fc.record({ ...identity, department, raw_data: document });
const source = fc.constantFrom("", "?source=s");
const nth = fc.nat(5);

/** Takes the steps a second apart, and looks at all items after each. */
export async function take(muster: Muster, taken: readonly Step[]): Promise<ReadonlyMap<number, Snapshot>> {
  await emptyInventory(muster);
  const estate = { muster, now: start };
  const seen = new Map<number, Snapshot>();
  for (const { run } of taken) {
    estate.now += 1000;
    vi.setSystemTime(estate.now);
    await run(estate);
    vi.setSystemTime(estate.now);
    seen.set(estate.now, await readItems(muster));
  }
  return seen;
}

/** All items, as a list shows them. */
export async function readItems(muster: Muster): Promise<Snapshot> {
  const response = await muster.request(
    `${itemsPath}?status=all&include_raw_data=true&limit=100&sort_order=asc&count=none`,
  );
  const { items } = await body<{ items: WireItem[] }>(response);
  return new Map(items.map((item) => [item.ci_id, item]));
}

/** The changes of each item, the oldest first. */
export async function readChanges(muster: Muster): Promise<Map<string, StoredChange[]>> {
  const rows = await muster.sql<{ ci_id: string; log: string }>(
    `select ci_id, json_agg(json_build_object('id', id::text, 'name', name, 'namespace', namespace, 'ci_type', ci_type,
       'department', department, 'change_type', change_type, 'version', version, 'entries', entries,
       'changed_at', (extract(epoch from changed_at) * 1000)::bigint) order by version)::text as log
     from changes group by ci_id`,
  );
  return new Map(rows.map(({ ci_id, log }) => [ci_id, JSON.parse(log)]));
}

/** A document without the paths that its type hides. */
export function shown(item: LoggedItem): unknown {
  const { metadata, status, ...rest } = structuredClone(item.raw_data) as Record<string, unknown>;
  if (item.ci_type.startsWith("kubernetes.") && isObject(metadata)) {
    delete metadata["resourceVersion"];
  }
  const conditions = item.ci_type === "kubernetes.node" && isObject(status) ? status["conditions"] : [];
  for (const condition of Array.isArray(conditions) ? conditions : []) {
    delete condition.lastHeartbeatTime;
  }
  return { ...rest, ...(metadata === undefined ? {} : { metadata }), ...(status === undefined ? {} : { status }) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What the log knows of an item. */
export function logged(item: LoggedItem) {
  return { ...Object.fromEntries(columns.map((column) => [column, item[column]])), raw_data: shown(item) };
}

/** The logged state after entries as the wire shows them. */
export function apply(state: Row, entries: readonly Entry[]): Row {
  const result = structuredClone(state);
  for (const { field, op, new_value } of entries) {
    const isColumn = columns.some((column) => column === field);
    const path = isColumn ? [field] : ["raw_data", ...parsePath(field.replace(/^raw_data\./, ""))];
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), result);
    const key = path.at(-1) ?? "";
    if (!isObject(parent)) {
      throw new TypeError(`${field} has no parent`);
    }
    if (op === "remove") {
      delete parent[key];
    } else {
      parent[key] = new_value;
    }
  }
  return result;
}

/** The first later change that touched a path of this one, a parent or a child of it. */
export function blockerOf(change: StoredChange, log: readonly StoredChange[]): StoredChange | undefined {
  const overlap = (left: readonly string[], right: readonly string[]) => {
    const length = Math.min(left.length, right.length);
    return JSON.stringify(left.slice(0, length)) === JSON.stringify(right.slice(0, length));
  };
  return log.find(
    (later) =>
      later.version > change.version &&
      later.entries.some(({ path }) => change.entries.some((own) => overlap(own.path, path))),
  );
}

/** Sends a request that may be refused, but never fail. */
async function send({ muster }: Estate, path: string, options: RequestOptions): Promise<void> {
  const response = await muster.request(path, { key: muster.keys.service, ...options });
  expect(`${response.status} ${await response.text()}`).toMatch(/^(?:200|201|409) /);
}

async function onOne({ muster }: Estate, n: number, work: (ciId: string) => Promise<unknown>): Promise<void> {
  const ids = [...(await readItems(muster)).keys()];
  const ciId = ids[n % ids.length];
  if (ciId !== undefined) {
    await work(ciId);
  }
}

function step<Value>(
  name: string,
  values: fc.Arbitrary<Value>,
  run: (estate: Estate, value: Value) => Promise<unknown>,
): fc.Arbitrary<Step> {
  return values.map((value) => ({
    [fc.toStringMethod]: () => `${name} ${JSON.stringify(value)}`,
    run: async (estate: Estate) => run(estate, value),
  }));
}

/** Steps of every kind: clients, sources, sweeps and an operator at a prompt. */
export const steps = fc.oneof(
  step("POST", fc.tuple(source, sighting), async (estate, [query, content]) =>
    send(estate, `${itemsPath}${query}`, { body: content }),
  ),
  step("bulk", fc.tuple(source, fc.array(sighting, { maxLength: 5 })), async (estate, [query, content]) =>
    send(estate, `${bulkPath}${query}`, { body: content }),
  ),
  step("PUT", fc.tuple(nth, fc.record({ ...identity, raw_data: document })), async (estate, [n, content]) =>
    onOne(estate, n, async (id) => send(estate, `${itemsPath}/${id}`, { method: "PUT", body: content })),
  ),
  step(
    "PATCH",
    fc.tuple(nth, fc.record({ ...identity, department, raw_data: document }, { requiredKeys: [] })),
    async (estate, [n, content]) =>
      onOne(estate, n, async (id) => send(estate, `${itemsPath}/${id}`, { method: "PATCH", body: content })),
  ),
  step("DELETE", nth, async (estate, n) =>
    onOne(estate, n, async (id) => send(estate, `${itemsPath}/${id}`, { method: "DELETE" })),
  ),
  step("sweep after days", fc.constantFrom(0.5, 1.5, 7.5, 8), async (estate, days) => {
    estate.now += days * dayMs;
    await estate.muster.cron("*/15 * * * *", new Date(estate.now));
  }),
  step("purge after days", fc.constantFrom(1, 8), async (estate, days) => {
    estate.now += days * dayMs;
    // The job would hold the removal of so much of one source.
    await estate.muster.sql(
      "select muster.purge_archived(jsonb_build_object('now', $1::text), 100, array(select id from sources) || 0)",
      [iso(estate.now)],
    );
  }),
  step(
    "UPDATE",
    fc.tuple(nth, fc.constantFrom("active", "inactive", "archived"), document),
    async (estate, [n, status, raw]) =>
      onOne(estate, n, async (id) =>
        estate.muster.sql(
          `with t as materialized (select set_config('muster.now', $2, true))
         update configuration_items c set status = $3, raw_data = $4::jsonb from t where c.ci_id = $1::uuid`,
          [id, iso(estate.now), status, JSON.stringify(raw)],
        ),
      ),
  ),
);
