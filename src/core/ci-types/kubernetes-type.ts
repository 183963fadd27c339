import { declareType, instant, json, text } from "./columns.ts";
import type { CiTypeDeclaration, ColumnDeclaration } from "./declaration.ts";
import { owners } from "./kubernetes-relationships.ts";
import type { RelationshipDeclaration } from "./relationship-declaration.ts";

/** The object as `kubectl apply` last sent it, kept as a string. */
export const lastApplied = 'metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]';

/**
 * What every API object carries beside its content. `generation` and `resourceVersion` count the writes that the changed fields
 * already tell, `managedFields` says who wrote them, and the leader annotation is renewed every few seconds.
 */
export const bookkeeping = [
  "metadata.resourceVersion",
  "metadata.managedFields",
  "metadata.generation",
  "metadata.selfLink",
  'metadata.annotations["control-plane.alpha.kubernetes.io/leader"]',
] as const;

/** Controllers echo the generation they have worked on; conditions are stamped when looked at, not only when they turn. */
export const observed = [
  "status.observedGeneration",
  "status.conditions[*].lastProbeTime",
  "status.conditions[*].lastUpdateTime",
] as const;

/** Columns of every API object. */
export const described: Readonly<Record<string, ColumnDeclaration>> = {
  app_name: text('metadata.labels["app.kubernetes.io/name"]'),
  creation_timestamp: instant("metadata.creationTimestamp"),
};

/** Columns of objects that a controller made. */
export const owned: Readonly<Record<string, ColumnDeclaration>> = {
  ...described,
  owner_references: json("metadata.ownerReferences"),
};

interface KubernetesParts {
  readonly columns: Readonly<Record<string, ColumnDeclaration>>;
  readonly metrics?: Readonly<Record<string, ColumnDeclaration>>;
  readonly ignored?: readonly string[];
  readonly relationships?: readonly RelationshipDeclaration[];
}

/** Declares `kubernetes.<kind>` with its owners, and with the bookkeeping ignored. The last applied configuration repeats the spec, so it would tell each change twice. */
export function kubernetesType(kind: string, parts: KubernetesParts): CiTypeDeclaration {
  return declareType(`kubernetes.${kind}`, {
    ...parts,
    ignored: [...bookkeeping, lastApplied, ...(parts.ignored ?? [])],
    relationships: [...owners, ...(parts.relationships ?? [])],
  });
}
