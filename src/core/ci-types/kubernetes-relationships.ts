import { named, type NamedDeclaration, type RelationshipDeclaration, selecting } from "./relationship-declaration.ts";

/** The controller or parent of an object of any kind, which may be of the whole cluster. */
export const owners: readonly RelationshipDeclaration[] = [
  named("owned_by", { kind: "kind", prefix: "kubernetes." }, "name", "own_or_none", {
    each: "metadata.ownerReferences[*]",
    properties: { controller: "controller" },
  }),
];

const volumes = "spec.volumes[*]";
const projected = "spec.volumes[*].projected.sources[*]";

/** Where a pod runs and what it mounts. */
export const podRelationships: readonly RelationshipDeclaration[] = [
  named("runs_on", "kubernetes.node", "spec.nodeName", "none"),
  mounted("persistentvolumeclaim", "persistentVolumeClaim.claimName"),
  mounted("configmap", "configMap.name"),
  mounted("secret", "secret.secretName"),
  named("mounts", "kubernetes.configmap", "configMap.name", "own", { each: projected }),
  named("mounts", "kubernetes.secret", "secret.name", "own", { each: projected }),
];

/** The pods that a service sends to. */
export const serviceRelationships: readonly RelationshipDeclaration[] = [
  selecting("exposes", "kubernetes.pod", "spec.selector", "metadata.labels"),
];

/** The services that an ingress sends to, as networking.k8s.io/v1 and the versions before it write them. */
export const ingressRelationships: readonly RelationshipDeclaration[] = [
  routed("backend.service.name"),
  routed("backend.serviceName"),
  named("exposes", "kubernetes.service", "spec.defaultBackend.service.name", "own"),
  named("exposes", "kubernetes.service", "spec.backend.serviceName", "own"),
];

/** The volume that is bound to a claim. */
export const claimRelationships: readonly RelationshipDeclaration[] = [
  named("stored_on", "kubernetes.persistentvolume", "spec.volumeName", "none"),
];

function mounted(kind: string, path: string): NamedDeclaration {
  return named("mounts", `kubernetes.${kind}`, path, "own", { each: volumes, properties: { volume: "name" } });
}

function routed(path: string): NamedDeclaration {
  return named("exposes", "kubernetes.service", path, "own", {
    each: "spec.rules[*].http.paths[*]",
    properties: { path: "path" },
  });
}
