import { describe, expect, it } from "vitest";
import { at, ceph, createEstate, node, of, onNode, pod, service, type Sent } from "../support/extraction.ts";
import { emptyInventory } from "../support/muster.ts";

const { muster, send, edges } = await createEstate();

const rules: readonly (readonly [string, readonly Sent[], readonly string[]])[] = [
  ["a pod's node", [onNode, node], ["pod runs_on n1"]],
  [
    "an owner in the same namespace",
    [pod({}, { ownerReferences: [{ kind: "ReplicaSet", name: "rs" }] }), of("replicaset", "rs")],
    ["pod owned_by rs"],
  ],
  [
    "an owner of the whole cluster",
    [pod({}, { ownerReferences: [{ kind: "Node", name: "n1" }] }), node],
    ["pod owned_by n1"],
  ],
  [
    "owners of and by custom resources",
    [
      of("certificaterequest", "req", { metadata: { ownerReferences: [{ kind: "Certificate", name: "cert" }] } }),
      of("certificate", "cert"),
    ],
    ["req owned_by cert"],
  ],
  [
    "what a pod mounts",
    [
      pod({
        volumes: [
          { name: "a", persistentVolumeClaim: { claimName: "pvc" } },
          { name: "b", configMap: { name: "cm" } },
          { name: "c", secret: { secretName: "sec" } },
          { name: "d", projected: { sources: [{ configMap: { name: "cm2" } }, { secret: { name: "sec2" } }] } },
        ],
      }),
      of("persistentvolumeclaim", "pvc"),
      ...["cm", "cm2"].map((name) => of("configmap", name)),
      ...["sec", "sec2"].map((name) => of("secret", name)),
    ],
    ["cm", "cm2", "pvc", "sec", "sec2"].map((name) => `pod mounts ${name}`),
  ],
  [
    "the pods that a service selects",
    [
      service,
      pod({}, { labels: { app: "web", tier: "front", more: "yes" } }),
      pod({}, { labels: { app: "web" } }, "other"),
      { ...pod({}, { labels: { app: "web", tier: "front" } }, "elsewhere"), namespace: "other" },
      of("service", "none", { spec: { selector: {} } }),
    ],
    ["web exposes pod"],
  ],
  [
    "a claim's volume",
    [
      of("persistentvolumeclaim", "pvc", { spec: { volumeName: "pv-1" } }),
      of("persistentvolume", "pv-1", {}, null),
      of("persistentvolume", "pv-2", {}, null),
    ],
    ["pvc stored_on pv-1"],
  ],
  [
    "the services behind an ingress of every version",
    [
      of("ingress", "in", {
        spec: {
          defaultBackend: { service: { name: "a" } },
          rules: [{ http: { paths: [{ backend: { service: { name: "b" } } }, { backend: { serviceName: "c" } }] } }],
        },
      }),
      of("ingress", "old", { spec: { backend: { serviceName: "d" } } }),
      ...["a", "b", "c", "d", "e"].map((name) => of("service", name)),
    ],
    ["in exposes a", "in exposes b", "in exposes c", "old exposes d"],
  ],
  [
    "an OSD's host and cluster",
    [
      ceph("osd", "osd.0", { metadata: { hostname: "h1" } }),
      ceph("host", "h1"),
      ceph("mon", "mon.h1"),
      ceph("pool", "p"),
      ceph("cluster", "c1", {}, null),
      at("host", null, "h1.example.org", { networking: { hostname: "h1" } }),
    ],
    [
      "h1 member_of c1",
      "mon.h1 member_of c1",
      "osd.0 member_of c1",
      "osd.0 runs_on h1",
      "osd.0 runs_on h1.example.org",
      "p stored_on c1",
    ],
  ],
  [
    "where Proxmox guests and storages are",
    [
      at("proxmox.vm", "px", "vm", { node: "pve-1" }),
      at("proxmox.container", "px", "ct", { node: "pve-1" }),
      at("proxmox.storage", "px", "st", { node: "pve-1" }),
      at("proxmox.node", "px", "pve-1"),
      at("proxmox.cluster", null, "px"),
    ],
    ["ct runs_on pve-1", "pve-1 member_of px", "st runs_on pve-1", "vm runs_on pve-1"],
  ],
  [
    "a table's database and its server",
    [
      at("postgresql.table", "my.shop.public", "orders"),
      at("postgresql.database", "pg-1", "my.shop"),
      at("postgresql.server", null, "pg-1"),
    ],
    ["my.shop runs_on pg-1", "orders stored_on my.shop"],
  ],
];

describe("the documents of items relate them", () => {
  it.each(rules)("%s, in one bulk", async (_, items, expected) => {
    await send(items);
    expect(await edges()).toEqual(expected);
  });

  it.each(rules)("%s, one after the other in both orders", async (_, items, expected) => {
    for (const order of [items, items.toReversed()]) {
      await emptyInventory(muster);
      expect(await edges()).toEqual([]);
      for (const item of order) await send(item);
      expect(await edges()).toEqual(expected);
    }
  });

  it("with properties, evidence, source, times and full confidence", async () => {
    await send([pod({ volumes: [{ name: "conf", configMap: { name: "cm" } }] }), of("configmap", "cm")]);
    const [edge] = await muster.sql(`select e.*, s.name as source, first_seen = last_seen as fresh,
      e.first_seen = (select max(created_at) from configuration_items) as timely
      from relationships e join sources s on s.id = e.source_id`);
    expect(edge).toMatchObject({
      properties: { volume: "conf" },
      evidence: { field: "spec.volumes[*].configMap.name" },
      confidence: 1,
      source: "s",
      extracted: true,
      fresh: true,
      timely: true,
    });
  });

  it("in the one statement of the request", async () => {
    await send([onNode]);
    expect(await muster.statements(async () => send(node))).toBe(1);
    expect(await edges()).toEqual(["pod runs_on n1"]);
  });

  it("whoever writes them", async () => {
    await muster.sql(`insert into configuration_items (ci_type, namespace, name, content_hash, raw_data) values
      ('kubernetes.pod', 'a', 'pod', '', '{"spec": {"nodeName": "n1"}}'), ('kubernetes.node', null, 'n1', '', '{}')`);
    expect(await edges()).toEqual(["pod runs_on n1"]);
    await muster.sql(`update configuration_items set raw_data = '{}' where name = 'pod'`);
    expect(await edges()).toEqual([]);
  });
});

describe("items that were there before the declarations", () => {
  const forget = async (): Promise<void> => {
    await muster.sql("with edges as (delete from relationships) delete from relationship_references");
    await muster.sql(
      "update relationship_declarations set is_related = false, reached_type = null, reached_at = null, reached_id = null",
    );
  };

  it("are related by a job, of declared types and of families", async () => {
    for (const [, items] of rules) await send(items);
    await send([service, pod({ nodeName: "n1" }, { labels: { app: "web", tier: "front" } })]);
    const before = await edges();
    await forget();
    await muster.cron("*/15 * * * *", new Date());
    expect(await edges()).toEqual(before);
    const [run] = await muster.sql(
      "select outcome, details from job_runs where job = 'relate_items' order by id desc limit 1",
    );
    expect(run).toMatchObject({ outcome: "succeeded", details: { finished: true } });
    expect(await muster.sql("select from relationship_declarations where not is_related")).toEqual([]);
  });

  it("are taken in batches that resume, each item once", async () => {
    const pods = Array.from({ length: 7 }, (_, n) => ({ ...onNode, name: `pod-${n}` }));
    await send([...pods, node]);
    await forget();
    const counts: number[] = [];
    for (let finished = false; !finished;) {
      const [row] = await muster.sql<{ done: { items: number; finished: boolean } }>(
        "select muster.relate_items('{}', 3) as done",
      );
      if (!row) throw new Error("no answer");
      if (row.done.items > 0) counts.push(row.done.items);
      finished = row.done.finished;
    }
    expect(counts).toEqual([1, 3, 3, 1]);
    expect(await edges()).toHaveLength(7);
  });
});
