import { cephTypes } from "./ceph.ts";
import type { CiTypeDeclaration } from "./declaration.ts";
import { hostType } from "./host.ts";
import { kubernetesTypes } from "./kubernetes.ts";
import { postgresqlTypes } from "./postgresql.ts";
import { proxmoxTypes } from "./proxmox.ts";

/** Every built-in type, in the order in which their tables are made. Any other type is stored too, without a table of its own. */
export const ciTypes: readonly CiTypeDeclaration[] = [
  ...kubernetesTypes,
  ...postgresqlTypes,
  ...cephTypes,
  ...proxmoxTypes,
  hostType,
];

const byName = new Map(ciTypes.map((declaration) => [declaration.ciType, declaration]));

/** The declaration of a built-in type; undefined for a type that Muster knows nothing about. */
export function ciTypeNamed(ciType: string): CiTypeDeclaration | undefined {
  return byName.get(ciType);
}
