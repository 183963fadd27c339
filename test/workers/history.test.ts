import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  bulkPath,
  createMuster,
  itemsPath,
  type Muster,
  type RequestOptions,
  emptyInventory,
} from "../support/muster.ts";
import { type LoggedChange, type LoggedItem, rewind } from "../support/rewind.ts";

const start = Date.now();
const dayMs = 86_400_000;

const scalar = fc.constantFrom<unknown>(0, 1, 2.5, "x", "1", "", true, null);
const document = fc.record(
  {
    a: fc.oneof(
      scalar,
      fc.record({ b: scalar, "c.d": scalar }, { requiredKeys: [] }),
      fc.array(scalar, { maxLength: 2 }),
    ),
    name: scalar,
    "dotted.key": fc.record({ "": scalar, x: fc.record({ y: scalar }, { requiredKeys: [] }) }, { requiredKeys: [] }),
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

/** Paths whose movement is no change, by type: kept as they were at the last real one. */
function comparable(item: LoggedItem | null): unknown {
  if (item === null) {
    return null;
  }
  const { metadata, status, ...rest } = structuredClone(item.raw_data) as Record<string, Record<string, unknown>>;
  if (item.ci_type.startsWith("kubernetes.") && typeof metadata === "object" && metadata) {
    delete metadata["resourceVersion"];
  }
  const conditions = item.ci_type === "kubernetes.node" && typeof status === "object" ? status?.["conditions"] : [];
  for (const condition of Array.isArray(conditions) ? conditions : []) {
    delete condition.lastHeartbeatTime;
  }
  return { ...item, raw_data: { ...rest, metadata, status } };
}

let muster: Muster;
let clock: number;

type Snapshot = ReadonlyMap<string, LoggedItem>;

async function readItems(): Promise<Snapshot> {
  const rows = await muster.sql<{ ci_id: string; item: string }>(
    `select ci_id, json_build_object('name', name, 'namespace', namespace, 'ci_type', ci_type, 'status', status,
       'department', department, 'raw_data', raw_data)::text as item from configuration_items order by ci_id`,
  );
  return new Map(rows.map(({ ci_id, item }) => [ci_id, JSON.parse(item)]));
}

async function readChanges(): Promise<Map<string, LoggedChange[]>> {
  const rows = await muster.sql<{ ci_id: string; log: string }>(
    `select ci_id, json_agg(json_build_object('name', name, 'namespace', namespace, 'ci_type', ci_type,
       'department', department, 'change_type', change_type, 'version', version, 'entries', entries,
       'changed_at', (extract(epoch from changed_at) * 1000)::bigint))::text as log from changes group by ci_id`,
  );
  return new Map(rows.map(({ ci_id, log }) => [ci_id, JSON.parse(log)]));
}

/** Sends a request that may be refused, but never fail. */
async function send(path: string, options: RequestOptions): Promise<void> {
  const response = await muster.request(path, { key: muster.keys.service, ...options });
  const answer = `${response.status} ${await response.text()}`;
  expect(answer).toMatch(/^(?:200|201|409) /);
}

async function onOne(n: number, work: (ciId: string) => Promise<unknown>): Promise<void> {
  const ids = [...(await readItems()).keys()];
  const ciId = ids[n % ids.length];
  if (ciId !== undefined) {
    await work(ciId);
  }
}

const byHand = (columns: string) =>
  `with clock as materialized (select set_config('muster.now', $2, true))
   update configuration_items c set ${columns} from clock where c.ci_id = $1::uuid`;

const step = fc.oneof(
  fc.tuple(source, sighting).map(([query, body]) => ({
    [fc.toStringMethod]: () => `POST ${query} ${JSON.stringify(body)}`,
    run: async () => send(`${itemsPath}${query}`, { body }),
  })),
  fc.tuple(source, fc.array(sighting, { maxLength: 5 })).map(([query, body]) => ({
    [fc.toStringMethod]: () => `bulk ${query} ${JSON.stringify(body)}`,
    run: async () => send(`${bulkPath}${query}`, { body }),
  })),
  fc.tuple(nth, fc.record({ ...identity, raw_data: document })).map(([n, body]) => ({
    [fc.toStringMethod]: () => `PUT ${n} ${JSON.stringify(body)}`,
    run: async () => onOne(n, async (id) => send(`${itemsPath}/${id}`, { method: "PUT", body })),
  })),
  fc.tuple(nth, fc.record({ ...identity, department, raw_data: document }, { requiredKeys: [] })).map(([n, body]) => ({
    [fc.toStringMethod]: () => `PATCH ${n} ${JSON.stringify(body)}`,
    run: async () => onOne(n, async (id) => send(`${itemsPath}/${id}`, { method: "PATCH", body })),
  })),
  nth.map((n) => ({
    [fc.toStringMethod]: () => `DELETE ${n}`,
    run: async () => onOne(n, async (id) => send(`${itemsPath}/${id}`, { method: "DELETE" })),
  })),
  fc.constantFrom(0.5, 1.5, 7.5, 8).map((days) => ({
    [fc.toStringMethod]: () => `sweep after ${days} days`,
    run: async () => {
      clock += days * dayMs;
      await muster.cron("*/15 * * * *", new Date(clock));
    },
  })),
  fc.tuple(nth, document).map(([n, raw]) => ({
    [fc.toStringMethod]: () => `UPDATE ${n} raw_data ${JSON.stringify(raw)}`,
    run: async () =>
      onOne(n, async (id) =>
        muster.sql(byHand("raw_data = $3::jsonb, name = 'hand ' || c.version"), [
          id,
          new Date(clock).toISOString(),
          JSON.stringify(raw),
        ]),
      ),
  })),
  fc.tuple(nth, fc.constantFrom("active", "inactive", "archived")).map(([n, status]) => ({
    [fc.toStringMethod]: () => `UPDATE ${n} status ${status}`,
    run: async () =>
      onOne(n, async (id) => muster.sql(byHand("status = $3"), [id, new Date(clock).toISOString(), status])),
  })),
);

async function clear(): Promise<void> {
  await emptyInventory(muster);
  clock = start;
}

beforeAll(async () => {
  muster = await createMuster();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Takes the steps, looks at all items after each, and then goes back to each of these moments through the log. */
async function expectRewinds(steps: readonly { readonly run: () => Promise<unknown> }[]): Promise<void> {
  await clear();
  const seen = new Map<number, Snapshot>();
  for (const { run } of steps) {
    clock += 1000;
    vi.setSystemTime(clock);
    await run();
    seen.set(clock, await readItems());
  }
  const present = await readItems();
  const changes = await readChanges();
  for (const [ciId, log] of changes) {
    const versions = log.map((change) => change.version).toSorted((left, right) => left - right);
    expect(versions).toEqual(versions.map((_, place) => place + 1));
    for (const [instant, snapshot] of seen) {
      const then = rewind(present.get(ciId) ?? null, log, instant);
      expect(comparable(then)).toEqual(comparable(snapshot.get(ciId) ?? null));
    }
  }
  expect([...present.keys()].filter((ciId) => !changes.has(ciId))).toEqual([]);
}

describe("the change log", () => {
  it("takes every item back to every instant at which it was seen", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), expectRewinds), { numRuns: 100 });
  });

  it("leads back over a change of type, whatever the new type ignores", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const write = (raw_data: unknown, ci_type: string) => ({
      run: async () =>
        onOne(0, async (id) => send(`${itemsPath}/${id}`, { method: "PUT", body: { name: "one", ci_type, raw_data } })),
    });
    const beating = (n: number) => ({
      metadata: { resourceVersion: n },
      status: { conditions: [{ lastHeartbeatTime: n }] },
    });
    await expectRewinds([
      { run: async () => send(itemsPath, { body: { name: "one", ci_type: "thing", raw_data: { metadata: {} } } }) },
      write(beating(1), "thing"),
      write(beating(1), "kubernetes.node"),
      write({ ...beating(2), x: 1 }, "kubernetes.node"),
      write({}, "kubernetes.node"),
      write(beating(3), "kubernetes.pod"),
      write({}, "kubernetes.pod"),
      write(beating(4), "thing"),
    ]);
  });
});
