import { stamp } from "./calendar.ts";
import { countAt, edited, textAt } from "./edit.ts";
import type { Edits } from "./edit.ts";
import { atRevision, replicaSet, replicaSetName, resized, revisionOf, withRollout } from "./kubernetes-controllers.ts";
import { podsOf, startPod } from "./kubernetes-scheduling.ts";
import type { SampleItem } from "./model.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const source = sources.kubernetes;

/** Where an image stands in a workload's template. */
export const imagePath = "spec.template.spec.containers.0.image";

/** Puts a deployment with its ReplicaSet and pods into the cluster, all running since it was made. */
export function install(world: World, deployment: SampleItem, at: Date): void {
  world.put(source, deployment, replicaSet(deployment, at));
  settle(world, deployment, at);
}

/** Begins a rollout: the deployment's template changes, and the first pod of the new ReplicaSet comes up. */
export function startRollout(world: World, at: Date, namespace: string, name: string, template: Edits): void {
  const before = deploymentNamed(world, namespace, name);
  const changed = atRevision(edited(before, template), revisionOf(before) + 1);
  const desired = countAt(before, "spec.replicas");
  world.put(source, withRollout(changed, at, { updated: 1, ready: desired }));
  const replicas = currentReplicaSet(world, changed) ?? replicaSet(changed, at);
  const revised = resized(atRevision(replicas, revisionOf(changed)), 1);
  world.put(source, revised);
  startPod(world, revised, at);
}

/** Ends a rollout: the new ReplicaSet has all its pods, the old ones are gone, and history keeps one old ReplicaSet. */
export function finishRollout(world: World, at: Date, namespace: string, name: string): void {
  const deployment = deploymentNamed(world, namespace, name);
  const desired = countAt(deployment, "spec.replicas");
  world.put(source, withRollout(deployment, at, { updated: desired, ready: desired }));
  const old = oldReplicaSets(world, deployment);
  for (const replicas of old) {
    world.remove(source, ...podsOf(world, replicas));
    if (countAt(replicas, "spec.replicas") > 0) world.put(source, resized(replicas, 0));
  }
  const [, ...beyondHistory] = old.toSorted((a, b) => revisionOf(b) - revisionOf(a));
  world.remove(source, ...beyondHistory);
  settle(world, deployment, at);
}

/** Begins a rollout whose first pod never becomes ready. */
export function startFailingRollout(world: World, at: Date, namespace: string, name: string, image: string): void {
  startRollout(world, at, namespace, name, { [imagePath]: image });
  crash(world, at, namespace, name, 1);
}

/** The first pod of the running rollout crashes once more; the deployment gives up when its deadline has passed. */
export function crash(world: World, at: Date, namespace: string, name: string, restarts: number, failed = false): void {
  const deployment = deploymentNamed(world, namespace, name);
  const replicas = currentReplicaSet(world, deployment);
  if (!replicas) throw new Error(`${name} has no rollout`);
  const ready = countAt(deployment, "spec.replicas");
  if (countAt(replicas, "status.readyReplicas") > 0) world.put(source, resized(replicas, 1, 0));
  world.put(source, withRollout(deployment, at, { updated: 1, ready, failed }));
  for (const pod of podsOf(world, replicas)) world.put(source, crashed(pod, at, restarts));
}

/** Takes the deployment back to an earlier image, whose ReplicaSet is still there; the failed pod goes. */
export function rollBack(world: World, at: Date, namespace: string, name: string, image: string): void {
  const failing = deploymentNamed(world, namespace, name);
  const back = atRevision(edited(failing, { [imagePath]: image }), revisionOf(failing) + 1);
  world.put(source, back);
  const replicas = currentReplicaSet(world, back);
  if (!replicas) throw new Error(`${name} never ran ${image}`);
  world.put(source, atRevision(replicas, revisionOf(back)));
  finishRollout(world, at, namespace, name);
}

/** Gives the deployment another number of pods. */
export function scale(world: World, at: Date, namespace: string, name: string, replicas: number): void {
  const deployment = edited(deploymentNamed(world, namespace, name), { "spec.replicas": replicas });
  world.put(source, withRollout(deployment, at, { updated: replicas, ready: replicas }));
  settle(world, deployment, at);
}

/** Brings the deployment's present ReplicaSet to the size that the deployment wants, pods included. */
function settle(world: World, deployment: SampleItem, at: Date): void {
  const replicas = currentReplicaSet(world, deployment);
  if (!replicas) throw new Error(`${deployment.name} has no ReplicaSet`);
  const desired = countAt(deployment, "spec.replicas");
  const running = podsOf(world, replicas);
  world.remove(source, ...running.slice(desired));
  for (let missing = desired - running.length; missing > 0; missing -= 1) startPod(world, replicas, at);
  if (countAt(replicas, "status.readyReplicas") !== desired) world.put(source, resized(replicas, desired));
}

function deploymentNamed(world: World, namespace: string, name: string): SampleItem {
  return world.find(source, "kubernetes.deployment", namespace, name);
}

function currentReplicaSet(world: World, deployment: SampleItem): SampleItem | undefined {
  const name = replicaSetName(deployment);
  return ownReplicaSets(world, deployment).find((replicas) => replicas.name === name);
}

function oldReplicaSets(world: World, deployment: SampleItem): readonly SampleItem[] {
  const name = replicaSetName(deployment);
  return ownReplicaSets(world, deployment).filter((replicas) => replicas.name !== name);
}

function ownReplicaSets(world: World, deployment: SampleItem): readonly SampleItem[] {
  const uid = textAt(deployment, "metadata.uid");
  return world
    .all(source, "kubernetes.replicaset")
    .filter((replicas) => textAt(replicas, "metadata.ownerReferences.0.uid") === uid);
}

function crashed(pod: SampleItem, at: Date, restarts: number): SampleItem {
  const container = "status.containerStatuses.0";
  return edited(pod, {
    [`${container}.ready`]: false,
    [`${container}.restartCount`]: restarts,
    [`${container}.state`]: {
      waiting: { reason: "CrashLoopBackOff", message: "back-off restarting failed container" },
    },
    [`${container}.lastState`]: { terminated: { exitCode: 1, reason: "Error", finishedAt: stamp(at) } },
    "status.conditions.2.status": "False",
    "status.conditions.3.status": "False",
    "status.conditions.3.reason": "ContainersNotReady",
  });
}
