import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { expectEdgesAsDocuments } from "../support/extraction-oracle.ts";
import { bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

const writers = 32;
const nodes = 8;
const pods = 160;

let muster: Muster;

interface Sent {
  readonly ci_type: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly raw_data: Row;
}

const of = (kind: string, name: string, raw_data: Row = {}, namespace: string | null = "shop"): Sent => ({
  ci_type: `kubernetes.${kind}`,
  namespace,
  name,
  raw_data,
});

/** A cluster as it stands in a round: in each the pods are on other nodes, under other owners and other labels. */
function cluster(round: number): Sent[] {
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
  return [
    ...numbers(nodes).map((n) => of("node", `node-${n}`, { round }, null)),
    ...numbers(20).map((n) =>
      of("replicaset", `rs-${n}`, {
        metadata: { ownerReferences: [{ kind: "Deployment", name: `d-${(n + round) % 5}` }] },
      }),
    ),
    ...numbers(5).map((n) => of("deployment", `d-${n}`)),
    ...numbers(10).map((n) => of("configmap", `cm-${n}`, { data: { round } })),
    ...numbers(6).map((n) => of("service", `svc-${n}`, { spec: { selector: { app: `app-${(n + round) % 7}` } } })),
    ...numbers(pods).map((n) =>
      of("pod", `pod-${n}`, {
        metadata: {
          labels: { app: `app-${(n * (round + 1)) % 7}`, n: String(n) },
          ownerReferences: [{ kind: "ReplicaSet", name: `rs-${(n + round) % 20}`, controller: true }],
        },
        spec: {
          nodeName: `node-${(n * 3 + round) % nodes}`,
          volumes: [{ name: "v", configMap: { name: `cm-${n % 10}` } }],
        },
      }),
    ),
  ];
}

/** An order that no writer shares, and that each run repeats. */
function shuffled<Value>(values: readonly Value[], seed: number): Value[] {
  const [order = []] = fc.sample(fc.shuffledSubarray([...values], { minLength: values.length }), { seed, numRuns: 1 });
  return order;
}

/** Every writer sends its share one by one and in bulks, all at the same time; an item may be the business of two writers. */
async function writeAtOnce(items: readonly Sent[], seed: number): Promise<void> {
  const order = shuffled([...items, ...shuffled(items, seed + 1).slice(0, items.length / 4)], seed + 2);
  const statuses = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const share = order.filter((_item, place) => place % writers === writer);
      const bulk = new Map(share.slice(3).map((item) => [item.name, item]));
      const single = share.slice(0, 3).map((item) => () => muster.request(`${itemsPath}?source=k8s`, { body: item }));
      const requests = [...single, () => muster.request(`${bulkPath}?source=k8s`, { body: [...bulk.values()] })];
      const seen: number[] = [];
      for (const request of shuffled(requests, seed + writer)) {
        seen.push((await request()).status);
      }
      return seen;
    }),
  );
  expect(new Set(statuses.flat())).toEqual(
    new Set(statuses.flat().filter((status) => status === 200 || status === 201)),
  );
}

beforeAll(async () => {
  muster = await createMuster();
});

it("32 writers of the two ends of edges lose none of them, in whatever order they come", async () => {
  for (const round of [0, 1, 2, 3]) {
    await writeAtOnce(cluster(round), round * 100);
    const edges = await expectEdgesAsDocuments(muster);
    expect(edges).toBeGreaterThan(pods * 3);
  }
  expect(await muster.sql("select from configuration_items")).toHaveLength(cluster(0).length);
});

it("writers that make, rename, archive, remove and relate again at once leave what the documents ask for", async () => {
  const rows = await muster.sql<{ ci_id: string; name: string }>(
    "select ci_id, name from configuration_items order by ci_id",
  );
  const chosen = shuffled(rows, 7).slice(0, 60);
  const work = [
    ...chosen.slice(0, 20).map((row) => () => muster.request(`${itemsPath}/${row.ci_id}`, { method: "DELETE" })),
    ...chosen
      .slice(20, 40)
      .map(
        (row) => () =>
          muster.request(`${itemsPath}/${row.ci_id}`, { method: "PATCH", body: { name: `${row.name}-x` } }),
      ),
    ...chosen
      .slice(40)
      .map(
        (row) => () =>
          muster.sql(
            "with r as (delete from source_records where ci_id = $1) delete from configuration_items where ci_id = $1",
            [row.ci_id],
          ),
      ),
    ...Array.from({ length: 8 }, (_, n) => () => muster.sql("select muster.relate_items('{}', $1)", [20 + n])),
    () =>
      writeAtOnce(
        cluster(5).filter(({ name }) => !chosen.some((row) => row.name === name)),
        900,
      ),
  ];
  await muster.sql(
    "update relationship_declarations set is_related = false, reached_type = null, reached_at = null, reached_id = null",
  );
  await Promise.all(shuffled(work, 11).map(async (request) => request()));
  await expectEdgesAsDocuments(muster);
});

it("a host of one source and the OSDs of others find each other when they come at once", async () => {
  const sends = Array.from({ length: 16 }, (_, n) => [
    { source: `ceph-${n % 4}`, ci_type: "ceph.osd", name: `osd.${n}`, raw_data: { metadata: { hostname: `h${n}` } } },
    {
      source: `hosts-${n % 3}`,
      ci_type: "host",
      name: `h${n}.example`,
      raw_data: { networking: { hostname: `h${n}` } },
    },
  ]).flat();
  const responses = await Promise.all(
    shuffled(sends, 13).map(async ({ source, ...item }) =>
      muster.request(`${itemsPath}?source=${source}`, { body: item }),
    ),
  );
  expect(responses.map((response) => response.status)).toEqual(responses.map(() => 201));
  await expectEdgesAsDocuments(muster);
  const [crossing] = await muster.sql(
    `select count(*)::int as n from relationships e join configuration_items t on t.ci_id = e.target_ci_id where t.ci_type = 'host'`,
  );
  expect(crossing).toEqual({ n: 16 });
});

it("items that are reported one by one at once find each other by name and by labels", async () => {
  const items = cluster(6).map((item) => ({ ...item, namespace: item.namespace && "alone" }));
  const order = shuffled(items, 17);
  const statuses = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const seen: number[] = [];
      for (const item of order.filter((_item, place) => place % writers === writer)) {
        seen.push((await muster.request(`${itemsPath}?source=alone`, { body: item })).status);
      }
      return seen;
    }),
  );
  expect(new Set(statuses.flat())).toEqual(new Set([201]));
  expect(await expectEdgesAsDocuments(muster)).toBeGreaterThan(pods * 3);
});
