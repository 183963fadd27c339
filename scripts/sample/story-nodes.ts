import type { Calendar } from "./calendar.ts";
import { edited, elementsOf, textAt, valueAt } from "./edit.ts";
import { coverNodes, updateDaemonSet } from "./kubernetes-daemons.ts";
import { clusterNode } from "./kubernetes-nodes.ts";
import { keepsItsName, podsOn, startPod } from "./kubernetes-scheduling.ts";
import { moveReplica } from "./kubernetes-stateful.ts";
import type { SampleItem } from "./model.ts";
import { proxmoxCluster, virtualMachine } from "./proxmox.ts";
import type { StoryEvent } from "./story-event.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const { kubernetes, proxmox } = sources;
const leaving = "k8s-worker-2";
const joining = { name: "k8s-worker-5", vmid: 115, index: 6, cores: 12, memoryGib: 48 };
const newKubelet = "v1.33.5";

/** One worker is replaced by a bigger one, and all kubelets are upgraded. */
export function nodeStory({ workday, start }: Calendar): StoryEvent[] {
  return [
    {
      at: workday(7, 9, 40),
      reason: `a virtual machine for ${joining.name}`,
      play: (world, at) => world.put(proxmox, newMachine(at, start)),
    },
    {
      at: workday(7, 9, 55),
      reason: `${joining.name} joins the cluster, ${leaving} is cordoned`,
      play: (world, at) => {
        world.put(kubernetes, clusterNode({ ...joining, created: at }), cordoned(node(world, leaving)));
        coverNodes(world, at);
      },
    },
    { at: workday(7, 10, 25), reason: `drain ${leaving}`, play: drain },
    { at: workday(7, 11), reason: `${leaving} leaves the cluster`, play: leave },
    {
      at: workday(12, 14),
      reason: `Kubernetes ${newKubelet} on the control plane`,
      play: (world, at) => {
        upgradeKubelets(world, "control");
        updateDaemonSet(world, at, "kube-system", "kube-proxy", `registry.k8s.io/kube-proxy:${newKubelet}`);
      },
    },
    {
      at: workday(12, 14, 30),
      reason: `Kubernetes ${newKubelet} on the workers`,
      play: (world) => upgradeKubelets(world, "worker"),
    },
  ];
}

function upgradeKubelets(world: World, role: string): void {
  for (const item of world.all(kubernetes, "kubernetes.node"))
    if (item.name.includes(role)) world.put(kubernetes, edited(item, { "status.nodeInfo.kubeletVersion": newKubelet }));
}

function newMachine(at: Date, start: Date): SampleItem {
  return virtualMachine({
    ...joining,
    node: "pve-2",
    diskGib: 160,
    tags: "k8s;prod",
    department: "Platform",
    uptime: Math.round((start.getTime() - at.getTime()) / 1000),
  });
}

/** Moves what must go on running and ends what ran to its end; the DaemonSets' pods stay until the node is gone. */
function drain(world: World, at: Date): void {
  for (const pod of podsOn(world, leaving)) {
    const owner = textAt(pod, "metadata.ownerReferences.0.kind");
    if (keepsItsName(pod)) moveReplica(world, pod, at);
    else if (owner !== "DaemonSet") {
      world.remove(kubernetes, pod);
      if (owner === "ReplicaSet") startPod(world, replicaSetOf(world, pod), at);
    }
  }
}

function leave(world: World, at: Date): void {
  world.remove(kubernetes, ...podsOn(world, leaving), node(world, leaving));
  coverNodes(world, at);
  world.remove(proxmox, world.find(proxmox, "proxmox.vm", proxmoxCluster, leaving));
}

function cordoned(item: SampleItem): SampleItem {
  const taints = elementsOf(valueAt(item.raw_data, "spec.taints"));
  const added = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
  return edited(item, { "spec.unschedulable": true, "spec.taints": [...taints, added] });
}

function replicaSetOf(world: World, pod: SampleItem): SampleItem {
  return world.find(kubernetes, "kubernetes.replicaset", pod.namespace, textAt(pod, "metadata.ownerReferences.0.name"));
}

function node(world: World, name: string): SampleItem {
  return world.find(kubernetes, "kubernetes.node", null, name);
}
