import { describe, expect, test } from "vitest";
import { countAt, elementsOf, objectAt, textAt, valueAt } from "../../scripts/sample/edit.ts";
import { presentAt, sampleEstate } from "../../scripts/sample/estate.ts";
import { keyOf } from "../../scripts/sample/model.ts";
import type { SampleEstate, SampleItem, SourceReport } from "../../scripts/sample/model.ts";
import { ciTypeNamed } from "../../src/core/ci-types/all.ts";
import { readPath } from "../../src/lib/json-path.ts";
import type { JsonValue } from "../../src/lib/json.ts";

const day = 86_400_000;
const weekOfNows = [0, 1, 2, 3, 4, 5, 6].map((days) => new Date(Date.UTC(2026, 2, 2 + days, 6 + 2 * days, 40)));

describe.each(weekOfNows.map((now) => [now.toISOString(), now] as const))("the sample estate at %s", (_, now) => {
  const estate = sampleEstate(now);
  const times = [...new Set(estate.steps.map((step) => step.at.getTime()))];

  test("has about 300 items, at least 200 of them active, some inactive and some archived", () => {
    const ages = [...lastSeen(estate, [...times, now.getTime()]).values()].map((seen) => (now.getTime() - seen) / day);
    const count = (from: number, to: number): number => ages.filter((age) => age > from && age <= to).length;
    expect(ages.length).toBeGreaterThanOrEqual(280);
    expect(ages.length).toBeLessThanOrEqual(320);
    expect(count(0, 15) + count(-1, 0)).toBeGreaterThanOrEqual(280);
    expect(count(-1, 1)).toBeGreaterThanOrEqual(200);
    expect(count(1.5, 7.5)).toBeGreaterThanOrEqual(15);
    expect(count(8.5, 14.5)).toBeGreaterThanOrEqual(15);
  });

  test("is reported in at most 80 sorted steps within 21 days, never a day apart", () => {
    expect(estate.steps.length).toBeLessThanOrEqual(80);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
    expect(times[0]).toBe(now.getTime() - 21 * day);
    const gaps = [...times, now.getTime()].slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    expect(Math.max(...gaps)).toBeLessThan(day);
  });

  test("has unique identities in each step and each report", () => {
    for (const { items } of [...estate.steps, ...estate.present])
      expect(new Set(items.map((item) => keyOf(item))).size).toBe(items.length);
    for (const step of estate.steps) expect(step.items.length).toBeGreaterThan(0);
  });
});

describe.each([weekOfNows[0], weekOfNows[5]])("the history at %s", (now = new Date(0)) => {
  const estate = sampleEstate(now);
  const times = [...new Set(estate.steps.map((step) => step.at.getTime()))];

  test("sends in each step what really changed, and changes nothing beside", () => {
    let changes = 0;
    const unsent: string[] = [];
    const unchanged: string[] = [];
    let before = new Map<string, string>();
    for (const time of times) {
      const steps = estate.steps.filter((step) => step.at.getTime() === time);
      const sent = new Set(steps.flatMap((step) => step.items.map((item) => keyOf(item))));
      const present = itemsOf(presentAt(estate, new Date(time)));
      const after = new Map(present.map((item) => [keyOf(item), JSON.stringify(hashed(item))]));
      for (const [key, document] of after) {
        const moved = before.get(key) !== document;
        if (moved) changes += 1;
        if (moved && !sent.has(key)) unsent.push(key);
        if (!moved && sent.has(key)) unchanged.push(key);
      }
      before = after;
    }
    expect(unsent).toEqual([]);
    // A run moves the schedule's figures only.
    expect(unchanged.filter((key) => !key.includes("kubernetes.cronjob"))).toEqual([]);
    const first = estate.steps.filter((step) => step.at <= estate.start).flatMap((step) => step.items).length;
    expect(changes - first).toBeGreaterThanOrEqual(250);
    expect(changes).toBeLessThanOrEqual(600);
  });

  test("holds together at every step: each reference names an item that is there", () => {
    for (const time of [...times, now.getTime()])
      expect([time, danglingIn(presentAt(estate, new Date(time)))]).toEqual([time, []]);
  });

  test("does not report what fell silent", () => {
    const present = new Set(
      estate.present.flatMap((report) => report.items.map((item) => report.source + keyOf(item))),
    );
    expect(estate.silent.length).toBeGreaterThanOrEqual(3);
    for (const item of estate.silent) expect(present.has(item.source + keyOf(identityOf(item)))).toBe(false);
  });
});

describe("the sample estate", () => {
  const [now = new Date(0)] = weekOfNows;

  test("is the same for the same time", () => {
    expect(JSON.stringify(sampleEstate(now))).toBe(JSON.stringify(sampleEstate(new Date(now))));
    expect(presentAt(sampleEstate(now), now)).toEqual(sampleEstate(now).present);
  });

  test("is compact, has departments, types without a table, and secrets to redact", () => {
    const items = itemsOf(sampleEstate(now).present);
    for (const item of items) expect(JSON.stringify(item.raw_data).length).toBeLessThan(4096);
    expect(new Set(items.map((item) => item.department))).toEqual(new Set(["Shop", "Data", "Platform", "Stores"]));
    expect(items.filter((item) => !ciTypeNamed(item.ci_type)).length).toBeGreaterThanOrEqual(2);
    const secrets = items.filter((item) => item.ci_type === "kubernetes.secret");
    for (const secret of secrets) expect(objectAt(secret, "data")).not.toEqual({});
  });

  test("fills most columns of every type it shows", () => {
    const items = itemsOf(sampleEstate(now).present);
    for (const ciType of new Set(items.map((item) => item.ci_type))) {
      const columns = Object.values(ciTypeNamed(ciType)?.columns ?? {});
      const filled = columns.filter((column) =>
        items.some((item) => item.ci_type === ciType && valueAt(item.raw_data, column.path) !== undefined),
      );
      expect([ciType, filled.length >= columns.length / 2]).toEqual([ciType, true]);
    }
  });
});

function itemsOf(reports: readonly SourceReport[]): SampleItem[] {
  return reports.flatMap((report) => report.items);
}

function identityOf({ ci_type, namespace, name }: { ci_type: string; namespace: string | null; name: string }) {
  return { ci_type, namespace, name };
}

function lastSeen(estate: SampleEstate, times: readonly number[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const time of times)
    for (const report of presentAt(estate, new Date(time)))
      for (const item of report.items) seen.set(report.source + keyOf(item), time);
  return seen;
}

/** The document without what its type declares to be no change. */
function hashed(item: SampleItem): JsonValue {
  const type = ciTypeNamed(item.ci_type);
  const paths = [...(type?.ignored ?? []), ...Object.values(type?.metrics ?? {}).map((metric) => metric.path)];
  return paths.reduce<JsonValue>((data, path) => without(data, readPath(path).path), item.raw_data);
}

function without(node: JsonValue, [key = "", ...rest]: readonly (string | null)[]): JsonValue {
  if (key === null) return elementsOf(node).map((element) => without(element, rest));
  if (typeof node !== "object" || node === null || !(key in node)) return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([name, value]) => {
      if (name !== key) return [[name, value]];
      return rest.length === 0 ? [] : [[name, without(value, rest)]];
    }),
  );
}

function textIn(root: JsonValue, path: string): string {
  const value = valueAt(root, path);
  return typeof value === "string" ? value : "";
}

/** What is named by an item of the estate without being there. */
function danglingIn(reports: readonly SourceReport[]): string[] {
  const items = itemsOf(reports);
  const byType = Map.groupBy(items, (item) => item.ci_type);
  const of = (type: string): readonly SampleItem[] => byType.get(type) ?? [];
  const keys = new Set(items.map((item) => keyOf(item)));
  const has = (ci_type: string, namespace: string | null, name: string): boolean =>
    keys.has(keyOf({ ci_type, namespace, name }));
  const problems: string[] = [];
  const check = (ok: boolean, what: string): void => void (ok || problems.push(what));

  for (const item of items)
    for (const owner of elementsOf(valueAt(item.raw_data, "metadata.ownerReferences"))) {
      const uid = valueAt(owner, "uid");
      const type = `kubernetes.${textIn(owner, "kind").toLowerCase()}`;
      check(
        of(type).some((o) => textAt(o, "metadata.uid") === uid && o.name === valueAt(owner, "name")),
        `owner of ${item.name}`,
      );
    }
  for (const pod of of("kubernetes.pod")) {
    check(has("kubernetes.node", null, textAt(pod, "spec.nodeName")), `node of ${pod.name}`);
    for (const volume of elementsOf(valueAt(pod.raw_data, "spec.volumes")))
      check(
        has("kubernetes.persistentvolumeclaim", pod.namespace, textIn(volume, "persistentVolumeClaim.claimName")),
        `claim of ${pod.name}`,
      );
    for (const source of elementsOf(valueAt(pod.raw_data, "spec.containers.0.envFrom"))) {
      const [map, secret] = [textIn(source, "configMapRef.name"), textIn(source, "secretRef.name")];
      check(map === "" || has("kubernetes.configmap", pod.namespace, map), `configuration of ${pod.name}`);
      check(secret === "" || has("kubernetes.secret", pod.namespace, secret), `secret of ${pod.name}`);
    }
  }
  const namespaced = items.filter((item) => item.ci_type.startsWith("kubernetes.") && item.namespace !== null);
  for (const item of namespaced)
    check(has("kubernetes.namespace", null, item.namespace ?? ""), `namespace of ${item.name}`);
  for (const replicas of of("kubernetes.replicaset")) {
    const pods = of("kubernetes.pod").filter(
      (pod) => valueAt(pod.raw_data, "metadata.ownerReferences.0.name") === replicas.name,
    );
    check(pods.length === valueAt(replicas.raw_data, "spec.replicas"), `pods of ${replicas.name}`);
  }
  for (const set of of("kubernetes.daemonset"))
    check(valueAt(set.raw_data, "status.numberReady") === of("kubernetes.node").length, `pods of ${set.name}`);
  for (const service of of("kubernetes.service")) {
    const selector = Object.entries(objectAt(service, "spec.selector"));
    const matches = (pod: SampleItem): boolean =>
      pod.namespace === service.namespace &&
      selector.every(([key, value]) => objectAt(pod, "metadata.labels")[key] === value);
    check(of("kubernetes.pod").some(matches), `pods of service ${service.name}`);
  }
  for (const ingress of of("kubernetes.ingress")) {
    check(
      has("kubernetes.service", ingress.namespace, textAt(ingress, "spec.rules.0.http.paths.0.backend.service.name")),
      `service of ${ingress.name}`,
    );
    check(
      has("kubernetes.secret", ingress.namespace, textAt(ingress, "spec.tls.0.secretName")),
      `certificate of ${ingress.name}`,
    );
  }
  for (const claim of of("kubernetes.persistentvolumeclaim"))
    check(has("kubernetes.persistentvolume", null, textAt(claim, "spec.volumeName")), `volume of ${claim.name}`);
  const [cephCluster] = of("ceph.cluster");
  for (const volume of of("kubernetes.persistentvolume")) {
    check(
      has(
        "kubernetes.persistentvolumeclaim",
        textAt(volume, "spec.claimRef.namespace"),
        textAt(volume, "spec.claimRef.name"),
      ),
      `claim of ${volume.name}`,
    );
    check(
      cephCluster !== undefined &&
        textAt(volume, "spec.csi.volumeAttributes.clusterID") === textAt(cephCluster, "fsid"),
      `cluster of ${volume.name}`,
    );
    check(
      has("ceph.pool", cephCluster?.name ?? "", textAt(volume, "spec.csi.volumeAttributes.pool")),
      `pool of ${volume.name}`,
    );
  }
  for (const node of of("kubernetes.node")) {
    const machine = of("proxmox.vm").find(
      (vm) => `proxmox://harbour/${countAt(vm, "vmid")}` === textAt(node, "spec.providerID"),
    );
    check(machine?.name === node.name, `machine of ${node.name}`);
  }
  for (const guest of [...of("proxmox.vm"), ...of("proxmox.container"), ...of("proxmox.storage")])
    check(has("proxmox.node", guest.namespace, textAt(guest, "node")), `hypervisor of ${guest.name}`);
  for (const osd of [...of("ceph.osd"), ...of("ceph.mon")])
    check(
      of("proxmox.node").some((node) => node.name === textAt(osd, "metadata.hostname")),
      `host of ${osd.name}`,
    );
  for (const table of of("postgresql.table"))
    check(has("postgresql.database", "pg-1", table.namespace?.split(".")[0] ?? ""), `database of ${table.name}`);
  for (const server of of("postgresql.server"))
    check(has("proxmox.vm", "harbour", server.name), `machine of ${server.name}`);
  return problems;
}
