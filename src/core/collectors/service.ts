import type { JsonObject } from "../../lib/json.ts";
import { requirePermission } from "../access.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import * as repository from "./repository.ts";
import type { CollectorShape } from "./shape.ts";

/** How often is collected. What a source leaves out its collector says; null takes a part away on an update. */
export interface ScheduleContent {
  readonly enabled?: boolean | null | undefined;
  readonly interval_minutes?: number | null | undefined;
}

/** What is said about a collector; absent parts keep their value on an update, settings are merge patches then (RFC 7396). */
export interface CollectorContent {
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly endpoint?: string | null | undefined;
  readonly status?: "enabled" | "disabled" | undefined;
  readonly config?: JsonObject | undefined;
  readonly schedule_config?: ScheduleContent | undefined;
}

/** Lists collectors in one statement, exact total included. */
export async function listCollectors(
  ctx: Ctx,
  selection: repository.CollectorSelection,
  page: PageRequest,
  shape: CollectorShape,
): Promise<Page> {
  requirePermission(ctx.actor, "collectors:read");
  const fingerprint = JSON.stringify(["collectors", selection.name, selection.type, selection.status]);
  const after = await openPage(ctx, fingerprint, page);
  const statement = repository.selectCollectorPage(selection, { ...page, after }, shape);
  return closePage(ctx, fingerprint, await runOne<PageRow>(ctx, statement), "exact");
}

/** One collector, as JSON text. Throws `not_found`. */
export async function getCollector(ctx: Ctx, id: number, shape: CollectorShape): Promise<string> {
  requirePermission(ctx.actor, "collectors:read");
  const [row] = await run<{ collector: string }>(ctx, repository.selectCollector(id, shape));
  return row?.collector ?? noCollector();
}

/** Adds a collector. Throws `conflict` where its name and type are taken, `invalid` for an endpoint that may not be called. */
export async function createCollector(
  ctx: Ctx,
  content: CollectorContent & { readonly name: string; readonly type: string },
  shape: CollectorShape,
): Promise<{ readonly id: number; readonly collector: string }> {
  requirePermission(ctx.actor, "collectors:write");
  checkCollectorEndpoint(ctx, content.endpoint);
  const statement = repository.createCollector(writeContext(ctx), JSON.stringify(content), shape);
  return runOne<{ id: number; collector: string }>(ctx, statement);
}

/** Changes a collector and answers it. Throws `not_found`, `conflict` and `invalid` like the creation. */
export async function updateCollector(
  ctx: Ctx,
  id: number,
  patch: CollectorContent,
  shape: CollectorShape,
): Promise<string> {
  requirePermission(ctx.actor, "collectors:write");
  checkCollectorEndpoint(ctx, patch.endpoint);
  const statement = repository.updateCollector(writeContext(ctx), id, JSON.stringify(patch), shape);
  const [row] = await run<{ collector: string }>(ctx, statement);
  return row?.collector ?? noCollector();
}

/** Removes a collector. Throws `not_found`, and `conflict`, saying how many, while it has sources. */
export async function deleteCollector(ctx: Ctx, id: number): Promise<void> {
  requirePermission(ctx.actor, "collectors:write");
  const { found } = await runOne<{ found: boolean }>(ctx, repository.deleteCollector(writeContext(ctx), id));
  if (!found) {
    noCollector();
  }
}

/** Throws the error of a collector that there is not. */
export function noCollector(): never {
  throw new DomainError("not_found", "Collector not found");
}

// The routes of the protocol are paths below the endpoint, so nothing may come after its own path.
function checkCollectorEndpoint(ctx: Ctx, endpoint: string | null | undefined): void {
  if (typeof endpoint !== "string") {
    return;
  }
  const problem = endpoint.includes("?") ? "The URL must not have a query" : ctx.ports.outbound.problemWith(endpoint);
  if (problem !== undefined) {
    throw new DomainError("invalid", `endpoint: ${problem}`);
  }
}
