import type { OutboundAnswer } from "../../lib/outbound.ts";
import { isJsonObject, parseJson } from "../../lib/json.ts";
import type { Ctx } from "../context.ts";
import type { Claim, ClaimedSource } from "./repository.ts";

const maxReasonLength = 500;

/** The credentials of a source as they go to its collector. */
export interface SentCredentials {
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

export interface TriggeredSource {
  readonly source: ClaimedSource;
  readonly credentials: SentCredentials | null;
}

/** What a collector made of a trigger. */
export type TriggerAnswer =
  | { readonly outcome: "accepted" }
  | { readonly outcome: "busy" }
  | { readonly outcome: "refused" | "failed" | "timed_out"; readonly problem: string };

/** Asks a collector for its health, in a signed request. */
export async function askForHealth(
  ctx: Pick<Ctx, "ports">,
  endpoint: string,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<OutboundAnswer> {
  const request = { method: "GET", url: below(endpoint, "health") } as const;
  const headers = await ctx.ports.signer.sign(request, signedAt());
  return ctx.ports.outbound.call({ ...request, headers, ...options });
}

/** Asks a collector to collect from sources, in a signed request. Sent again with the same collectionId it starts nothing twice. */
export async function askForCollection(
  ctx: Pick<Ctx, "ports">,
  collectionId: string,
  reason: "manual" | "scheduled",
  collector: Claim["collector"],
  sources: readonly TriggeredSource[],
  deadlineMs: number,
): Promise<TriggerAnswer> {
  const { id, name, type, config } = collector;
  const body = JSON.stringify({
    collection_id: collectionId,
    reason,
    collector: { id, name, type, config: parseJson(config) },
    sources: sources.map(({ source, credentials }) => ({
      id: source.id,
      name: source.name,
      endpoint: source.endpoint,
      username: source.username,
      credentials,
      config: parseJson(source.config),
      schedule_config: source.schedule_config,
    })),
  });
  const request = { method: "POST", url: below(collector.endpoint, "trigger"), body } as const;
  const headers = await ctx.ports.signer.sign(request, signedAt());
  const answer = await ctx.ports.outbound.call({ ...request, headers, deadlineMs });
  const secrets = sources
    .flatMap(({ credentials }) => [credentials?.token, credentials?.password])
    .filter((secret) => secret !== undefined);
  return readTriggerAnswer(answer, secrets);
}

function readTriggerAnswer(answer: OutboundAnswer, secrets: readonly string[]): TriggerAnswer {
  switch (answer.outcome) {
    case "answered":
      return readTriggerStatus(answer.status, answer.body, secrets);
    case "refused":
    case "timed_out":
      return { outcome: answer.outcome, problem: answer.problem };
    case "malformed":
      // It answered with success, and what the body says is of no importance.
      return { outcome: "accepted" };
    case "unreachable":
      return { outcome: "failed", problem: answer.problem };
  }
}

function readTriggerStatus(status: number, body: unknown, secrets: readonly string[]): TriggerAnswer {
  if (status === 200 || status === 202) {
    return { outcome: "accepted" };
  }
  if (status === 409) {
    return { outcome: "busy" };
  }
  const said = isJsonObject(body)
    ? ["message", "detail", "error"].map((key) => body[key]).find((value) => typeof value === "string")
    : undefined;
  const reason =
    said === undefined ? "" : `: ${withoutSecrets(said.slice(0, maxReasonLength).toWellFormed(), secrets)}`;
  return { outcome: "failed", problem: `It answered with HTTP status ${status}${reason}` };
}

/** A collector may quote in an error what it was sent; secrets do not come back that way. */
function withoutSecrets(said: string, secrets: readonly string[]): string {
  return secrets.some((secret) => quotes(said, secret)) ? "an error that quotes credentials" : said;
}

const quotedLength = 6;

// Also a part of a secret, as a shortened message holds it, gives something away.
function quotes(text: string, secret: string): boolean {
  const length = Math.min(quotedLength, secret.length);
  return Array.from({ length: text.length - length + 1 }, (_, start) => text.slice(start, start + length)).some(
    (part) => secret.includes(part),
  );
}

function below(endpoint: string, route: string): string {
  return `${endpoint.replace(/\/+$/, "")}/${route}`;
}

// A signature is good for minutes from the moment it is made, and the time of a scheduled run may lie further back.
function signedAt(): Date {
  return new Date();
}
