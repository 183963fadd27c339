import type { JsonObject } from "../../lib/json.ts";
import { requirePermission } from "../access.ts";
import { noCollector, type ScheduleContent } from "../collectors/service.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { closePage, openPage, type Page, type PageRequest, type PageRow } from "../page.ts";
import { type CredentialChanges, mentionsCredentials, resealCredentials } from "./credentials.ts";
import * as repository from "./repository.ts";
import type { SourceShape } from "./shape.ts";

/** What is said about a source; absent parts keep their value on an update, settings are merge patches then (RFC 7396). */
export interface SourceContent extends CredentialChanges {
  readonly name?: string | undefined;
  readonly endpoint?: string | null | undefined;
  readonly username?: string | null | undefined;
  readonly status?: "enabled" | "disabled" | undefined;
  readonly config?: JsonObject | undefined;
  readonly schedule_config?: ScheduleContent | undefined;
}

/** Records that the deletion of a source ages at once; a second's work. */
const deletionBatch = 5000;

/** Lists sources in one statement, exact total included. */
export async function listSources(
  ctx: Ctx,
  selection: repository.SourceSelection,
  page: PageRequest,
  shape: SourceShape,
): Promise<Page> {
  requirePermission(ctx.actor, "sources:read");
  const fingerprint = JSON.stringify(["sources", selection.collectorId, selection.status, selection.enabled]);
  const after = await openPage(ctx, fingerprint, page);
  const statement = repository.selectSourcePage(selection, { ...page, after }, shape);
  return closePage(ctx, fingerprint, await runOne<PageRow>(ctx, statement), "exact");
}

/** All sources of a collector, as the text of a JSON array. Throws `not_found`. */
export async function listSourcesOf(ctx: Ctx, collectorId: number, shape: SourceShape): Promise<string> {
  requirePermission(ctx.actor, "sources:read");
  const [row] = await run<{ sources: string }>(ctx, repository.selectSourcesOf(collectorId, shape));
  return row?.sources ?? noCollector();
}

/** One source, as JSON text. Throws `not_found`, also for one that was deleted. */
export async function getSource(ctx: Ctx, id: number, shape: SourceShape): Promise<string> {
  requirePermission(ctx.actor, "sources:read");
  const [row] = await run<{ source: string }>(ctx, repository.selectSource(id, shape));
  return row?.source ?? noSource();
}

/**
 * Adds a source to a collector. Credentials are sealed for its id and for the hosts of both endpoints, which takes a statement
 * before the one that writes. Throws `not_found`, `conflict` where the name is taken, `invalid` for an endpoint that may not be called.
 */
export async function createSource(
  ctx: Ctx,
  collectorId: number,
  content: SourceContent & { readonly name: string },
  shape: SourceShape,
): Promise<{ readonly id: number; readonly source: string }> {
  requirePermission(ctx.actor, "sources:write");
  checkSourceEndpoint(ctx, content.endpoint);
  const { token, password, ...rest } = content;
  const sealed = await sealNew(ctx, collectorId, content.endpoint ?? null, { token, password });
  const statement = repository.createSource(writeContext(ctx), collectorId, JSON.stringify(rest), sealed, shape);
  const [row] = await run<{ id: number; source: string }>(ctx, statement);
  return row ?? noCollector();
}

/**
 * Changes a source and answers it. A change of credentials or endpoint takes a statement before the one that writes. Throws
 * `not_found`, `conflict` where the name is taken or the source was changed meanwhile, and `invalid` for an endpoint that may not
 * be called or that stored credentials were not stored for.
 */
export async function updateSource(ctx: Ctx, id: number, change: SourceContent, shape: SourceShape): Promise<string> {
  requirePermission(ctx.actor, "sources:write");
  checkSourceEndpoint(ctx, change.endpoint);
  const { token, password, ...rest } = change;
  const context = writeContext(ctx);
  const decided = await resealChanged(ctx, id, change.endpoint, { token, password });
  const credentials = decided?.credentials;
  const content = JSON.stringify(rest);
  const patch =
    credentials === undefined
      ? content
      : `{"credentials":${credentials}${content === "{}" ? "" : ","}${content.slice(1)}`;
  const statement = repository.updateSource(context, id, { patch, place: decided?.place }, shape);
  const [row] = await run<{ source: string }>(ctx, statement);
  return row?.source ?? noSource();
}

/**
 * Deletes a source: it is collected no more, its credentials are gone, and what only it saw goes inactive, all of it by the next
 * sweep. Its items and their history stay, and its name is free. Throws `not_found`.
 */
export async function deleteSource(ctx: Ctx, id: number): Promise<void> {
  requirePermission(ctx.actor, "sources:write");
  const statement = repository.deleteSource(writeContext(ctx), id, deletionBatch);
  const { found } = await runOne<{ found: boolean }>(ctx, statement);
  if (!found) {
    noSource();
  }
}

/** Throws the error of a source that there is not. */
export function noSource(): never {
  throw new DomainError("not_found", "Source not found");
}

async function sealNew(ctx: Ctx, collectorId: number, endpoint: string | null, changes: CredentialChanges) {
  if (!mentionsCredentials(changes)) {
    return undefined;
  }
  const [place] = await run<repository.NewPlace>(ctx, repository.reservePlace(collectorId));
  if (!place) {
    return noCollector();
  }
  const endpoints = { source: endpoint, collector: place.collector_endpoint };
  const credentials = await resealCredentials(ctx, place.id, null, changes, endpoints);
  return typeof credentials === "string" ? { credentials, place } : undefined;
}

async function resealChanged(
  ctx: Ctx,
  id: number,
  endpoint: string | null | undefined,
  changes: CredentialChanges,
): Promise<{ readonly place: repository.Place; readonly credentials: string | null | undefined } | undefined> {
  if (endpoint === undefined && !mentionsCredentials(changes)) {
    return undefined;
  }
  const [place] = await run<repository.Place>(ctx, repository.selectPlace(id));
  if (!place) {
    return noSource();
  }
  const endpoints = { source: endpoint === undefined ? place.endpoint : endpoint, collector: place.collector_endpoint };
  const stays = endpoints.source === place.endpoint && !mentionsCredentials(changes);
  const credentials = stays ? undefined : await resealCredentials(ctx, id, place.credentials, changes, endpoints);
  return { place, credentials };
}

function checkSourceEndpoint(ctx: Ctx, endpoint: string | null | undefined): void {
  const problem = typeof endpoint === "string" ? ctx.ports.outbound.problemWith(endpoint) : undefined;
  if (problem !== undefined) {
    throw new DomainError("invalid", `endpoint: ${problem}`);
  }
}
