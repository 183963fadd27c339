import { isJsonObject } from "../../src/lib/json.ts";
import { edited, elementsOf, valueAt } from "./edit.ts";
import { later, stamp } from "./calendar.ts";
import type { Edits } from "./edit.ts";
import type { JsonValue } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { random } from "./random.ts";

/** How a figure moves: up with use, slowly up with content, around a level with the time of day, or with the clock. */
type Movement = "counter" | "content" | "level" | "seconds";

const guest = { cpu: "level", mem: "level", disk: "content", diskread: "counter", diskwrite: "counter" } as const;
const guestFigures = { ...guest, netin: "counter", netout: "counter", uptime: "seconds" } as const;

const movements: Readonly<Record<string, Readonly<Record<string, Movement>>>> = {
  "postgresql.server": {
    "metrics.connections": "level",
    "metrics.active_connections": "level",
    "metrics.total_size_bytes": "content",
    "metrics.wal_bytes": "counter",
    "metrics.checkpoints_timed": "counter",
    "metrics.uptime_seconds": "seconds",
  },
  "postgresql.database": {
    "metrics.size_bytes": "content",
    "metrics.numbackends": "level",
    "metrics.xact_commit": "counter",
    "metrics.blks_read": "counter",
    "metrics.blks_hit": "counter",
    "metrics.tup_inserted": "counter",
  },
  "postgresql.table": {
    "metrics.total_size_bytes": "content",
    "metrics.table_size_bytes": "content",
    "metrics.index_size_bytes": "content",
    "metrics.estimated_row_count": "content",
    "metrics.idx_scan": "counter",
    "metrics.seq_scan": "counter",
    "metrics.n_tup_ins": "counter",
    "metrics.n_tup_upd": "counter",
    "metrics.n_dead_tup": "level",
  },
  "ceph.cluster": {
    "pgmap.bytes_used": "content",
    "pgmap.data_bytes": "content",
    "pgmap.num_objects": "content",
    "pgmap.read_bytes_sec": "level",
    "pgmap.write_bytes_sec": "level",
    "osdmap.epoch": "counter",
  },
  "ceph.mon": { kb_used: "content", "store_stats.bytes_total": "level", latency: "level" },
  "ceph.osd": {
    kb_used: "content",
    utilization: "content",
    "perf_stats.apply_latency_ms": "level",
    "perf_stats.commit_latency_ms": "level",
    up_thru: "counter",
  },
  "ceph.pool": {
    "stats.stored": "content",
    "stats.bytes_used": "content",
    "stats.percent_used": "content",
    "stats.objects": "content",
    "stats.rd": "counter",
    "stats.wr": "counter",
    "client_io_rate.read_bytes_sec": "level",
    "client_io_rate.write_bytes_sec": "level",
  },
  "proxmox.node": { cpu: "level", mem: "level", disk: "content", wait: "level", uptime: "seconds" },
  "proxmox.vm": guestFigures,
  "proxmox.container": guestFigures,
  "proxmox.storage": { disk: "content" },
  host: {
    "system_uptime.seconds": "seconds",
    "load_averages.1m": "level",
    "load_averages.5m": "level",
    "memory.system.used_bytes": "level",
  },
};

/**
 * The item as its source would read it at that time: usage, sizes and counters moved on from where they stood at `start`, and a
 * node's heartbeats fresh. Nothing else differs.
 */
export function movedTo(item: SampleItem, at: Date, start: Date): SampleItem {
  if (item.ci_type === "kubernetes.node") return withHeartbeat(item, at);
  const edits: Record<string, JsonValue> = {};
  for (const [path, movement] of Object.entries(movements[item.ci_type] ?? {})) {
    const base = valueAt(item.raw_data, path);
    if (typeof base === "number") edits[path] = moved(base, movement, `${item.name} ${path}`, at, start);
  }
  return edited(item, edits);
}

function moved(base: number, movement: Movement, seed: string, at: Date, start: Date): number {
  const seconds = Math.round((at.getTime() - start.getTime()) / 1000);
  const days = seconds / 86_400;
  if (movement === "seconds") return Math.max(0, base + seconds);
  const factors = {
    counter: () => 1 + days * 0.03,
    content: () => 1 + days * 0.004 * random(seed)(),
    level: () => 0.75 + 0.35 * officeHours(at) + 0.15 * random(`${seed} ${seconds}`)(),
  };
  const value = base * factors[movement]();
  return Number.isInteger(base) ? Math.round(value) : Number(value.toFixed(5));
}

/** 0 at night, 1 in the early afternoon. */
function officeHours(at: Date): number {
  return Math.max(0, Math.sin(((at.getUTCHours() + at.getUTCMinutes() / 60 - 7) / 14) * Math.PI));
}

function withHeartbeat(node: SampleItem, at: Date): SampleItem {
  const conditions = elementsOf(valueAt(node.raw_data, "status.conditions"));
  const edits: Edits = {
    "metadata.resourceVersion": String(Math.floor(at.getTime() / 4000)),
    "status.conditions": conditions.map((condition) =>
      isJsonObject(condition) ? { ...condition, lastHeartbeatTime: stamp(later(at, -1)) } : condition,
    ),
  };
  return edited(node, edits);
}
