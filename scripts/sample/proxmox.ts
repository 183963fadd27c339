import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between, hex, random } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const gib = 1024 ** 3;

/** The name of the Proxmox cluster, which is the namespace of what it holds. */
export const proxmoxCluster = "harbour";

/** The kernel that the hypervisors run before they are updated. */
const firstKernel = "Linux 6.14.8-2-pve #1 SMP PREEMPT_DYNAMIC PMX 6.14.8-2";

/** What somebody ordered when a guest was made. */
export interface GuestParts {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly diskGib: number;
  readonly tags: string;
  readonly department: string;
  /** Seconds of uptime at the time that the figures count from; less than zero for a guest made since. */
  readonly uptime?: number;
}

const machines: readonly (readonly [number, string, number, number, number, number, string, string])[] = [
  [101, "k8s-control-1", 1, 4, 8, 60, "k8s;prod", "Platform"],
  [111, "k8s-worker-1", 1, 8, 32, 120, "k8s;prod", "Platform"],
  [112, "k8s-worker-2", 2, 8, 32, 120, "k8s;prod", "Platform"],
  [113, "k8s-worker-3", 3, 8, 32, 120, "k8s;prod", "Platform"],
  [114, "k8s-worker-4", 2, 8, 24, 120, "k8s;prod", "Platform"],
  [120, "pg-1", 3, 8, 48, 400, "postgresql;prod", "Data"],
  [130, "gitea-1", 2, 4, 8, 200, "tools", "Platform"],
  [131, "ci-runner-1", 1, 8, 16, 80, "tools", "Platform"],
  [132, "mail-relay-1", 3, 2, 2, 20, "mail;prod", "Platform"],
  [133, "legacy-erp", 3, 4, 8, 160, "legacy", "Finance"],
];

const containers: readonly (readonly [number, string, number, number, number, number, string, string])[] = [
  [201, "dns-1", 1, 1, 1, 8, "dns;prod", "Platform"],
  [202, "dns-2", 2, 1, 1, 8, "dns;prod", "Platform"],
  [203, "pdf-renderer", 2, 2, 4, 16, "checkout;prod", "Shop"],
  [204, "label-printer-proxy", 3, 1, 1, 8, "warehouse", "Shop"],
];

/** Fills the Proxmox cluster as it stands when it is first seen. */
export function buildProxmox(world: World): void {
  const put = (...items: readonly SampleItem[]): void => world.put(sources.proxmox, ...items);
  const version: JsonObject = {
    name: proxmoxCluster,
    type: "cluster",
    nodes: 3,
    quorate: 1,
    version: 14,
    pve_version: "9.0.6",
  };
  put({ name: proxmoxCluster, namespace: null, ci_type: "proxmox.cluster", department: "Platform", raw_data: version });
  for (const index of [1, 2, 3]) put(hypervisor(index), storage(index, "local"), storage(index, "ceph-vm"));
  for (const parts of machines) put(virtualMachine(guestParts(parts)));
  for (const parts of containers) put(container(guestParts(parts)));
}

/** A virtual machine whose disk is an RBD image. */
export function virtualMachine(parts: GuestParts): SampleItem {
  const address = hex(`mac/${parts.name}`, 6).toUpperCase().match(/../g) ?? [];
  return guest("vm", "qemu", parts, {
    cores: parts.cores,
    sockets: 1,
    memory: String(parts.memoryGib * 1024),
    ostype: "l26",
    onboot: 1,
    agent: "1",
    boot: "order=scsi0",
    scsihw: "virtio-scsi-single",
    scsi0: `ceph-vm:vm-${parts.vmid}-disk-0,discard=on,size=${parts.diskGib}G`,
    net0: `virtio=BC:24:11:${address.join(":")},bridge=vmbr0,tag=20`,
  });
}

function container(parts: GuestParts): SampleItem {
  return guest("container", "lxc", parts, {
    hostname: parts.name,
    cores: parts.cores,
    memory: parts.memoryGib * 1024,
    ostype: "debian",
    onboot: 1,
    unprivileged: 1,
    rootfs: `ceph-vm:vm-${parts.vmid}-disk-0,size=${parts.diskGib}G`,
    net0: `name=eth0,bridge=vmbr0,ip=10.20.8.${parts.vmid - 190}/24,tag=20,type=veth`,
  });
}

function guest(kind: string, type: string, parts: GuestParts, config: JsonObject): SampleItem {
  const share = random(parts.name);
  const raw: Record<string, JsonValue> = {
    id: `${type}/${parts.vmid}`,
    type,
    vmid: parts.vmid,
    name: parts.name,
    node: parts.node,
    status: "running",
    template: 0,
    tags: parts.tags,
    maxcpu: parts.cores,
    maxmem: parts.memoryGib * gib,
    maxdisk: parts.diskGib * gib,
    cpu: Number((0.05 + 0.3 * share()).toFixed(5)),
    mem: Math.round(parts.memoryGib * gib * (0.3 + 0.4 * share())),
    disk: Math.round(parts.diskGib * gib * (0.2 + 0.3 * share())),
    diskread: between(`${parts.name} read`, 1e9, 9e9),
    diskwrite: between(`${parts.name} write`, 1e9, 9e9),
    netin: between(`${parts.name} in`, 1e9, 9e9),
    netout: between(`${parts.name} out`, 1e9, 9e9),
    uptime: parts.uptime ?? between(`${parts.name} up`, 2e6, 9e6),
    config,
  };
  return {
    name: parts.name,
    namespace: proxmoxCluster,
    ci_type: `proxmox.${kind}`,
    department: parts.department,
    raw_data: raw,
  };
}

function guestParts(parts: (typeof machines)[number]): GuestParts {
  const [vmid, name, host, cores, memoryGib, diskGib, tags, department] = parts;
  return { vmid, name, node: `pve-${host}`, cores, memoryGib, diskGib, tags, department };
}

function hypervisor(index: number): SampleItem {
  const name = `pve-${index}`;
  const raw: JsonObject = {
    id: `node/${name}`,
    type: "node",
    node: name,
    nodeid: index,
    ip: `10.20.0.${10 + index}`,
    status: "online",
    level: "c",
    maxcpu: 64,
    maxmem: 256 * gib,
    maxdisk: 200 * gib,
    cpu: 0.21,
    mem: (90 + 10 * index) * gib,
    disk: 24 * gib,
    wait: 0.004,
    uptime: between(`${name} up`, 4e6, 8e6),
    pveversion: "pve-manager/9.0.6/49c767b70aeb6648",
    kversion: firstKernel,
    cpuinfo: { model: "AMD EPYC 7343 16-Core Processor", sockets: 2, cores: 32, cpus: 64 },
  };
  return { name, namespace: proxmoxCluster, ci_type: "proxmox.node", department: "Platform", raw_data: raw };
}

function storage(index: number, id: string): SampleItem {
  const node = `pve-${index}`;
  const shared = id === "ceph-vm";
  const raw: JsonObject = {
    id: `storage/${node}/${id}`,
    type: "storage",
    storage: id,
    node,
    status: "available",
    plugintype: shared ? "rbd" : "dir",
    content: shared ? "images,rootdir" : "iso,vztmpl,backup",
    shared: shared ? 1 : 0,
    maxdisk: (shared ? 14_000 : 200) * gib,
    disk: (shared ? 2_300 : 24) * gib,
    config: shared ? { pool: "vm-rbd", monhost: "10.20.1.11 10.20.1.12 10.20.1.13" } : { path: "/var/lib/vz" },
  };
  return {
    name: `${node}/${id}`,
    namespace: proxmoxCluster,
    ci_type: "proxmox.storage",
    department: "Platform",
    raw_data: raw,
  };
}
