import { flag, instant, integer, json, text } from "./columns.ts";
import type { CiTypeDeclaration } from "./declaration.ts";
import { podRelationships } from "./kubernetes-relationships.ts";
import { described, kubernetesType, observed, owned } from "./kubernetes-type.ts";

/** Pods and the controllers that make them. */
export const workloadTypes: readonly CiTypeDeclaration[] = [
  // Restart counts are kept as changes although they move: a crash loop is what people look for in the history,
  // and the kubelet's back-off holds it to one in five minutes.
  kubernetesType("pod", {
    columns: {
      ...owned,
      node_name: text("spec.nodeName"),
      phase: text("status.phase"),
      reason: text("status.reason"),
      pod_ip: text("status.podIP"),
      host_ip: text("status.hostIP"),
      host_network: flag("spec.hostNetwork"),
      qos_class: text("status.qosClass"),
      restart_policy: text("spec.restartPolicy"),
      service_account: text("spec.serviceAccountName"),
      scheduler_name: text("spec.schedulerName"),
      priority: integer("spec.priority"),
      priority_class: text("spec.priorityClassName"),
      start_time: instant("status.startTime"),
    },
    // A static pod is stamped anew each time the kubelet reads its manifest.
    ignored: [...observed, 'metadata.annotations["kubernetes.io/config.seen"]'],
    relationships: podRelationships,
  }),
  kubernetesType("deployment", {
    columns: {
      ...described,
      desired_replicas: integer("spec.replicas"),
      current_replicas: integer("status.replicas"),
      ready_replicas: integer("status.readyReplicas"),
      available_replicas: integer("status.availableReplicas"),
      unavailable_replicas: integer("status.unavailableReplicas"),
      updated_replicas: integer("status.updatedReplicas"),
      paused: flag("spec.paused"),
      strategy: text("spec.strategy.type"),
      revision: integer('metadata.annotations["deployment.kubernetes.io/revision"]'),
      match_labels: json("spec.selector.matchLabels"),
      service_account: text("spec.template.spec.serviceAccountName"),
    },
    ignored: observed,
  }),
  kubernetesType("replicaset", {
    columns: {
      ...owned,
      desired_replicas: integer("spec.replicas"),
      current_replicas: integer("status.replicas"),
      ready_replicas: integer("status.readyReplicas"),
      available_replicas: integer("status.availableReplicas"),
      revision: integer('metadata.annotations["deployment.kubernetes.io/revision"]'),
      pod_template_hash: text("metadata.labels.pod-template-hash"),
    },
    ignored: observed,
  }),
  kubernetesType("statefulset", {
    columns: {
      ...described,
      desired_replicas: integer("spec.replicas"),
      current_replicas: integer("status.replicas"),
      ready_replicas: integer("status.readyReplicas"),
      updated_replicas: integer("status.updatedReplicas"),
      service_name: text("spec.serviceName"),
      update_strategy: text("spec.updateStrategy.type"),
      current_revision: text("status.currentRevision"),
      update_revision: text("status.updateRevision"),
      match_labels: json("spec.selector.matchLabels"),
    },
    ignored: observed,
  }),
  kubernetesType("daemonset", {
    columns: {
      ...described,
      desired_scheduled: integer("status.desiredNumberScheduled"),
      current_scheduled: integer("status.currentNumberScheduled"),
      updated_scheduled: integer("status.updatedNumberScheduled"),
      ready_count: integer("status.numberReady"),
      available_count: integer("status.numberAvailable"),
      unavailable_count: integer("status.numberUnavailable"),
      misscheduled_count: integer("status.numberMisscheduled"),
      update_strategy: text("spec.updateStrategy.type"),
      node_selector: json("spec.template.spec.nodeSelector"),
    },
    ignored: observed,
  }),
  kubernetesType("job", {
    columns: {
      ...owned,
      parallelism: integer("spec.parallelism"),
      completions: integer("spec.completions"),
      backoff_limit: integer("spec.backoffLimit"),
      suspended: flag("spec.suspend"),
      active_pods: integer("status.active"),
      succeeded_pods: integer("status.succeeded"),
      failed_pods: integer("status.failed"),
      start_time: instant("status.startTime"),
      completion_time: instant("status.completionTime"),
    },
    ignored: [...observed, "status.uncountedTerminatedPods"],
  }),
  kubernetesType("cronjob", {
    columns: {
      ...described,
      schedule: text("spec.schedule"),
      time_zone: text("spec.timeZone"),
      suspended: flag("spec.suspend"),
      concurrency_policy: text("spec.concurrencyPolicy"),
    },
    // Each run moves these; the runs themselves are jobs with a history of their own.
    metrics: {
      last_schedule_time: instant("status.lastScheduleTime"),
      last_successful_time: instant("status.lastSuccessfulTime"),
      active_jobs: json("status.active"),
    },
  }),
];
