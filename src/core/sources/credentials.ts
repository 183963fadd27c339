import { z } from "zod";
import type { SentCredentials } from "../collectors/protocol.ts";
import type { Ctx } from "../context.ts";
import { DomainError } from "../errors.ts";
import { credentialsContext } from "./credentials-repository.ts";

/** What a caller says of credentials: a text replaces, null removes, absent keeps. */
export interface CredentialChanges {
  readonly token?: string | null | undefined;
  readonly password?: string | null | undefined;
}

/** Where credentials are used: what they are given to and what they open. */
export interface Endpoints {
  readonly source: string | null;
  readonly collector: string | null;
}

const kinds = ["token", "password"] as const;

// The hosts are sealed in with the secrets, so that whoever can write an endpoint cannot move the secrets along.
const contentSchema = z.object({
  token: z.string().optional(),
  password: z.string().optional(),
  origins: z.object({ source: z.string().nullable(), collector: z.string().nullable() }),
});
type Content = z.infer<typeof contentSchema>;

type Opened = { readonly content: Content } | { readonly problem: string };

/** Whether a change says anything of credentials. */
export function mentionsCredentials(changes: CredentialChanges): boolean {
  return kinds.some((kind) => changes[kind] !== undefined);
}

/**
 * The credentials of a source after a change, sealed for it; null when none are left, undefined when what is stored may stay as
 * it is. Throws `invalid` where stored ones would be used at another host than the one that they were stored for.
 */
export async function resealCredentials(
  ctx: Pick<Ctx, "ports">,
  sourceId: number,
  sealed: string | null,
  changes: CredentialChanges,
  endpoints: Endpoints,
): Promise<string | null | undefined> {
  const origins = { source: originOf(endpoints.source), collector: originOf(endpoints.collector) };
  const stored = sealed === null ? undefined : await open(ctx, sourceId, sealed);
  const kept = stored && kinds.filter((kind) => changes[kind] === undefined && mayHold(stored, kind));
  if (!mentionsCredentials(changes)) {
    if (stored && problemWith(stored, origins) !== undefined && !sameSource(stored, origins)) {
      throw sendAgain(stored, origins, kept ?? []);
    }
    return undefined;
  }
  if (stored && kept && kept.length > 0 && problemWith(stored, origins) !== undefined) {
    throw sendAgain(stored, origins, kept);
  }
  const before: CredentialChanges = stored && "content" in stored ? stored.content : {};
  const secrets = Object.fromEntries(
    kinds.flatMap((kind) => {
      const secret = changes[kind] === undefined ? before[kind] : changes[kind];
      return typeof secret === "string" ? [[kind, secret]] : [];
    }),
  );
  return Object.keys(secrets).length === 0
    ? null
    : ctx.ports.vault.seal(credentialsContext(sourceId), JSON.stringify({ ...secrets, origins } satisfies Content));
}

/** Opens the credentials of a source for use at these endpoints; the problem, for its owner to read, when they may not be. */
export async function openCredentials(
  ctx: Pick<Ctx, "ports">,
  sourceId: number,
  sealed: string | null,
  endpoints: Endpoints,
): Promise<{ readonly credentials: SentCredentials | null } | { readonly problem: string }> {
  if (sealed === null) {
    return { credentials: null };
  }
  const opened = await open(ctx, sourceId, sealed);
  const problem = problemWith(opened, { source: originOf(endpoints.source), collector: originOf(endpoints.collector) });
  if (problem !== undefined || !("content" in opened)) {
    return { problem: `${problem ?? ""}; send them again` };
  }
  const { token, password } = opened.content;
  return {
    credentials: { ...(password === undefined ? {} : { password }), ...(token === undefined ? {} : { token }) },
  };
}

async function open(ctx: Pick<Ctx, "ports">, sourceId: number, sealed: string): Promise<Opened> {
  try {
    return {
      content: contentSchema.parse(JSON.parse(await ctx.ports.vault.open(credentialsContext(sourceId), sealed))),
    };
  } catch {
    // The vault does not say why; whatever it is, only the secrets themselves can help.
    return { problem: "The stored credentials cannot be opened" };
  }
}

function problemWith(stored: Opened, origins: Content["origins"]): string | undefined {
  if ("problem" in stored) {
    return stored.problem;
  }
  const { collector, source } = stored.content.origins;
  if (collector !== origins.collector) {
    return `The credentials were stored for ${collector ?? "a collector without an endpoint"}, and the collector is now at ${origins.collector ?? "none"}`;
  }
  return source === origins.source
    ? undefined
    : `The credentials were stored for ${source ?? "a source without an endpoint"}, and the endpoint is now at ${origins.source ?? "none"}`;
}

function sameSource(stored: Opened, origins: Content["origins"]): boolean {
  return "content" in stored && stored.content.origins.source === origins.source;
}

function sendAgain(stored: Opened, origins: Content["origins"], kept: readonly string[]): DomainError {
  const what = kept.join(" and ");
  return new DomainError("invalid", `${problemWith(stored, origins) ?? ""}; send ${what} again, or null to remove`);
}

// What cannot be opened may hold anything.
function mayHold(stored: Opened, kind: (typeof kinds)[number]): boolean {
  return "problem" in stored || stored.content[kind] !== undefined;
}

function originOf(endpoint: string | null): string | null {
  return endpoint === null ? null : new URL(endpoint).origin;
}
