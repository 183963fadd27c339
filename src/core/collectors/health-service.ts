import { mapAtMost } from "../../lib/concurrency.ts";
import { requirePermission } from "../access.ts";
import { type Ctx, run } from "../context.ts";
import { type CollectorHealth, type HealthStatus, readCollectorHealth, withoutDetails } from "./health-format.ts";
import { askForHealth } from "./protocol.ts";
import * as repository from "./repository.ts";
import { noCollector } from "./service.ts";

/** Milliseconds that one collector has to say how it is. */
export const healthDeadlineMs = 5_000;

/** How the health of all collectors is asked for. */
export interface HealthLimits {
  /** Collectors asked at once. */
  readonly width: number;
  /** Milliseconds for one collector. */
  readonly eachMs: number;
  /** Milliseconds for all of them. */
  readonly wholeMs: number;
}

/** Six is what the platform lets wait for an answer at once. */
const healthLimits: HealthLimits = { width: 6, eachMs: 3_000, wholeMs: 10_000 };

/** How a collector and its sources are. */
export interface CollectorSummary {
  readonly id: number;
  readonly name: string;
  readonly status: HealthStatus;
  readonly sourcesTotal: number;
  readonly sourcesHealthy: number;
  /** What is wrong, where something is. */
  readonly error: string | undefined;
}

/** Asks a collector how it is and keeps the answer; one that cannot be reached is `unhealthy`. Throws `not_found`. */
export async function checkCollector(ctx: Ctx, id: number): Promise<CollectorHealth> {
  requirePermission(ctx.actor, "collectors:read");
  const [collector] = await run<repository.AskedCollector>(ctx, repository.selectAskedCollector(id));
  if (!collector) {
    return noCollector();
  }
  if (collector.endpoint === null) {
    return withoutDetails("unknown", noEndpoint, ctx.now);
  }
  const answer = await askForHealth(ctx, collector.endpoint, { deadlineMs: healthDeadlineMs });
  const health = readCollectorHealth(answer, ctx.now);
  await store(ctx, [{ id, health }]);
  return health;
}

/**
 * Asks all collectors how they are, some at once, and keeps their answers. Those that answered last time are asked first, so that dead
 * ones hold up none of them; one that the time for all was too short for is `unknown`.
 */
export async function checkAllCollectors(ctx: Ctx, limits: HealthLimits = healthLimits): Promise<CollectorSummary[]> {
  requirePermission(ctx.actor, "collectors:read");
  const collectors = await run<repository.CollectorWithSources>(ctx, repository.selectCollectorsWithSources());
  const deadline = AbortSignal.timeout(limits.wholeMs);
  const checks = await mapAtMost(limits.width, collectors, async (collector) => {
    const health = await checkInTime(ctx, collector, limits, deadline);
    return { collector, health };
  });
  const answers = checks.flatMap(({ collector, health }) =>
    health.status === "unknown" ? [] : [{ id: collector.id, health }],
  );
  if (answers.length > 0) {
    await store(ctx, answers);
  }
  return checks
    .map(({ collector, health }) => summarize(collector, health))
    .toSorted((one, other) => one.id - other.id);
}

/** A collector's health as it is kept. */
export function storedHealth(
  health: CollectorHealth,
  checkedAt: Date,
): CollectorHealth & { readonly last_check: string } {
  return { ...health, last_check: checkedAt.toISOString() };
}

const noEndpoint = "The collector has no endpoint, so it cannot be asked";

async function checkInTime(
  ctx: Ctx,
  { endpoint, enabled }: repository.CollectorWithSources,
  limits: HealthLimits,
  deadline: AbortSignal,
): Promise<CollectorHealth> {
  if (endpoint === null) {
    return withoutDetails("unknown", noEndpoint, ctx.now);
  }
  if (!enabled) {
    return withoutDetails("unknown", "The collector is disabled, so it was not asked", ctx.now);
  }
  const answer = deadline.aborted
    ? undefined
    : await askForHealth(ctx, endpoint, { deadlineMs: limits.eachMs, signal: deadline });
  // One that was still within its own time says nothing about itself when the whole is over.
  return answer === undefined || (answer.outcome === "timed_out" && deadline.aborted)
    ? withoutDetails(
        "unknown",
        `No answer came within the ${limits.wholeMs / 1000} s that all collectors have together`,
        ctx.now,
      )
    : readCollectorHealth(answer, ctx.now);
}

async function store(ctx: Ctx, answers: readonly { readonly id: number; readonly health: CollectorHealth }[]) {
  const kept = answers.map(({ id, health }) => ({ id, health: storedHealth(health, ctx.now) }));
  await run(ctx, repository.storeCollectorHealth(JSON.stringify(kept)));
}

function summarize(collector: repository.CollectorWithSources, health: CollectorHealth): CollectorSummary {
  const { id, name, sources_total: total, sources_healthy: healthy, sources_unhealthy: ailing } = collector;
  const ofSources = ailing === 0 ? undefined : `${ailing} source${ailing === 1 ? "" : "s"} unhealthy`;
  const status = health.status === "healthy" && ailing > 0 ? "degraded" : health.status;
  const ofCollector = health.status === "healthy" ? undefined : health.message;
  const error = [ofCollector, ofSources].filter((text) => text !== undefined).join("; ");
  return { id, name, status, sourcesTotal: total, sourcesHealthy: healthy, error: error === "" ? undefined : error };
}
