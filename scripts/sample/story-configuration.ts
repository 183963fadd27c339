import type { Calendar } from "./calendar.ts";
import { later, stamp } from "./calendar.ts";
import { edited, elementsOf, textAt, valueAt } from "./edit.ts";
import type { Edits } from "./edit.ts";
import { certificate } from "./kubernetes-cluster.ts";
import { configMaps, ingresses } from "./kubernetes-content.ts";
import { scale } from "./kubernetes-rollouts.ts";
import { growClaim } from "./kubernetes-stateful.ts";
import type { SampleItem } from "./model.ts";
import { columnList, postgresqlServer } from "./postgresql.ts";
import type { StoryEvent } from "./story-event.ts";
import type { Source, World } from "./world.ts";
import { sources } from "./world.ts";

const { kubernetes, postgresql } = sources;

/** Settings, labels, certificates, schemas: what changes without anything being released. */
export function configurationStory(calendar: Calendar): StoryEvent[] {
  const { workday, ago } = calendar;
  return [
    newColumn(workday(0, 14, 10), "shop", "public", "products", "weight_grams integer"),
    labelAll(workday(1, 15), "kubernetes.namespace", "cost centres on every namespace", costCentre),
    setting(workday(2, 14, 30), "shop", "catalog-config", { "data.PAGE_SIZE": "60" }),
    dropDatabase(workday(4, 16), "wiki_old"),
    renewals(workday(5, 13), "shop"),
    newColumn(workday(5, 15, 40), "orders", "public", "orders", "shipping_country text"),
    labelAll(workday(6, 12), "kubernetes.service", "the team that answers for each service", onCallTeam),
    dropTables(workday(7, 14, 30)),
    newColumn(workday(8, 9, 16), "orders", "public", "order_lines", "discount_cents integer"),
    endOfStaging(workday(8, 15)),
    labelAll(workday(9, 13, 10), "kubernetes.deployment", "back-up policy on every deployment", backupPolicy),
    sale(workday(10, 15, 30), "autumn sale begins", 5, {
      "data.BANNER": "autumn-sale",
      "data.FREE_SHIPPING_FROM": "50",
    }),
    {
      at: workday(11, 14, 20),
      reason: "more room for clickhouse",
      play: (world) => growClaim(world, "analytics", "data-clickhouse-0", "300Gi"),
    },
    sale(workday(12, 8, 45), "autumn sale is over", 3, { "data.BANNER": "autumn", "data.FREE_SHIPPING_FROM": "75" }),
    labelAll(workday(12, 11), "kubernetes.persistentvolume", "volumes join the snapshot schedule", snapshotSchedule),
    serverSettings(workday(13, 11, 30)),
    rotation(workday(13, 14)),
    labelAll(ago(20), "kubernetes.ingress", "rate limits on every ingress", rateLimit),
    setting(ago(0.6), "analytics", "events-collector-config", { "data.BATCH_SIZE": "1000" }),
  ];
}

function setting(at: Date, namespace: string, name: string, edits: Edits): StoryEvent {
  if (!configMaps.some((map) => map[0] === namespace && map[1] === name))
    throw new Error(`there is no ConfigMap ${name}`);
  return {
    at,
    reason: `change ${name}`,
    play: (world) => edit(world, kubernetes, "kubernetes.configmap", namespace, name, edits),
  };
}

function labelAll(at: Date, ciType: string, reason: string, edits: (item: SampleItem) => Edits): StoryEvent {
  return {
    at,
    reason,
    play: (world) => {
      for (const item of world.all(kubernetes, ciType)) world.put(kubernetes, edited(item, edits(item)));
    },
  };
}

function costCentre(item: SampleItem): Edits {
  const number = { Shop: "4100", Data: "4200" }[item.department ?? ""] ?? "4300";
  return { 'metadata.labels["harbourandpine.example/cost-centre"]': number };
}

function onCallTeam(item: SampleItem): Edits {
  return {
    'metadata.labels["harbourandpine.example/on-call"]': `${(item.department ?? "platform").toLowerCase()}-team`,
  };
}

function backupPolicy(item: SampleItem): Edits {
  return {
    'metadata.annotations["harbourandpine.example/backup"]': item.namespace === "checkout" ? "hourly" : "daily",
  };
}

function snapshotSchedule(): Edits {
  return { 'metadata.labels["harbourandpine.example/snapshots"]': "daily" };
}

function rateLimit(): Edits {
  return { 'metadata.annotations["nginx.ingress.kubernetes.io/limit-rps"]': "50" };
}

function newColumn(at: Date, database: string, schema: string, table: string, column: string): StoryEvent {
  const namespace = `${database}.${schema}`;
  return {
    at,
    reason: `add ${column.split(" ")[0] ?? column} to ${table}`,
    play: (world) => {
      const item = world.find(postgresql, "postgresql.table", namespace, table);
      const columns = [...elementsOf(valueAt(item.raw_data, "columns")), ...columnList(column)];
      world.put(postgresql, edited(item, { columns }));
    },
  };
}

function dropDatabase(at: Date, database: string): StoryEvent {
  return {
    at,
    reason: `drop ${database}`,
    play: (world) => {
      world.remove(postgresql, world.find(postgresql, "postgresql.database", postgresqlServer, database));
      const lost = world
        .all(postgresql, "postgresql.table")
        .filter((table) => table.namespace?.startsWith(`${database}.`));
      world.remove(postgresql, ...lost);
      edit(world, postgresql, "postgresql.server", null, postgresqlServer, { "settings.max_connections": 180 });
    },
  };
}

function dropTables(at: Date): StoryEvent {
  return {
    at,
    reason: "drop what the last migration left behind",
    play: (world) => {
      world.remove(postgresql, world.find(postgresql, "postgresql.table", "orders.public", "orders_backup_tmp"));
      edit(world, postgresql, "postgresql.table", "orders.public", "orders", {
        indexes: ["orders_pkey", "orders_state_idx"],
      });
    },
  };
}

function renewals(at: Date, namespace: string): StoryEvent {
  return {
    at,
    reason: `renew the certificates in ${namespace}`,
    play: (world) => {
      for (const ingress of ingresses.filter((candidate) => candidate.namespace === namespace)) {
        const before = world.find(kubernetes, "kubernetes.secret", namespace, ingress.secret);
        const created = textAt(before, "metadata.creationTimestamp");
        world.put(kubernetes, edited(certificate(ingress, at), { "metadata.creationTimestamp": created }));
      }
    },
  };
}

/** A sale changes what the storefront says and how many pods say it. */
function sale(at: Date, reason: string, pods: number, edits: Edits): StoryEvent {
  return {
    at,
    reason,
    play: (world, time) => {
      edit(world, kubernetes, "kubernetes.configmap", "shop", "storefront-config", edits);
      scale(world, time, "shop", "storefront", pods);
    },
  };
}

function endOfStaging(at: Date): StoryEvent {
  const kinds = ["deployment", "replicaset", "pod", "service", "configmap"];
  return {
    at,
    reason: "staging moves to a cluster of its own",
    play: (world) => {
      for (const kind of kinds) {
        const items = world.all(kubernetes, `kubernetes.${kind}`).filter((item) => item.namespace === "staging");
        world.remove(kubernetes, ...items);
      }
      world.remove(kubernetes, world.find(kubernetes, "kubernetes.namespace", null, "staging"));
      edit(world, kubernetes, "kubernetes.configmap", "kube-system", "coredns", {
        "data.Corefile":
          ".:53 {\n  errors\n  kubernetes cluster.local\n  forward staging.harbourandpine.example 10.20.9.53\n  cache 30\n}\n",
      });
    },
  };
}

function serverSettings(at: Date): StoryEvent {
  const edits: Edits = { server_version: "17.6", server_version_num: 170006, "settings.work_mem": "48MB" };
  return {
    at,
    reason: "PostgreSQL 17.6",
    play: (world, time) => {
      edit(world, postgresql, "postgresql.server", null, postgresqlServer, {
        ...edits,
        started_at: stamp(later(time, -2)),
      });
    },
  };
}

function rotation(at: Date): StoryEvent {
  const path = 'metadata.annotations["harbourandpine.example/rotated-on"]';
  return {
    at,
    reason: "rotate the payment provider's key",
    play: (world, time) =>
      edit(world, kubernetes, "kubernetes.secret", "checkout", "payments-provider", {
        [path]: stamp(time).slice(0, 10),
        'data["api-key"]': Buffer.from("sample-provider-key-2").toString("base64"),
      }),
  };
}

function edit(world: World, source: Source, type: string, namespace: string | null, name: string, edits: Edits): void {
  world.put(source, edited(world.find(source, type, namespace, name), edits));
}
