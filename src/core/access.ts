import { sql, type SQL } from "drizzle-orm";
import type { KeyTier } from "../lib/api-key.ts";
import { DomainError } from "./errors.ts";

/** Who asks. `label` goes into the change log: `key:<id>`, `system:<job>`. */
export type Actor =
  | {
      readonly kind: "key";
      readonly keyId: string;
      readonly tier: KeyTier;
      readonly role: Role;
      readonly label: string;
    }
  | { readonly kind: "system"; readonly label: string }
  | { readonly kind: "anonymous"; readonly label: string };

/** What a key's tier, or the role of the user behind it, amounts to. */
export type Role = "admin" | "editor" | "viewer";

export type Permission =
  | "configuration-items:read"
  | "configuration-items:write"
  | "changes:read"
  | "changes:refresh"
  | "collectors:read"
  | "collectors:write"
  | "collectors:trigger"
  | "sources:read"
  | "sources:write"
  | "sources:report"
  | "relationships:read"
  | "relationships:write";

const reading = [
  "configuration-items:read",
  "changes:read",
  "collectors:read",
  "sources:read",
  "relationships:read",
] as const satisfies readonly Permission[];
const writing = [
  ...reading,
  "configuration-items:write",
  "changes:refresh",
  "collectors:write",
  "collectors:trigger",
  "sources:write",
  "sources:report",
  "relationships:write",
] as const satisfies readonly Permission[];

const permissions: Readonly<Record<Role, readonly Permission[]>> = { admin: writing, editor: writing, viewer: reading };

/** Throws DomainError `unauthenticated` or `forbidden` unless the actor may do this. */
export function requirePermission(actor: Actor, permission: Permission): void {
  switch (actor.kind) {
    case "system":
      return;
    case "anonymous":
      throw new DomainError("unauthenticated", "This needs an API key, sent as X-API-Key");
    case "key":
      if (!permissions[actor.role].includes(permission)) {
        throw new DomainError("forbidden", `This key may not do that: it lacks ${permission}`);
      }
  }
}

/**
 * The rows of `alias` that the actor may see, as a condition that every read of items (`c`, and `o` for the other end of a
 * relationship), changes, counts and rollups carries.
 * All of them until keys have data scopes.
 */
export function visibleTo(_actor: Actor, _alias: "c" | "o" | "h" | "n" | "r" | "t" | "d"): SQL {
  return sql`true`;
}

/** Whether what this actor reports goes inactive when it is not seen again: what services say does, what people make stays. */
export function reportsAge(actor: Actor, hasSource: boolean): boolean {
  return hasSource || (actor.kind === "key" && actor.tier === "service");
}
