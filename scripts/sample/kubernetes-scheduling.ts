import { objectAt, textAt, valueAt } from "./edit.ts";
import { podOf } from "./kubernetes-objects.ts";
import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { suffix } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

/** The live pods that this controller made. */
export function podsOf(world: World, owner: SampleItem): readonly SampleItem[] {
  const uid = textAt(owner, "metadata.uid");
  return world
    .all(sources.kubernetes, "kubernetes.pod")
    .filter((pod) => valueAt(pod.raw_data, "metadata.ownerReferences.0.uid") === uid);
}

/** The live pods that run on this node. */
export function podsOn(world: World, node: string): readonly SampleItem[] {
  return world.all(sources.kubernetes, "kubernetes.pod").filter((pod) => textAt(pod, "spec.nodeName") === node);
}

/** Starts one more pod of a ReplicaSet or Job on the worker that has the fewest, and returns it. */
export function startPod(world: World, owner: SampleItem, at: Date, labels: JsonObject = {}): SampleItem {
  return placePod(world, { owner, node: freestWorker(world), name: freshPodName(world, owner), at, labels });
}

/** Starts a pod under a given name on a given node, with the template's labels and more. */
export function placePod(
  world: World,
  parts: {
    owner: SampleItem;
    node: SampleItem;
    name: string;
    at: Date;
    labels?: JsonObject;
    volumes?: readonly JsonValue[];
  },
): SampleItem {
  const labels = { ...objectAt(parts.owner, "spec.template.metadata.labels"), ...parts.labels };
  const pod = podOf({ ...parts, labels, ip: freeAddress(world, parts.node) });
  world.put(sources.kubernetes, pod);
  return pod;
}

/** The uncordoned worker that runs the fewest pods. */
export function freestWorker(world: World): SampleItem {
  const [freest] = world
    .all(sources.kubernetes, "kubernetes.node")
    .filter((node) => node.name.includes("worker") && valueAt(node.raw_data, "spec.unschedulable") !== true)
    .toSorted((a, b) => podsOn(world, a.name).length - podsOn(world, b.name).length || (a.name < b.name ? -1 : 1));
  if (!freest) throw new Error("no worker takes pods");
  return freest;
}

/** A name for a pod of this owner that no pod ever had. */
export function freshPodName(world: World, owner: SampleItem): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = `${owner.name}-${suffix(`${owner.namespace}/${owner.name}/${attempt}`, 5)}`;
    const key = { ci_type: "kubernetes.pod", namespace: owner.namespace, name };
    if (!world.known(sources.kubernetes, key)) return name;
  }
}

function freeAddress(world: World, node: SampleItem): string {
  const network = textAt(node, "spec.podCIDR").split(".").slice(0, 3).join(".");
  const taken = new Set(podsOn(world, node.name).map((pod) => valueAt(pod.raw_data, "status.podIP")));
  for (let last = 10; ; last += 1) {
    const address = `${network}.${last}`;
    if (!taken.has(address)) return address;
  }
}

/** Whether the pod mounts a volume claim, and so must keep its name wherever it moves. */
export function keepsItsName(pod: SampleItem): boolean {
  return valueAt(pod.raw_data, "metadata.ownerReferences.0.kind") === "StatefulSet";
}
