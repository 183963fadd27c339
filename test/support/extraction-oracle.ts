import { expect } from "vitest";
import type { Muster, Row } from "./muster.ts";

/** An item as the database holds it. */
interface Item {
  readonly ci_id: string;
  readonly source_id: number | null;
  readonly ci_type: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly status: string;
  readonly raw_data: unknown;
}

interface End {
  readonly edge: string;
  readonly ciType: string;
  readonly name: unknown;
  /** The namespaces it may be in; undefined for any. */
  readonly namespaces?: readonly (string | null)[];
  readonly anySource?: boolean;
  readonly alias?: (item: Item) => unknown;
}

type Document = Readonly<Record<string, unknown>>;

/** The edges that follow from the items of a Muster, worked out from their documents without a look at the declarations. */
function expectedEdges(items: readonly Item[]): string[] {
  const named = items.flatMap((item) =>
    endsOf(item).map((end) => ({ item, edge: end.edge, target: find(items, item, end) })),
  );
  const selected = items.flatMap((item) =>
    selectedBy(items, item).map((target) => ({ item, edge: "exposes", target })),
  );
  const edges = [...named, ...selected].flatMap(({ item, edge, target }) =>
    target && target !== item ? [`${item.ci_id} ${edge} ${target.ci_id} ${item.source_id}`] : [],
  );
  return [...new Set(edges)].toSorted();
}

/** Compares all extracted edges of a Muster with those that its documents ask for, and answers how many there are. */
export async function expectEdgesAsDocuments(muster: Pick<Muster, "sql">): Promise<number> {
  const items = await muster.sql<Item & Row>(
    "select ci_id, source_id, ci_type, namespace, name, status, raw_data from configuration_items",
  );
  const edges = await muster.sql<{ edge: string }>(
    `select concat_ws(' ', source_ci_id, relationship_type, target_ci_id, coalesce(source_id::text, 'null')) as edge
     from relationships where extracted`,
  );
  expect(edges.map(({ edge }) => edge).toSorted()).toEqual(expectedEdges(items));
  return edges.length;
}

function endsOf(item: Item): End[] {
  const doc = objectOf(item.raw_data);
  const own = [item.namespace];
  const like = (edge: string, ciType: string): End => ({ edge, ciType, name: item.namespace, namespaces: [null] });
  const at = (edge: string, ciType: string, name: unknown, namespaces: End["namespaces"] = own): End => ({
    edge,
    ciType,
    name,
    ...(namespaces && { namespaces }),
  });
  const family = item.ci_type.startsWith("kubernetes.") ? owners(item, doc) : [];
  switch (item.ci_type) {
    case "kubernetes.pod":
      return [...family, at("runs_on", "kubernetes.node", dig(doc, "spec", "nodeName"), [null]), ...mounts(doc, at)];
    case "kubernetes.persistentvolumeclaim":
      return [...family, at("stored_on", "kubernetes.persistentvolume", dig(doc, "spec", "volumeName"), [null])];
    case "kubernetes.ingress":
      return [...family, ...backends(doc).map((name) => at("exposes", "kubernetes.service", name))];
    case "ceph.osd": {
      const name = dig(doc, "metadata", "hostname");
      const alias = (host: Item): unknown => dig(objectOf(host.raw_data), "networking", "hostname");
      const host: End = { edge: "runs_on", ciType: "host", name, anySource: true, alias };
      return [like("member_of", "ceph.cluster"), at("runs_on", "ceph.host", name), host];
    }
    case "ceph.host":
    case "ceph.mon":
      return [like("member_of", "ceph.cluster")];
    case "ceph.pool":
      return [like("stored_on", "ceph.cluster")];
    case "proxmox.node":
      return [like("member_of", "proxmox.cluster")];
    case "proxmox.vm":
    case "proxmox.container":
    case "proxmox.storage":
      return [at("runs_on", "proxmox.node", doc["node"])];
    case "postgresql.database":
      return [like("runs_on", "postgresql.server")];
    case "postgresql.table": {
      const [, database] = /^(.*)\.[^.]*$/.exec(item.namespace ?? "") ?? [];
      return [{ edge: "stored_on", ciType: "postgresql.database", name: database }];
    }
    default:
      return family;
  }
}

function owners(item: Item, doc: Document): End[] {
  return list(dig(doc, "metadata", "ownerReferences")).map((owner) => ({
    edge: "owned_by",
    ciType: `kubernetes.${String(owner["kind"]).toLowerCase()}`,
    name: typeof owner["kind"] === "string" && owner["kind"] !== "" ? owner["name"] : undefined,
    namespaces: [item.namespace, null],
  }));
}

function mounts(doc: Document, at: (edge: string, ciType: string, name: unknown) => End): End[] {
  const volumes = list(dig(doc, "spec", "volumes"));
  const sources = volumes.flatMap((volume) => list(dig(volume, "projected", "sources")));
  return [
    ...volumes.flatMap((volume) => [
      at("mounts", "kubernetes.persistentvolumeclaim", dig(volume, "persistentVolumeClaim", "claimName")),
      at("mounts", "kubernetes.configmap", dig(volume, "configMap", "name")),
      at("mounts", "kubernetes.secret", dig(volume, "secret", "secretName")),
    ]),
    ...sources.flatMap((source) => [
      at("mounts", "kubernetes.configmap", dig(source, "configMap", "name")),
      at("mounts", "kubernetes.secret", dig(source, "secret", "name")),
    ]),
  ];
}

function backends(doc: Document): unknown[] {
  const paths = list(dig(doc, "spec", "rules")).flatMap((rule) => list(dig(rule, "http", "paths")));
  return [
    dig(doc, "spec", "defaultBackend", "service", "name"),
    dig(doc, "spec", "backend", "serviceName"),
    ...paths.flatMap((path) => [dig(path, "backend", "service", "name"), dig(path, "backend", "serviceName")]),
  ];
}

function find(items: readonly Item[], from: Item, end: End): Item | undefined {
  if (typeof end.name !== "string" || end.name === "") return undefined;
  const candidates = items.filter(
    (item) =>
      item.ci_type === end.ciType &&
      (item.name === end.name || end.alias?.(item) === end.name) &&
      (end.namespaces?.includes(item.namespace) ?? true) &&
      (end.anySource === true || item.source_id === from.source_id),
  );
  const present = candidates.filter((item) => item.status !== "archived");
  if (present.length > 0) return present.length === 1 ? present[0] : undefined;
  return candidates.length === 1 ? candidates[0] : undefined;
}

function selectedBy(items: readonly Item[], service: Item): Item[] {
  if (service.ci_type !== "kubernetes.service" || service.namespace === null) return [];
  const pairs = Object.entries(objectOf(dig(objectOf(service.raw_data), "spec", "selector")));
  if (pairs.length === 0 || pairs.some(([, value]) => typeof value !== "string")) return [];
  return items.filter((item) => {
    const labels = objectOf(dig(objectOf(item.raw_data), "metadata", "labels"));
    return (
      item.ci_type === "kubernetes.pod" &&
      item.namespace === service.namespace &&
      item.source_id === service.source_id &&
      pairs.every(([key, value]) => labels[key] === value)
    );
  });
}

function dig(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => objectOf(inner)[key], value);
}

function objectOf(value: unknown): Document {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function list(value: unknown): Document[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
