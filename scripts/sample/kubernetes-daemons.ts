import { edited, textAt } from "./edit.ts";
import type { WorkloadParts } from "./kubernetes-controllers.ts";
import { apiObject, podTemplate, selectorOf } from "./kubernetes-objects.ts";
import { freshPodName, placePod, podsOf } from "./kubernetes-scheduling.ts";
import type { SampleItem } from "./model.ts";
import { hex } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const source = sources.kubernetes;

/** Puts a DaemonSet into the cluster with a pod on each node. */
export function installDaemonSet(world: World, parts: Omit<WorkloadParts, "replicas">): void {
  const set = apiObject({
    kind: "DaemonSet",
    apiVersion: "apps/v1",
    namespace: parts.namespace,
    name: parts.app,
    created: parts.created,
    labels: { ...selectorOf(parts.app), "app.kubernetes.io/part-of": parts.partOf },
    body: {
      spec: {
        selector: { matchLabels: selectorOf(parts.app) },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: podTemplate(parts),
      },
    },
  });
  world.put(source, set);
  coverNodes(world, parts.created);
}

/** Gives every node a pod of each DaemonSet, as after a node has joined or left. */
export function coverNodes(world: World, at: Date): void {
  const nodes = world.all(source, "kubernetes.node");
  for (const set of world.all(source, "kubernetes.daemonset")) {
    const covered = new Set(podsOf(world, set).map((pod) => textAt(pod, "spec.nodeName")));
    for (const node of nodes) if (!covered.has(node.name)) runOn(world, set, node, at);
    const counted = withCount(set, nodes.length);
    if (JSON.stringify(counted) !== JSON.stringify(set)) world.put(source, counted);
  }
}

/** Rolls a DaemonSet to another image: every node gets another pod. */
export function updateDaemonSet(world: World, at: Date, namespace: string, name: string, image: string): void {
  const before = world.find(source, "kubernetes.daemonset", namespace, name);
  const set = edited(before, { "spec.template.spec.containers.0.image": image });
  world.put(source, set);
  world.remove(source, ...podsOf(world, set));
  coverNodes(world, at);
}

function runOn(world: World, set: SampleItem, node: SampleItem, at: Date): void {
  const hash = hex(textAt(set, "spec.template.spec.containers.0.image"), 9);
  placePod(world, {
    owner: set,
    node,
    name: freshPodName(world, set),
    at,
    labels: { "controller-revision-hash": hash },
  });
}

function withCount(set: SampleItem, nodes: number): SampleItem {
  return edited(set, {
    "status.desiredNumberScheduled": nodes,
    "status.currentNumberScheduled": nodes,
    "status.updatedNumberScheduled": nodes,
    "status.numberReady": nodes,
    "status.numberAvailable": nodes,
    "status.numberMisscheduled": 0,
    "status.observedGeneration": 1,
  });
}
