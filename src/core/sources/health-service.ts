import type { JsonObject } from "../../lib/json.ts";
import { requirePermission } from "../access.ts";
import {
  healthOfSource,
  type HealthStatus,
  instantOf,
  readCollectorHealth,
  withoutDetails,
} from "../collectors/health-format.ts";
import { healthDeadlineMs, storedHealth } from "../collectors/health-service.ts";
import { askForHealth } from "../collectors/protocol.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import * as repository from "./repository.ts";
import { noSource } from "./service.ts";

/** What a check found of a source. */
export interface SourceCheck {
  readonly id: number;
  readonly name: string;
  readonly status: HealthStatus;
  readonly health: JsonObject;
  /** ISO 8601. */
  readonly checkedAt: string;
}

/** What a collector reports of a source. */
export interface SourceReport {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly message?: string | undefined;
  /** ISO 8601; now without one. */
  readonly timestamp?: string | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
  readonly consecutive_errors?: number | undefined;
  readonly details?: JsonObject | undefined;
}

/**
 * Asks the source's collector how the source is and keeps the answer. What the collector does not say of the source, its own health
 * says. Without a collector that can be asked the source is `unknown`, and nothing is kept. Throws `not_found`.
 */
export async function checkSource(ctx: Ctx, id: number): Promise<SourceCheck> {
  requirePermission(ctx.actor, "sources:write");
  const [source] = await run<repository.AskedSource>(ctx, repository.selectAskedSource(id));
  if (!source) {
    return noSource();
  }
  const checkedAt = ctx.now.toISOString();
  const { name, collector_endpoint: endpoint } = source;
  if (endpoint === null) {
    const { status, message } = withoutDetails("unknown", "There is no collector with an endpoint to ask", ctx.now);
    return { id, name, status, health: { status, message }, checkedAt };
  }
  const answer = await askForHealth(ctx, endpoint, { deadlineMs: healthDeadlineMs });
  const ofCollector = readCollectorHealth(answer, ctx.now);
  const health = healthOfSource(ofCollector, source) ?? { status: ofCollector.status, message: ofCollector.message };
  const statement = repository.storeSourceHealth(writeContext(ctx), id, {
    health: JSON.stringify({ ...health, last_check: checkedAt }),
    collectedAt: instantOf(health["last_collection"]),
    collectorHealth: JSON.stringify(storedHealth(ofCollector, ctx.now)),
  });
  const { found } = await runOne<{ found: boolean }>(ctx, statement);
  return found ? { id, name, status: health.status, health, checkedAt } : noSource();
}

/**
 * Takes in a collector's report: it ends the claim of the collection, success clears the errors, an error counts and slows the schedule
 * down. A report older than what is stored changes nothing. Throws `not_found`.
 */
export async function reportSource(ctx: Ctx, id: number, report: SourceReport): Promise<void> {
  requirePermission(ctx.actor, "sources:report");
  const { timestamp = ctx.now.toISOString(), ...said } = report;
  const content = JSON.stringify({ ...said, last_check: timestamp });
  const { found } = await runOne<{ found: boolean }>(
    ctx,
    repository.reportSourceHealth(writeContext(ctx), id, content),
  );
  if (!found) {
    noSource();
  }
}
