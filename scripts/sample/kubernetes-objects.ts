import { stamp } from "./calendar.ts";
import { objectAt, textAt } from "./edit.ts";
import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between, uuid } from "./random.ts";

const departments: Readonly<Record<string, string>> = {
  shop: "Shop",
  checkout: "Shop",
  staging: "Shop",
  analytics: "Data",
};

/** The department that a namespace belongs to. */
export function departmentOf(namespace: string | null): string {
  return departments[namespace ?? ""] ?? "Platform";
}

/** What the maker of an API object says about it. */
export interface ObjectParts {
  readonly kind: string;
  readonly apiVersion?: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly created: Date;
  readonly labels?: JsonObject;
  readonly annotations?: JsonObject;
  readonly owner?: SampleItem;
  /** Everything beside apiVersion, kind and metadata. */
  readonly body: JsonObject;
  /** The department of an object that has no namespace. */
  readonly department?: string;
}

/** An API object as a configuration item, with the bookkeeping that an API server adds. */
export function apiObject(parts: ObjectParts): SampleItem {
  const { kind, namespace, name, created } = parts;
  const identity = `${kind}/${namespace ?? ""}/${name}`;
  const apiVersion = parts.apiVersion ?? "v1";
  const metadata: JsonObject = {
    name,
    ...(namespace === null ? {} : { namespace }),
    uid: uuid(identity),
    resourceVersion: String(between(identity, 4_000_000, 9_000_000)),
    creationTimestamp: stamp(created),
    ...(parts.labels ? { labels: parts.labels } : {}),
    ...(parts.annotations ? { annotations: parts.annotations } : {}),
    ...(parts.owner ? { ownerReferences: [ownerReference(parts.owner)] } : {}),
    managedFields: [
      {
        manager: parts.owner ? "kube-controller-manager" : "argocd",
        operation: "Update",
        apiVersion,
        time: stamp(created),
      },
    ],
  };
  return {
    name,
    namespace,
    ci_type: `kubernetes.${kind.toLowerCase()}`,
    department: parts.department ?? departmentOf(namespace),
    raw_data: { apiVersion, kind, metadata, ...parts.body },
  };
}

/** What the pods of one workload have in common. */
export interface TemplateParts {
  readonly app: string;
  readonly partOf: string;
  readonly image: string;
  readonly port?: number;
  readonly cpu: string;
  readonly memory: string;
  readonly configMap?: string;
  readonly secret?: string;
  readonly restartPolicy?: "Always" | "OnFailure";
  readonly claim?: string;
}

/** The labels by which a workload finds its pods. */
export function selectorOf(app: string): JsonObject {
  return { "app.kubernetes.io/name": app };
}

/** A pod template. */
export function podTemplate(parts: TemplateParts): JsonObject {
  const references: JsonValue[] = [
    ...(parts.configMap ? [{ configMapRef: { name: parts.configMap } }] : []),
    ...(parts.secret ? [{ secretRef: { name: parts.secret } }] : []),
  ];
  const container: JsonObject = {
    name: parts.app,
    image: parts.image,
    imagePullPolicy: "IfNotPresent",
    ...(parts.port ? { ports: [{ name: "http", containerPort: parts.port, protocol: "TCP" }] } : {}),
    ...(references.length > 0 ? { envFrom: references } : {}),
    resources: { requests: { cpu: parts.cpu, memory: parts.memory }, limits: { memory: parts.memory } },
    ...(parts.claim ? { volumeMounts: [{ name: parts.claim, mountPath: "/data" }] } : {}),
  };
  return {
    metadata: { labels: { ...selectorOf(parts.app), "app.kubernetes.io/part-of": parts.partOf } },
    spec: {
      containers: [container],
      serviceAccountName: parts.app,
      restartPolicy: parts.restartPolicy ?? "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
    },
  };
}

/** Where and from what a pod is made. */
export interface PodParts {
  readonly name: string;
  readonly owner: SampleItem;
  readonly node: SampleItem;
  readonly ip: string;
  readonly at: Date;
  readonly labels: JsonObject;
  readonly volumes?: readonly JsonValue[];
}

/** A running pod of a controller whose pod template is under `spec.template`. */
export function podOf(parts: PodParts): SampleItem {
  const { owner, node, at } = parts;
  const template = objectAt(owner, "spec.template.spec");
  const image = textAt(owner, "spec.template.spec.containers.0.image");
  const container = textAt(owner, "spec.template.spec.containers.0.name");
  const condition = (type: string): JsonObject => ({
    type,
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: stamp(at),
  });
  const seed = `${owner.namespace}/${parts.name}`;
  return apiObject({
    kind: "Pod",
    namespace: owner.namespace,
    name: parts.name,
    created: at,
    owner,
    labels: parts.labels,
    body: {
      spec: {
        ...template,
        nodeName: node.name,
        schedulerName: "default-scheduler",
        priority: 0,
        ...(parts.volumes ? { volumes: parts.volumes } : {}),
      },
      status: {
        phase: "Running",
        conditions: ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition),
        hostIP: textAt(node, "status.addresses.0.address"),
        podIP: parts.ip,
        startTime: stamp(at),
        qosClass: "Burstable",
        containerStatuses: [
          {
            name: container,
            image,
            imageID: `${image.split(":")[0] ?? image}@sha256:${uuid(image).replaceAll("-", "")}`,
            containerID: `containerd://${uuid(seed).replaceAll("-", "")}`,
            ready: true,
            started: true,
            restartCount: 0,
            state: { running: { startedAt: stamp(at) } },
          },
        ],
      },
    },
  });
}

function ownerReference(owner: SampleItem): JsonObject {
  return {
    apiVersion: textAt(owner, "apiVersion"),
    kind: textAt(owner, "kind"),
    name: owner.name,
    uid: textAt(owner, "metadata.uid"),
    controller: true,
    blockOwnerDeletion: true,
  };
}
