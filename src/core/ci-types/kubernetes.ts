import { declareType, flag, json, text } from "./columns.ts";
import type { CiTypeDeclaration } from "./declaration.ts";
import { claimRelationships, ingressRelationships, owners, serviceRelationships } from "./kubernetes-relationships.ts";
import { bookkeeping, described, kubernetesType, lastApplied, observed } from "./kubernetes-type.ts";
import { workloadTypes } from "./kubernetes-workloads.ts";

const cluster = [
  kubernetesType("namespace", { columns: { ...described, phase: text("status.phase") } }),
  kubernetesType("node", {
    columns: {
      ...described,
      unschedulable: flag("spec.unschedulable"),
      taints: json("spec.taints"),
      pod_cidr: text("spec.podCIDR"),
      provider_id: text("spec.providerID"),
      addresses: json("status.addresses"),
      kubelet_version: text("status.nodeInfo.kubeletVersion"),
      container_runtime: text("status.nodeInfo.containerRuntimeVersion"),
      kernel_version: text("status.nodeInfo.kernelVersion"),
      os_image: text("status.nodeInfo.osImage"),
      architecture: text("status.nodeInfo.architecture"),
      cpu_capacity: text("status.capacity.cpu"),
      memory_capacity: text("status.capacity.memory"),
      cpu_allocatable: text("status.allocatable.cpu"),
      memory_allocatable: text("status.allocatable.memory"),
      pods_allocatable: text("status.allocatable.pods"),
    },
    // The image cache follows the pods and its own garbage collection; the pods tell the part worth knowing.
    ignored: ["status.conditions[*].lastHeartbeatTime", "status.images"],
  }),
];

const network = [
  kubernetesType("service", {
    columns: {
      ...described,
      service_type: text("spec.type"),
      cluster_ip: text("spec.clusterIP"),
      external_name: text("spec.externalName"),
      external_ips: json("spec.externalIPs"),
      load_balancer_ingress: json("status.loadBalancer.ingress"),
      ports: json("spec.ports"),
      selector: json("spec.selector"),
      session_affinity: text("spec.sessionAffinity"),
    },
    relationships: serviceRelationships,
  }),
  kubernetesType("ingress", {
    columns: {
      ...described,
      ingress_class: text("spec.ingressClassName"),
      rules: json("spec.rules"),
      tls: json("spec.tls"),
      load_balancer_ingress: json("status.loadBalancer.ingress"),
    },
    relationships: ingressRelationships,
  }),
];

const configuration = [
  kubernetesType("configmap", { columns: { ...described, immutable: flag("immutable") } }),
  // Here the last applied configuration repeats the secret itself, so it is removed instead of kept at its last value.
  declareType("kubernetes.secret", {
    columns: { ...described, secret_type: text("type"), immutable: flag("immutable") },
    ignored: bookkeeping,
    redacted: ["data", "stringData", lastApplied],
    relationships: owners,
  }),
];

const storage = [
  kubernetesType("persistentvolume", {
    columns: {
      ...described,
      phase: text("status.phase"),
      capacity: text("spec.capacity.storage"),
      access_modes: json("spec.accessModes"),
      volume_mode: text("spec.volumeMode"),
      storage_class: text("spec.storageClassName"),
      reclaim_policy: text("spec.persistentVolumeReclaimPolicy"),
      claim_namespace: text("spec.claimRef.namespace"),
      claim_name: text("spec.claimRef.name"),
      csi_driver: text("spec.csi.driver"),
      csi_volume_handle: text("spec.csi.volumeHandle"),
    },
    // The claim is the same claim whatever its write counter says.
    ignored: ["spec.claimRef.resourceVersion"],
  }),
  kubernetesType("persistentvolumeclaim", {
    columns: {
      ...described,
      phase: text("status.phase"),
      requested_storage: text("spec.resources.requests.storage"),
      capacity: text("status.capacity.storage"),
      access_modes: json("spec.accessModes"),
      volume_mode: text("spec.volumeMode"),
      volume_name: text("spec.volumeName"),
      storage_class: text("spec.storageClassName"),
    },
    ignored: observed,
    relationships: claimRelationships,
  }),
];

/** What a Kubernetes API server reports, as its objects come from `kubectl get -o json`. */
export const kubernetesTypes: readonly CiTypeDeclaration[] = [
  ...cluster,
  ...workloadTypes,
  ...network,
  ...configuration,
  ...storage,
];
