import { stamp } from "./calendar.ts";
import { countAt, edited, objectAt, textAt } from "./edit.ts";
import type { TemplateParts } from "./kubernetes-objects.ts";
import { apiObject, podTemplate, selectorOf } from "./kubernetes-objects.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { suffix } from "./random.ts";

/** A workload as its team describes it. */
export interface WorkloadParts extends TemplateParts {
  readonly namespace: string;
  readonly replicas: number;
  readonly created: Date;
}

const revisionPath = 'metadata.annotations["deployment.kubernetes.io/revision"]';

/** A deployment at revision 1 whose pods all run. */
export function deployment(parts: WorkloadParts): SampleItem {
  const { namespace, app, created, replicas } = parts;
  const item = apiObject({
    kind: "Deployment",
    apiVersion: "apps/v1",
    namespace,
    name: app,
    created,
    labels: { ...selectorOf(app), "app.kubernetes.io/part-of": parts.partOf },
    annotations: { "deployment.kubernetes.io/revision": "1" },
    body: {
      spec: {
        replicas,
        revisionHistoryLimit: 1,
        selector: { matchLabels: selectorOf(app) },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: 0 } },
        template: podTemplate(parts),
      },
    },
  });
  return withRollout(item, created, { updated: replicas, ready: replicas });
}

/** The deployment with the status that follows from how many pods are new and how many are ready. */
export function withRollout(
  item: SampleItem,
  at: Date,
  pods: { updated: number; ready: number; failed?: boolean },
): SampleItem {
  const desired = countAt(item, "spec.replicas");
  const complete = pods.updated === desired && pods.ready === desired;
  const failed = pods.failed === true;
  const reason = complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated";
  return edited(item, {
    "metadata.generation": countAt(item, "metadata.generation") + 1,
    status: {
      observedGeneration: countAt(item, "metadata.generation") + 1,
      replicas: complete ? desired : desired + 1,
      updatedReplicas: pods.updated,
      readyReplicas: pods.ready,
      availableReplicas: pods.ready,
      ...(complete ? {} : { unavailableReplicas: 1 }),
      conditions: [
        {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          lastUpdateTime: textAt(item, "metadata.creationTimestamp"),
          lastTransitionTime: textAt(item, "metadata.creationTimestamp"),
        },
        {
          type: "Progressing",
          status: failed ? "False" : "True",
          reason: failed ? "ProgressDeadlineExceeded" : reason,
          lastUpdateTime: stamp(at),
          lastTransitionTime: failed ? stamp(at) : textAt(item, "metadata.creationTimestamp"),
        },
      ],
    },
  });
}

/** The name of the ReplicaSet that belongs to the deployment's present template: the same template, the same name. */
export function replicaSetName(item: SampleItem): string {
  return `${item.name}-${templateHash(item)}`;
}

/** The ReplicaSet of the deployment's present template, without pods yet. */
export function replicaSet(item: SampleItem, created: Date): SampleItem {
  const hash = templateHash(item);
  const labels = { ...objectAt(item, "spec.template.metadata.labels"), "pod-template-hash": hash };
  return apiObject({
    kind: "ReplicaSet",
    apiVersion: "apps/v1",
    namespace: item.namespace,
    name: replicaSetName(item),
    created,
    owner: item,
    labels,
    annotations: { "deployment.kubernetes.io/revision": String(revisionOf(item)) },
    body: {
      spec: {
        replicas: 0,
        selector: { matchLabels: { ...selectorOf(item.name), "pod-template-hash": hash } },
        template: { ...objectAt(item, "spec.template"), metadata: { labels } },
      },
      status: { replicas: 0, observedGeneration: 1 },
    },
  });
}

/** The ReplicaSet at another size, of which some pods are ready. */
export function resized(item: SampleItem, replicas: number, ready = replicas): SampleItem {
  const status: JsonObject =
    replicas === 0
      ? { replicas }
      : { replicas, fullyLabeledReplicas: replicas, readyReplicas: ready, availableReplicas: ready };
  return edited(item, {
    "spec.replicas": replicas,
    status: { ...status, observedGeneration: countAt(item, "status.observedGeneration") + 1 },
  });
}

/** Which rollout made the deployment or ReplicaSet what it is. */
export function revisionOf(item: SampleItem): number {
  return Number(textAt(item, revisionPath));
}

/** The same deployment or ReplicaSet at another revision. */
export function atRevision(item: SampleItem, revision: number): SampleItem {
  return edited(item, { [revisionPath]: String(revision) });
}

function templateHash(item: SampleItem): string {
  return suffix(`${item.namespace}/${item.name}/${JSON.stringify(objectAt(item, "spec.template"))}`, 9);
}
