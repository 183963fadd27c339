import type { Calendar } from "./calendar.ts";
import { later } from "./calendar.ts";
import { cephCluster, health } from "./ceph.ts";
import { countAt, edited, objectAt, textAt } from "./edit.ts";
import type { Edits } from "./edit.ts";
import { hostNamed } from "./machines.ts";
import { proxmoxCluster } from "./proxmox.ts";
import { uuid } from "./random.ts";
import { nodeStory } from "./story-nodes.ts";
import type { StoryEvent } from "./story-event.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const { ceph, proxmox, hosts, network } = sources;
const newKernel = "Linux 6.14.11-1-pve #1 SMP PREEMPT_DYNAMIC PMX 6.14.11-1";

/** What happens to disks, hypervisors, machines and the network. */
export function infrastructureStory(calendar: Calendar): StoryEvent[] {
  const { workday, ago } = calendar;
  return [
    ...nodeStory(calendar),
    ...failingDisk(ago(226)),
    cephUpgrade(workday(9, 14, 15)),
    poolGrowth(workday(11, 11)),
    kernelUpdate(workday(11, 13, 12), calendar.start),
    resize(workday(3, 13, 20), "gitea-1", 6, 12),
    power(workday(6, 14), "legacy-erp"),
    deletion(workday(7, 16), "legacy-erp"),
    patchedHosts(workday(2, 16)),
    firmware(workday(10, 17)),
    wentSilent(ago(5.2 * 24), (world) => world.silence(hosts, hostNamed(world, "till-3"))),
    wentSilent(ago(52), (world) => world.silence(network, world.find(network, "network.switch", null, "sw-store-1"))),
    wentSilent(ago(31), (world) => world.silence(hosts, hostNamed(world, "warehouse-scanner-hub"))),
    wentSilent(ago(10 * 24), (world) =>
      world.silence(proxmox, world.find(proxmox, "proxmox.container", proxmoxCluster, "label-printer-proxy")),
    ),
  ];
}

/** A disk fails, its OSD goes down and out, and a day later another disk takes its place. */
function failingDisk(at: Date): StoryEvent[] {
  const name = "osd.4";
  const down = { OSD_DOWN: "1 osds down", PG_DEGRADED: "Degraded data redundancy" };
  return [
    {
      at,
      reason: "osd.4 does not answer",
      play: (world) => {
        osd(world, name, { up: 0, state: ["exists"], down_at: 2214 });
        cluster(world, { health: health(down), "osdmap.num_up_osds": 8 });
      },
    },
    {
      at: later(at, 12),
      reason: "osd.4 is out, its data moves",
      play: (world) => {
        osd(world, name, { in: 0, weight: 0 });
        cluster(world, { health: health({ PG_DEGRADED: "Degraded data redundancy" }), "osdmap.num_in_osds": 8 });
      },
    },
    {
      at: later(at, 30 * 60),
      reason: "a new disk for osd.4",
      play: (world) => {
        osd(world, name, {
          up: 1,
          in: 1,
          weight: 1,
          state: ["exists", "up"],
          uuid: uuid("osd/4/second"),
          up_from: 2261,
        });
        cluster(world, { health: health({}), "osdmap.num_up_osds": 9, "osdmap.num_in_osds": 9 });
      },
    },
  ];
}

function cephUpgrade(at: Date): StoryEvent {
  const version: Edits = { "metadata.ceph_version_short": "19.2.3" };
  return {
    at,
    reason: "Ceph 19.2.3",
    play: (world) => {
      for (const item of world.all(ceph, "ceph.mon")) world.put(ceph, edited(item, version));
      for (const item of world.all(ceph, "ceph.osd"))
        world.put(ceph, edited(item, { ...version, up_from: countAt(item, "up_from") + 470 }));
      cluster(world, { ceph_version: "19.2.3" });
    },
  };
}

function poolGrowth(at: Date): StoryEvent {
  return {
    at,
    reason: "the autoscaler splits k8s-rbd",
    play: (world) => {
      world.put(
        ceph,
        edited(world.find(ceph, "ceph.pool", cephCluster, "k8s-rbd"), { pg_num: 256, pg_placement_num: 256 }),
      );
      const groups = countAt(world.find(ceph, "ceph.cluster", null, cephCluster), "pgmap.num_pgs");
      cluster(world, { "pgmap.num_pgs": groups + 128 });
    },
  };
}

/** Each hypervisor restarts with the new kernel after its guests have moved on to the next, and its disks come back with it. */
function kernelUpdate(at: Date, start: Date): StoryEvent {
  const restarted = Math.round((start.getTime() - at.getTime()) / 1000);
  const kernel: Edits = { "metadata.kernel_version": "6.14.11-1-pve" };
  return {
    at,
    reason: "restart the hypervisors with the new kernel",
    play: (world) => {
      for (const guestItem of ["proxmox.vm", "proxmox.container"].flatMap((kind) => world.all(proxmox, kind)))
        world.put(proxmox, edited(guestItem, { node: nextHypervisor(textAt(guestItem, "node")) }));
      for (const node of world.all(proxmox, "proxmox.node"))
        world.put(proxmox, edited(node, { kversion: newKernel, uptime: restarted }));
      for (const item of world.all(ceph, "ceph.osd"))
        world.put(ceph, edited(item, { ...kernel, up_from: countAt(item, "up_from") + 12 }));
    },
  };
}

function nextHypervisor(name: string): string {
  return `pve-${(Number(name.slice(-1)) % 3) + 1}`;
}

function resize(at: Date, name: string, cores: number, memoryGib: number): StoryEvent {
  const config: Edits = { "config.cores": cores, "config.memory": String(memoryGib * 1024) };
  return {
    at,
    reason: `${name} gets ${cores} cores and ${memoryGib} GiB`,
    play: (world) => guest(world, name, { ...config, maxcpu: cores, maxmem: memoryGib * 1024 ** 3 }),
  };
}

function power(at: Date, name: string): StoryEvent {
  const off: Edits = { status: "stopped", "config.onboot": 0, cpu: undefined, mem: undefined, uptime: undefined };
  return { at, reason: `switch ${name} off`, play: (world) => guest(world, name, off) };
}

function deletion(at: Date, name: string): StoryEvent {
  return {
    at,
    reason: `delete ${name}`,
    play: (world) => {
      world.remove(proxmox, world.find(proxmox, "proxmox.vm", proxmoxCluster, name));
      world.put(proxmox, edited(world.find(proxmox, "proxmox.cluster", null, proxmoxCluster), { version: 15 }));
    },
  };
}

function patchedHosts(at: Date): StoryEvent {
  return {
    at,
    reason: "Debian 12.12 on the machines",
    play: (world) => {
      for (const item of world.all(hosts, "host")) {
        const release = { ...objectAt(item, "os.release"), full: "12.12", minor: "12" };
        world.put(hosts, edited(item, { "os.release": release, kernelrelease: "6.1.0-39-amd64" }));
      }
    },
  };
}

function firmware(at: Date): StoryEvent {
  return {
    at,
    reason: "switch firmware 10.13.1101",
    play: (world) => {
      for (const item of world.all(network, "network.switch"))
        world.put(network, edited(item, { firmware: "10.13.1101" }));
    },
  };
}

function wentSilent(at: Date, play: (world: World) => void): StoryEvent {
  return { at, reason: "no answer", quiet: true, play };
}

function osd(world: World, name: string, edits: Edits): void {
  world.put(ceph, edited(world.find(ceph, "ceph.osd", cephCluster, name), edits));
}

function cluster(world: World, edits: Edits): void {
  world.put(ceph, edited(world.find(ceph, "ceph.cluster", null, cephCluster), edits));
}

function guest(world: World, name: string, edits: Edits): void {
  world.put(proxmox, edited(world.find(proxmox, "proxmox.vm", proxmoxCluster, name), edits));
}
