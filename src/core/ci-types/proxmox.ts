import { bigint, declareType, double, flag, integer, json, text } from "./columns.ts";
import type { CiTypeDeclaration, ColumnDeclaration } from "./declaration.ts";
import { named, namedLikeNamespace } from "./relationship-declaration.ts";

const onNode = named("runs_on", "proxmox.node", "node", "own");

const guestColumns: Readonly<Record<string, ColumnDeclaration>> = {
  vmid: integer("vmid"),
  node_name: text("node"),
  power_state: text("status"),
  cpu_count: integer("maxcpu"),
  memory_bytes: bigint("maxmem"),
  disk_bytes: bigint("maxdisk"),
  template: flag("template"),
  pool_name: text("pool"),
  tags: text("tags"),
  ha_state: text("hastate"),
  os_type: text("config.ostype"),
  start_at_boot: flag("config.onboot"),
  net0: text("config.net0"),
};

const usage: Readonly<Record<string, ColumnDeclaration>> = {
  cpu_usage: double("cpu"),
  memory_used_bytes: bigint("mem"),
  disk_used_bytes: bigint("disk"),
  uptime_seconds: bigint("uptime"),
};

const guestUsage: Readonly<Record<string, ColumnDeclaration>> = {
  ...usage,
  host_memory_bytes: bigint("memhost"),
  disk_read_bytes: bigint("diskread"),
  disk_write_bytes: bigint("diskwrite"),
  net_in_bytes: bigint("netin"),
  net_out_bytes: bigint("netout"),
};

/** The process id is the power state told again; pressure figures move with every look. */
const guestIgnored = [
  "pid",
  "pressurecpufull",
  "pressurecpusome",
  "pressureiofull",
  "pressureiosome",
  "pressurememoryfull",
  "pressurememorysome",
] as const;

/** The rows of `/cluster/resources` and `/cluster/status`, guests with their `config` and nodes with their status beside them. */
export const proxmoxTypes: readonly CiTypeDeclaration[] = [
  declareType("proxmox.cluster", {
    columns: {
      quorate: flag("quorate"),
      node_count: integer("nodes"),
      config_version: integer("version"),
      pve_version: text("pve_version"),
    },
  }),
  declareType("proxmox.node", {
    columns: {
      node_id: integer("nodeid"),
      ip: text("ip"),
      run_state: text("status"),
      cpu_count: integer("maxcpu"),
      memory_bytes: bigint("maxmem"),
      disk_bytes: bigint("maxdisk"),
      cpu_model: text("cpuinfo.model"),
      cpu_sockets: integer("cpuinfo.sockets"),
      pve_version: text("pveversion"),
      kernel_version: text("kversion"),
      subscription_level: text("level"),
    },
    metrics: {
      ...usage,
      load_average: json("loadavg"),
      memory_free_bytes: bigint("memory.free"),
      swap_used_bytes: bigint("swap.used"),
      io_wait: double("wait"),
    },
    // The clock follows the load; the rest are the same fill levels told once more.
    ignored: [
      "cpuinfo.mhz",
      "idle",
      "ksm.shared",
      "memory.available",
      "memory.used",
      "swap.free",
      "rootfs.avail",
      "rootfs.free",
      "rootfs.used",
      "local",
    ],
    relationships: [namedLikeNamespace("member_of", "proxmox.cluster", "namespace", "none")],
  }),
  declareType("proxmox.vm", {
    columns: {
      ...guestColumns,
      cores: integer("config.cores"),
      sockets: integer("config.sockets"),
      boot_order: text("config.boot"),
      agent_enabled: text("config.agent"),
      scsi0: text("config.scsi0"),
    },
    metrics: guestUsage,
    ignored: guestIgnored,
    relationships: [onNode],
  }),
  declareType("proxmox.container", {
    columns: {
      ...guestColumns,
      unprivileged: flag("config.unprivileged"),
      rootfs: text("config.rootfs"),
      hostname: text("config.hostname"),
    },
    metrics: { ...guestUsage, swap_used_bytes: bigint("swap") },
    ignored: guestIgnored,
    relationships: [onNode],
  }),
  declareType("proxmox.storage", {
    columns: {
      storage_id: text("storage"),
      node_name: text("node"),
      availability: text("status"),
      plugin_type: text("plugintype"),
      content_types: text("content"),
      shared: flag("shared"),
      ceph_pool: text("config.pool"),
    },
    // The size of a thin or shared storage moves with what else lies on the same disks.
    metrics: { size_bytes: bigint("maxdisk"), used_bytes: bigint("disk") },
    ignored: ["used_fraction", "avail", "used"],
    relationships: [onNode],
  }),
];
