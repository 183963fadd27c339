import { stamp } from "./calendar.ts";
import { countAt, edited, textAt } from "./edit.ts";
import type { WorkloadParts } from "./kubernetes-controllers.ts";
import { apiObject, podTemplate, selectorOf } from "./kubernetes-objects.ts";
import { freestWorker, placePod, podsOf } from "./kubernetes-scheduling.ts";
import type { JsonValue } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { hex, uuid } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const source = sources.kubernetes;

/** The Ceph pool that holds the images behind the cluster's volumes. */
const volumePool = "k8s-rbd";

/** Puts a StatefulSet with its pods, claims and volumes into the cluster; the volumes are images in that Ceph cluster. */
export function installStatefulSet(world: World, parts: WorkloadParts & { storage: string; fsid: string }): void {
  const { namespace, app, created, replicas } = parts;
  const set = apiObject({
    kind: "StatefulSet",
    apiVersion: "apps/v1",
    namespace,
    name: app,
    created,
    labels: { ...selectorOf(app), "app.kubernetes.io/part-of": parts.partOf },
    body: {
      spec: {
        replicas,
        serviceName: app,
        podManagementPolicy: "OrderedReady",
        updateStrategy: { type: "RollingUpdate" },
        selector: { matchLabels: selectorOf(app) },
        template: podTemplate({ ...parts, claim: "data" }),
      },
      status: statusOf(`${namespace}/${app}/1`, app, replicas),
    },
  });
  world.put(source, set);
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const claim = `data-${app}-${ordinal}`;
    world.put(source, ...claimAndVolume(parts, claim));
    runReplica(world, set, ordinal, freestWorker(world), created);
  }
}

/** Rolls a StatefulSet to another image, one pod after the other under their old names. */
export function updateStatefulSet(world: World, at: Date, namespace: string, name: string, image: string): void {
  const before = world.find(source, "kubernetes.statefulset", namespace, name);
  const replicas = countAt(before, "spec.replicas");
  const set = edited(before, {
    "spec.template.spec.containers.0.image": image,
    status: statusOf(`${namespace}/${name}/${image}`, name, replicas),
  });
  world.put(source, set);
  for (const pod of podsOf(world, set)) restartReplica(world, set, pod, nodeOf(world, pod), at);
}

/** Moves a StatefulSet's pod to the freest worker. */
export function moveReplica(world: World, pod: SampleItem, at: Date): void {
  const set = world.find(
    source,
    "kubernetes.statefulset",
    pod.namespace,
    textAt(pod, "metadata.ownerReferences.0.name"),
  );
  restartReplica(world, set, pod, freestWorker(world), at);
}

/** Gives a claim and its volume another size. */
export function growClaim(world: World, namespace: string, claim: string, storage: string): void {
  const item = world.find(source, "kubernetes.persistentvolumeclaim", namespace, claim);
  const volume = world.find(source, "kubernetes.persistentvolume", null, textAt(item, "spec.volumeName"));
  world.put(
    source,
    edited(item, { "spec.resources.requests.storage": storage, "status.capacity.storage": storage }),
    edited(volume, { "spec.capacity.storage": storage }),
  );
}

function restartReplica(world: World, set: SampleItem, pod: SampleItem, node: SampleItem, at: Date): void {
  world.remove(source, pod);
  runReplica(world, set, Number(pod.name.slice(set.name.length + 1)), node, at);
}

function runReplica(world: World, set: SampleItem, ordinal: number, node: SampleItem, at: Date): void {
  const name = `${set.name}-${ordinal}`;
  const claimName = `data-${name}`;
  const pod = placePod(world, {
    owner: set,
    node,
    name,
    at,
    labels: {
      "statefulset.kubernetes.io/pod-name": name,
      "controller-revision-hash": textAt(set, "status.currentRevision"),
    },
    volumes: [{ name: "data", persistentVolumeClaim: { claimName } }],
  });
  // A pod that comes back under its name is another pod to the API server.
  const uid = uuid(`${pod.namespace}/${name}/${textAt(set, "status.currentRevision")}/${node.name}`);
  world.put(source, edited(pod, { "metadata.uid": uid }));
}

function claimAndVolume(parts: WorkloadParts & { storage: string; fsid: string }, name: string): SampleItem[] {
  const { namespace, app, created, storage, fsid } = parts;
  const shared = { accessModes: ["ReadWriteOnce"], storageClassName: "ceph-rbd", volumeMode: "Filesystem" };
  const volumeId = uuid(`volume/${namespace}/${name}`);
  const volumeName = `pvc-${volumeId}`;
  const claim = apiObject({
    kind: "PersistentVolumeClaim",
    namespace,
    name,
    created,
    labels: selectorOf(app),
    annotations: { "pv.kubernetes.io/bind-completed": "yes" },
    body: {
      spec: { ...shared, resources: { requests: { storage } }, volumeName },
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage } },
    },
  });
  const volume = apiObject({
    kind: "PersistentVolume",
    namespace: null,
    name: volumeName,
    created,
    annotations: { "pv.kubernetes.io/provisioned-by": "rbd.csi.ceph.com" },
    body: {
      spec: {
        ...shared,
        capacity: { storage },
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          namespace,
          name,
          uid: textAt(claim, "metadata.uid"),
          resourceVersion: textAt(claim, "metadata.resourceVersion"),
        },
        csi: {
          driver: "rbd.csi.ceph.com",
          fsType: "ext4",
          volumeHandle: `0001-0024-${fsid}-0000000000000002-${volumeId}`,
          volumeAttributes: {
            clusterID: fsid,
            pool: volumePool,
            imageName: `csi-vol-${volumeId}`,
            provisioned: stamp(created),
          },
        },
      },
      status: { phase: "Bound" },
    },
  });
  return [claim, { ...volume, ...(claim.department === undefined ? {} : { department: claim.department }) }];
}

function statusOf(seed: string, name: string, replicas: number): Record<string, JsonValue> {
  const revision = `${name}-${hex(seed, 10)}`;
  const counts = { replicas, readyReplicas: replicas, currentReplicas: replicas, updatedReplicas: replicas };
  return { observedGeneration: 1, ...counts, currentRevision: revision, updateRevision: revision, collisionCount: 0 };
}

function nodeOf(world: World, pod: SampleItem): SampleItem {
  return world.find(source, "kubernetes.node", null, textAt(pod, "spec.nodeName"));
}
