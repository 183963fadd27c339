import { isJsonObject, type JsonObject, type JsonValue } from "../../lib/json.ts";
import type { OutboundAnswer } from "../../lib/outbound.ts";
import { parseInstant } from "../../lib/time.ts";

export const healthStatuses = ["healthy", "degraded", "unhealthy", "unknown"] as const;
export type HealthStatus = (typeof healthStatuses)[number];

/** A collector's health in the universal format, whatever it answered. */
export interface CollectorHealth {
  readonly status: HealthStatus;
  readonly message: string;
  /** ISO 8601: what the collector said, else when it was asked. */
  readonly timestamp: string;
  readonly capabilities: JsonObject;
  /** By the name or id of a source. */
  readonly subsystems: Readonly<Record<string, JsonObject & { readonly status: HealthStatus }>>;
}

const words: Readonly<Record<string, HealthStatus>> = {
  healthy: "healthy",
  ok: "healthy",
  up: "healthy",
  pass: "healthy",
  degraded: "degraded",
  warn: "degraded",
  warning: "degraded",
  unhealthy: "unhealthy",
  down: "unhealthy",
  fail: "unhealthy",
  error: "unhealthy",
  critical: "unhealthy",
};

const maxMessageLength = 1000;
/** Characters of JSON that are kept of what a collector says beside its status. */
const maxDetailLength = 65_536;

/** Reads what became of asking a collector for its health. */
export function readCollectorHealth(answer: OutboundAnswer, askedAt: Date): CollectorHealth {
  if (answer.outcome !== "answered") {
    return withoutDetails("unhealthy", answer.problem, askedAt);
  }
  const { status: code } = answer;
  const body = isJsonObject(answer.body) ? answer.body : {};
  const succeeded = code >= 200 && code < 300;
  const said = wordOf(body["status"]);
  const status = code >= 500 ? "unhealthy" : (said ?? (succeeded ? "healthy" : "unhealthy"));
  const message = textOf(body["message"]) ?? textOf(body["detail"]);
  const reason = succeeded ? `The collector is ${status}` : `It answered with HTTP status ${code}`;
  const { capabilities, subsystems } = body;
  const health: CollectorHealth = {
    status,
    message: message ?? reason,
    timestamp: instantOf(body["timestamp"]) ?? askedAt.toISOString(),
    capabilities: isJsonObject(capabilities) ? capabilities : {},
    subsystems: isJsonObject(subsystems)
      ? Object.fromEntries(Object.entries(subsystems).map(([name, part]) => [name, readPart(part)]))
      : {},
  };
  return JSON.stringify(health).length <= maxDetailLength
    ? health
    : { ...withoutDetails(status, `${health.message} (what else it said is too long to keep)`, askedAt) };
}

/** A health of which nothing but this is known. */
export function withoutDetails(status: HealthStatus, message: string, at: Date): CollectorHealth {
  return { status, message, timestamp: at.toISOString(), capabilities: {}, subsystems: {} };
}

/** What a collector says of one source: under its name, `source_<id>` or its id. */
export function healthOfSource(
  health: CollectorHealth,
  source: { readonly id: number; readonly name: string },
): (JsonObject & { readonly status: HealthStatus }) | undefined {
  const key = [source.name, `source_${source.id}`, String(source.id)].find((name) =>
    Object.hasOwn(health.subsystems, name),
  );
  return key === undefined ? undefined : health.subsystems[key];
}

/** The instant that a part of an answer names as text or in seconds since 1970. */
export function instantOf(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= maxEpochSeconds) {
    return new Date(value * 1000).toISOString();
  }
  return typeof value === "string" ? parseInstant(value) : undefined;
}

/** The last second of the year 9999. */
export const maxEpochSeconds = 253_402_300_799;

function readPart(part: JsonValue | undefined): JsonObject & { readonly status: HealthStatus } {
  return isJsonObject(part)
    ? { ...part, status: wordOf(part["status"]) ?? "unknown" }
    : { status: wordOf(part) ?? "unknown" };
}

function wordOf(value: unknown): HealthStatus | undefined {
  const word = typeof value === "string" ? value.toLowerCase() : "";
  return Object.hasOwn(words, word) ? words[word] : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, maxMessageLength).toWellFormed() : undefined;
}
