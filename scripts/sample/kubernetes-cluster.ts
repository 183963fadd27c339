import { daysBefore, stamp } from "./calendar.ts";
import {
  configMaps,
  cronJobs,
  daemonSets,
  deployments,
  ingresses,
  secrets,
  statefulSets,
} from "./kubernetes-content.ts";
import type { Workload } from "./kubernetes-content.ts";
import { deployment } from "./kubernetes-controllers.ts";
import { installDaemonSet } from "./kubernetes-daemons.ts";
import { cronJob, runCronJob } from "./kubernetes-jobs.ts";
import { clusterNode } from "./kubernetes-nodes.ts";
import { apiObject, departmentOf, selectorOf } from "./kubernetes-objects.ts";
import { install } from "./kubernetes-rollouts.ts";
import { installStatefulSet } from "./kubernetes-stateful.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const source = sources.kubernetes;

/** The virtual machines that are nodes at the start. */
const firstNodes = [
  { name: "k8s-control-1", vmid: 101, index: 1, cores: 4, memoryGib: 8 },
  { name: "k8s-worker-1", vmid: 111, index: 2, cores: 8, memoryGib: 32 },
  { name: "k8s-worker-2", vmid: 112, index: 3, cores: 8, memoryGib: 32 },
  { name: "k8s-worker-3", vmid: 113, index: 4, cores: 8, memoryGib: 32 },
  { name: "k8s-worker-4", vmid: 114, index: 5, cores: 8, memoryGib: 24 },
] as const;

/** Fills the cluster as it stands when it is first seen. */
export function buildCluster(world: World, start: Date, fsid: string): void {
  const since = (name: string): Date => daysBefore(start, between(name, 20, 400));
  const founded = daysBefore(start, 410);
  for (const name of ["shop", "checkout", "analytics", "staging", "monitoring", "ingress-nginx", "kube-system"])
    world.put(source, namespaceObject(name, founded));
  for (const node of firstNodes) world.put(source, clusterNode({ ...node, created: founded }));
  for (const workload of deployments)
    install(world, deployment({ ...workload, created: since(workload.app) }), since(workload.app));
  for (const workload of statefulSets) installStatefulSet(world, { ...workload, created: since(workload.app), fsid });
  for (const workload of daemonSets) installDaemonSet(world, { ...workload, created: founded });
  for (const workload of cronJobs) world.put(source, cronJob({ ...workload, created: since(workload.app) }));
  runCronJob(world, daysBefore(start, 2), "analytics", "weekly-sales-report", 12);
  runCronJob(world, daysBefore(start, 4), "shop", "catalog-reindex", 31);
  for (const workload of [...deployments, ...statefulSets]) world.put(source, service(workload, since(workload.app)));
  for (const ingress of ingresses)
    world.put(source, ingressObject(ingress, founded), certificate(ingress, daysBefore(start, 60)));
  for (const [namespace, name, data] of configMaps)
    world.put(
      source,
      apiObject({
        kind: "ConfigMap",
        namespace,
        name,
        created: since(name),
        labels: selectorOf(appOf(name)),
        body: { data },
      }),
    );
  for (const [namespace, name, values] of secrets) world.put(source, secret(namespace, name, values, since(name)));
}

/** A certificate secret as the certificate manager writes it, valid for 90 days. */
export function certificate(ingress: { namespace: string; secret: string; host: string }, issued: Date): SampleItem {
  const serial = `${ingress.host}/${stamp(issued).slice(0, 10)}`;
  return apiObject({
    kind: "Secret",
    namespace: ingress.namespace,
    name: ingress.secret,
    created: issued,
    annotations: {
      "cert-manager.io/common-name": ingress.host,
      "cert-manager.io/issuer-name": "harbour-ca",
      "cert-manager.io/not-after": stamp(daysBefore(issued, -90)),
    },
    body: {
      type: "kubernetes.io/tls",
      data: { "tls.crt": encoded(`sample certificate ${serial}`), "tls.key": encoded(`sample key ${serial}`) },
    },
  });
}

function secret(namespace: string, name: string, values: Readonly<Record<string, string>>, created: Date): SampleItem {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encoded(value)]));
  const applied = JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    stringData: values,
  });
  return apiObject({
    kind: "Secret",
    namespace,
    name,
    created,
    labels: selectorOf(appOf(name)),
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": applied },
    body: { type: "Opaque", data },
  });
}

function namespaceObject(name: string, created: Date): SampleItem {
  return apiObject({
    kind: "Namespace",
    namespace: null,
    name,
    created,
    department: departmentOf(name),
    labels: { "kubernetes.io/metadata.name": name },
    body: { spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } },
  });
}

function service(workload: Workload, created: Date): SampleItem {
  const { namespace, app } = workload;
  const balanced = app === "ingress-nginx-controller";
  const clusterIP = `10.43.${between(`${namespace}/${app}/a`, 0, 255)}.${between(`${namespace}/${app}/b`, 1, 254)}`;
  const port = workload.port === 8080 ? 80 : (workload.port ?? 80);
  return apiObject({
    kind: "Service",
    namespace,
    name: app,
    created,
    labels: { ...selectorOf(app), "app.kubernetes.io/part-of": workload.partOf },
    body: {
      spec: {
        type: balanced ? "LoadBalancer" : "ClusterIP",
        clusterIP,
        ports: [{ name: "http", port, targetPort: workload.port ?? 80, protocol: "TCP" }],
        selector: selectorOf(app),
        sessionAffinity: "None",
      },
      status: { loadBalancer: balanced ? { ingress: [{ ip: "203.0.113.20" }] } : {} },
    },
  });
}

function ingressObject(ingress: (typeof ingresses)[number], created: Date): SampleItem {
  const { namespace, name, host, secret: secretName } = ingress;
  const backend: JsonObject = { service: { name, port: { name: "http" } } };
  return apiObject({
    kind: "Ingress",
    apiVersion: "networking.k8s.io/v1",
    namespace,
    name,
    created,
    labels: selectorOf(name),
    annotations: { "cert-manager.io/issuer": "harbour-ca" },
    body: {
      spec: {
        ingressClassName: "nginx",
        tls: [{ hosts: [host], secretName }],
        rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
      },
      status: { loadBalancer: { ingress: [{ ip: "203.0.113.20" }] } },
    },
  });
}

/** The application that a ConfigMap or secret is named after. */
function appOf(name: string): string {
  return name.replace(/-(?:config|db|provider|admin|dashboards)$/, "");
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64");
}
