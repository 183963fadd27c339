import { describe, expect, test } from "vitest";
import { ciTypeNamed, ciTypes } from "../../src/core/ci-types/all.ts";
import { readPath } from "../../src/lib/json-path.ts";

const itemColumns = [
  "ci_id",
  "name",
  "namespace",
  "ci_type",
  "status",
  "status_updated_at",
  "department",
  "version",
].concat(["content_hash", "created_at", "updated_at", "last_seen", "raw_data", "metrics"]);
const reservedWords = new Set(
  "all and any array as asc both case cast check collate column default desc do else end for from grant group having in into is join left like limit not null offset on only or order primary references right select table then to true false union unique user using when where window with".split(
    " ",
  ),
);

function keysOf(path: string): (string | null)[] {
  const { path: keys, rest } = readPath(path);
  expect(rest).toBe("");
  return keys;
}

function overlaps(one: string, other: string): boolean {
  const [a, b] = [keysOf(one), keysOf(other)];
  return a.slice(0, Math.min(a.length, b.length)).every((key, position) => key === b[position]);
}

describe("the built-in CI types", () => {
  test("are the ones that collectors report, each under its own table", () => {
    const kubernetes =
      "namespace node pod deployment replicaset statefulset daemonset job cronjob service ingress configmap secret persistentvolume persistentvolumeclaim";
    const expected = [
      ...kubernetes.split(" ").map((kind) => `kubernetes.${kind}`),
      ...["server", "database", "table"].map((kind) => `postgresql.${kind}`),
      ...["cluster", "host", "osd", "pool", "mon"].map((kind) => `ceph.${kind}`),
      ...["cluster", "node", "vm", "container", "storage"].map((kind) => `proxmox.${kind}`),
      "host",
    ];
    expect(ciTypes.map((type) => type.ciType).toSorted()).toEqual(expected.toSorted());
    for (const type of ciTypes) expect(type.table).toBe(type.ciType.replaceAll(".", "_"));
    expect(ciTypeNamed("kubernetes.pod")?.table).toBe("kubernetes_pod");
    expect(ciTypeNamed("network.switch")).toBeUndefined();
  });

  test.each(ciTypes.map((type) => [type.ciType, type] as const))(
    "%s has usable names and disjoint paths",
    (_, type) => {
      const metrics = Object.entries(type.metrics ?? {});
      const columns = Object.entries(type.columns);
      const names = [...columns, ...metrics].map(([name]) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const identifier of [type.table, ...names]) {
        expect(identifier).toMatch(/^[a-z_][a-z0-9_]{0,62}$/);
        expect(reservedWords.has(identifier)).toBe(false);
        expect(itemColumns).not.toContain(identifier);
      }
      const paths = [...columns, ...metrics].map(([, column]) => column.path);
      const ignored = type.ignored ?? [];
      const redacted = type.redacted ?? [];
      expect(new Set([...paths, ...ignored]).size).toBe(paths.length + ignored.length);
      for (const path of [...paths, ...ignored, ...redacted]) expect(keysOf(path)).not.toHaveLength(0);
      for (const path of paths) expect(keysOf(path)).not.toContain(null);
      const moving = [...metrics.map(([, metric]) => metric.path), ...ignored, ...redacted];
      for (const [, column] of columns)
        for (const path of moving)
          expect([column.path, path, overlaps(column.path, path)]).toEqual([column.path, path, false]);
      for (const [, metric] of metrics)
        for (const path of ignored)
          expect([metric.path, path, overlaps(metric.path, path)]).toEqual([metric.path, path, false]);
    },
  );

  test("never let an ignored path swallow spec, phase, replicas or restarts", () => {
    const real = [
      "spec",
      "status.phase",
      "status.replicas",
      "status.readyReplicas",
      "status.containerStatuses[*].restartCount",
    ];
    for (const type of ciTypes.filter((candidate) => candidate.ciType.startsWith("kubernetes.")))
      for (const path of type.ignored ?? [])
        for (const kept of real) {
          const [ignoredKeys, keptKeys] = [keysOf(path), keysOf(kept)];
          expect(ignoredKeys.length <= keptKeys.length && overlaps(path, kept)).toBe(false);
        }
  });

  test("keep no secret's content", () => {
    expect(ciTypeNamed("kubernetes.secret")?.redacted).toEqual([
      "data",
      "stringData",
      'metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]',
    ]);
  });

  test("show a PostgreSQL table with the columns and metrics of the reference", () => {
    const table = ciTypeNamed("postgresql.table");
    expect(table?.columns).toMatchObject({ schema_name: { path: "schema_name" }, kind: { path: "kind" } });
    for (const metric of ["total_size_bytes", "estimated_row_count", "idx_scan", "seq_scan"])
      expect(table?.metrics?.[metric]).toEqual({ path: `metrics.${metric}`, type: "bigint" });
  });
});
