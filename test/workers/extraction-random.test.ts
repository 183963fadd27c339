import fc from "fast-check";
import { expect, it } from "vitest";
import { expectEdgesAsDocuments } from "../support/extraction-oracle.ts";
import { body, bulkPath, createMuster, emptyInventory, itemsPath, type Muster, type Row } from "../support/muster.ts";

const name = fc.constantFrom("a", "b");
const namespace = fc.constantFrom(null, "x", "y");
const sometimes = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const labels = fc.record({ app: name, tier: name }, { requiredKeys: [] });
const owner = fc.record({ kind: fc.constantFrom("Node", "Thing", "ConfigMap"), name });
const volume = fc.oneof(
  fc.record({ configMap: fc.record({ name }) }),
  fc.record({
    projected: fc.record({ sources: fc.array(fc.record({ configMap: fc.record({ name }) }), { maxLength: 2 }) }),
  }),
);
const raw_data = fc.record(
  {
    metadata: fc.record(
      { labels, ownerReferences: fc.array(owner, { maxLength: 2 }), hostname: name },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      { nodeName: name, selector: sometimes(labels), volumes: fc.array(volume, { maxLength: 2 }) },
      { requiredKeys: [] },
    ),
    networking: fc.record({ hostname: name }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const kinds = ["pod", "node", "service", "configmap", "thing"].map((kind) => `kubernetes.${kind}`);
const ci_type = fc.constantFrom(...kinds, "ceph.osd", "ceph.host", "host", "note");
const item = fc.record({ name, namespace, ci_type, raw_data });
const identity = (one: { ci_type: string; namespace: string | null; name: string }) =>
  JSON.stringify([one.ci_type, one.namespace, one.name]);

type Step = (muster: Muster) => Promise<unknown>;

const report = fc
  .tuple(
    fc.uniqueArray(item, { minLength: 1, maxLength: 6, selector: identity }),
    fc.constantFrom("", "?source=s", "?source=t"),
  )
  .map(
    ([items, query]): Step =>
      async (muster) =>
        body(await muster.request(bulkPath + query, { body: items })),
  );

/** One of the items there are, and what becomes of it. A name that is taken is refused, which changes nothing. */
const edit = fc
  .tuple(fc.nat(), fc.record({ name, namespace, ci_type, raw_data }, { requiredKeys: [] }))
  .map(([nth, changes]): Step => async (muster) => {
    const id = await nthItem(muster, nth);
    const response = await muster.request(`${itemsPath}/${id}`, { method: "PATCH", body: changes });
    if (response.status >= 500) throw new Error(await response.text());
  });
const archive = fc.nat().map((nth): Step => async (muster) => {
  await muster.request(`${itemsPath}/${await nthItem(muster, nth)}`, { method: "DELETE" });
});
const purge = fc.nat().map((nth): Step => async (muster) => {
  const id = await nthItem(muster, nth);
  await muster.sql(
    "with r as (delete from source_records where ci_id = $1) delete from configuration_items where ci_id = $1",
    [id],
  );
});
/** What an operator may do at a prompt: several items at once, two with one identity among them. */
const rewrite = fc.tuple(name, namespace, raw_data).map(([called, place, document]): Step => async (muster) => {
  await muster.sql(
    "update configuration_items set name = $1, raw_data = case when name = $1 then raw_data else $3::jsonb end where namespace is not distinct from $2",
    [called, place, JSON.stringify(document)],
  );
});
const steps = fc.array(
  fc.oneof({ weight: 4, arbitrary: report }, { weight: 2, arbitrary: edit }, archive, purge, rewrite),
  { minLength: 2, maxLength: 9 },
);

async function nthItem(muster: Muster, nth: number): Promise<string> {
  const rows = await muster.sql<Row & { ci_id: string }>("select ci_id from configuration_items order by ci_id");
  return rows[nth % Math.max(rows.length, 1)]?.ci_id ?? crypto.randomUUID();
}

it("after whatever happens to items, their edges are those that the documents ask for", async () => {
  const muster = await createMuster();
  let edges = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      await emptyInventory(muster);
      for (const step of taken) {
        await step(muster);
        edges += await expectEdgesAsDocuments(muster);
      }
    }),
    { numRuns: 60, seed: 20_261_121, endOnFailure: false },
  );
  expect(edges).toBeGreaterThan(100);
});
