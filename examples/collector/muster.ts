import { readDetail } from "../../scripts/import/answer.ts";
import { isObject } from "../../scripts/import/json-text.ts";
import { refusal, requestUntilAnswered } from "../../scripts/import/request.ts";
import type { Answer, RepeatableRequest, RequestOptions } from "../../scripts/import/request.ts";

/** How a collection went: unhealthy when it did not happen, degraded when a person has to look at it. */
export interface Outcome {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly message: string;
}

export interface HealthReport extends Outcome {
  readonly timestamp: string;
  /** In seconds. */
  readonly duration: number;
  readonly consecutive_errors: number;
}

/** The part of a source that is collected; null is all. */
export interface Scope {
  readonly types: readonly string[] | null;
  /** A null in it stands for what has no namespace. */
  readonly namespaces: readonly (string | null)[] | null;
}

/** Opens a full collection of a source and resolves with its id. Throws SendError. */
export async function openSync(sourceId: number, { types, namespaces }: Scope, options: RequestOptions) {
  const body = { ...(types === null ? {} : { types }), ...(namespaces === null ? {} : { namespaces }) };
  const answer = await requestUntilAnswered(json("POST", `/api/v1/sources/${sourceId}/syncs`, body), options);
  const { id } = answer.status === 201 ? members(answer) : {};
  if (typeof id !== "string") throw refusal(answer, options.target);
  return id;
}

/**
 * Tells Muster that everything was sent, so that what was not seen is gone. `held` when so much would be gone that Muster turned nothing; the
 * sync is then still open. Throws SendError.
 */
export async function commitSync(
  sourceId: number,
  syncId: string,
  maxDropPercent: number,
  options: RequestOptions,
): Promise<{ readonly held: boolean; readonly detail: string }> {
  const path = `/api/v1/sources/${sourceId}/syncs/${syncId}/commit`;
  const answer = await requestUntilAnswered(json("POST", path, { max_drop_percent: maxDropPercent }), options);
  const { counts } = answer.status === 200 || answer.status === 409 ? members(answer) : {};
  // A 409 without counts is about the sync itself: it has expired, or was given up.
  if (!isObject(counts)) throw refusal(answer, options.target);
  if (answer.status === 409) return { held: true, detail: readDetail(answer.text) };
  return { held: false, detail: `${String(counts.deactivated)} gone` };
}

/** Reports the health of a source, which also tells Muster that its collection has ended. Throws SendError. */
export async function reportHealth(sourceId: number, report: HealthReport, options: RequestOptions): Promise<void> {
  const answer = await requestUntilAnswered(json("PUT", `/api/v1/sources/${sourceId}/health`, report), options);
  if (answer.status !== 200) throw refusal(answer, options.target);
}

function json(method: RepeatableRequest["method"], path: string, body: object): RepeatableRequest {
  return { method, path, contentType: "application/json", body: JSON.stringify(body) };
}

function members({ text }: Answer): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(text);
  return isObject(body) ? body : {};
}
