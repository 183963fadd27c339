import { owners } from "./kubernetes-relationships.ts";
import type { RelationshipDeclaration } from "./relationship-declaration.ts";

/** What is known of all types that begin alike, for those without a declaration of their own, such as custom resources. */
export interface FamilyDeclaration {
  /** `kubernetes.*` stands for every type that begins with `kubernetes.`. */
  readonly family: string;
  readonly relationships: readonly RelationshipDeclaration[];
}

export const families: readonly FamilyDeclaration[] = [{ family: "kubernetes.*", relationships: owners }];
