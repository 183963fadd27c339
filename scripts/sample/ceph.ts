import type { JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between, uuid } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

/** The Ceph cluster's name, which is the namespace of what it holds. */
export const cephCluster = "harbour-ceph";

/** The id by which clients know the cluster. */
export const cephId = uuid("ceph/harbour");

const firstVersion = "19.2.2";
const hosts = [1, 2, 3] as const;
const osdKilobytes = 1_875_374_080;
const pools: readonly (readonly [number, string, number, string])[] = [
  [1, ".mgr", 1, "mgr"],
  [2, "k8s-rbd", 128, "rbd"],
  [3, "vm-rbd", 256, "rbd"],
  [4, "backup-archive", 32, "rgw"],
];

/** Fills the Ceph cluster as it stands when it is first seen: three hosts, each with a monitor and three OSDs. */
export function buildCeph(world: World): void {
  const put = (ci_type: string, name: string, raw_data: JsonObject, namespace: string | null = cephCluster): void =>
    world.put(sources.ceph, { name, namespace, ci_type, department: "Platform", raw_data } satisfies SampleItem);
  put("ceph.cluster", cephCluster, status(), null);
  for (const host of hosts) {
    put("ceph.mon", `mon.pve-${host}`, monitor(host));
    put("ceph.host", `pve-${host}`, bucket(host));
    for (const slot of [0, 1, 2]) put("ceph.osd", `osd.${(host - 1) * 3 + slot}`, osd(host, slot));
  }
  for (const pool of pools) put("ceph.pool", pool[1], poolStatus(pool));
}

/** What `ceph health` says, with one line for each check that is not well. */
export function health(checks: Readonly<Record<string, string>>): JsonObject {
  const entries = Object.entries(checks).map(([name, message]) => [
    name,
    { severity: "HEALTH_WARN", summary: { message } },
  ]);
  return { status: entries.length === 0 ? "HEALTH_OK" : "HEALTH_WARN", checks: Object.fromEntries(entries), mutes: [] };
}

function status(): JsonObject {
  const total = 9 * osdKilobytes * 1024;
  return {
    fsid: cephId,
    ceph_version: firstVersion,
    health: health({}),
    election_epoch: 38,
    quorum: [0, 1, 2],
    quorum_names: hosts.map((host) => `pve-${host}`),
    monmap: { epoch: 3, num_mons: 3, min_mon_release_name: "squid" },
    osdmap: { epoch: 2210, num_osds: 9, num_up_osds: 9, num_in_osds: 9 },
    pgmap: {
      num_pools: pools.length,
      num_pgs: pools.reduce((sum, pool) => sum + pool[2], 0),
      pgs_by_state: [{ state_name: "active+clean", count: pools.reduce((sum, pool) => sum + pool[2], 0) }],
      num_objects: 1_204_332,
      data_bytes: Math.round(total * 0.11),
      bytes_used: Math.round(total * 0.34),
      bytes_avail: Math.round(total * 0.66),
      bytes_total: total,
      read_bytes_sec: 41_943_040,
      write_bytes_sec: 18_874_368,
    },
    mgrmap: { available: true, active_name: "pve-1", num_standbys: 2 },
  };
}

/** A host as `ceph osd tree` shows it. */
function bucket(host: number): JsonObject {
  const first = (host - 1) * 3;
  return { id: -1 - host, name: `pve-${host}`, type: "host", type_id: 1, children: [first + 2, first + 1, first] };
}

function monitor(host: number): JsonObject {
  const address = `10.20.1.${10 + host}`;
  return {
    name: `pve-${host}`,
    rank: host - 1,
    addr: `${address}:6789/0`,
    public_addr: `${address}:6789/0`,
    state: host === 1 ? "leader" : "peon",
    in_quorum: true,
    kb_used: 24_117_248,
    avail_percent: 88,
    latency: 0.0012,
    store_stats: { bytes_total: 96_468_992 },
    metadata: daemonMetadata(host),
  };
}

function osd(host: number, slot: number): JsonObject {
  const id = (host - 1) * 3 + slot;
  const port = 6800 + slot * 8;
  const used = Math.round(osdKilobytes * (0.3 + between(`osd.${id}`, 0, 8) / 100));
  return {
    osd: id,
    uuid: uuid(`osd/${id}`),
    up: 1,
    in: 1,
    weight: 1,
    crush_weight: 1.74629,
    device_class: "ssd",
    up_from: 1800 + id,
    up_thru: 2190 + id,
    public_addr: `10.20.1.${10 + host}:${port}/${between(`nonce/${id}`, 1000, 9999)}`,
    cluster_addr: `10.20.2.${10 + host}:${port + 1}/${between(`nonce/${id}`, 1000, 9999)}`,
    state: ["exists", "up"],
    kb: osdKilobytes,
    kb_used: used,
    kb_avail: osdKilobytes - used,
    utilization: Number(((used / osdKilobytes) * 100).toFixed(4)),
    pgs: between(`pgs/${id}`, 128, 148),
    perf_stats: { apply_latency_ms: between(`latency/${id}`, 1, 4), commit_latency_ms: between(`latency/${id}`, 1, 4) },
    metadata: { ...daemonMetadata(host), osd_objectstore: "bluestore", devices: `nvme${slot}n1`, rotational: "0" },
  };
}

function daemonMetadata(host: number): JsonObject {
  return {
    hostname: `pve-${host}`,
    ceph_version_short: firstVersion,
    kernel_version: "6.14.8-2-pve",
    distro: "debian",
  };
}

function poolStatus([pool, name, groups, application]: (typeof pools)[number]): JsonObject {
  const stored = between(`stored/${name}`, 4, 9) * groups * 1024 ** 3;
  return {
    pool,
    pool_name: name,
    type: 1,
    size: 3,
    min_size: 2,
    crush_rule: 0,
    pg_num: groups,
    pg_placement_num: groups,
    pg_autoscale_mode: "on",
    quota_max_bytes: 0,
    quota_max_objects: 0,
    flags_names: "hashpspool",
    application_metadata: { [application]: {} },
    stats: {
      stored,
      bytes_used: stored * 3,
      percent_used: Number((stored / (5 * 1024 ** 4)).toFixed(5)),
      max_avail: 3_600 * 1024 ** 3,
      objects: Math.round(stored / 4_194_304),
      rd: between(`rd/${name}`, 1e6, 9e6),
      wr: between(`wr/${name}`, 1e6, 9e6),
    },
    client_io_rate: { read_bytes_sec: groups * 120_000, write_bytes_sec: groups * 50_000 },
  };
}
