import { mapAtMost } from "../../lib/concurrency.ts";
import { randomUuid } from "../../lib/crypto.ts";
import { requirePermission } from "../access.ts";
import { type Ctx, run, runOne, writeContext } from "../context.ts";
import { DomainError } from "../errors.ts";
import { openCredentials } from "../sources/credentials.ts";
import { askForCollection, type TriggerAnswer, type TriggeredSource } from "./protocol.ts";
import * as repository from "./repository.ts";
import { noCollector } from "./service.ts";

/** What became of the sources of a collector that was triggered. */
export interface Collection {
  readonly id: string;
  readonly sources: readonly {
    readonly id: number;
    readonly name: string;
    readonly outcome: "triggered" | "collecting" | "disabled" | "failed";
    readonly reason: string | undefined;
  }[];
}

export interface TriggerReport extends Record<string, unknown> {
  readonly triggered: number;
  /** Sources whose collector was at it already. */
  readonly busy: number;
  readonly failed: number;
  /** False when the time was used up first; the next run goes on. */
  readonly finished: boolean;
}

/** Milliseconds that a collector has to take a collection on; the collection itself runs on after that. */
const deadlineMs = 10_000;
/** Collectors called at once, which is what the platform lets wait for an answer. */
const width = 6;
/** Sources that are claimed together: their collectors have all been called, or have let their deadline pass, in three minutes. */
const batchSize = 100;

/** How a run of the schedule calls collectors. */
export interface TriggerLimits {
  /** Milliseconds for one collector to take a collection on. */
  readonly eachMs: number;
  /** Collectors called in a run, but for what its last batch adds; the platform lets a run make 10,000 requests. */
  readonly calls: number;
}

const triggerLimits: TriggerLimits = { eachMs: deadlineMs, calls: 4_000 };

/**
 * Triggers a collection from a collector's sources, all that are enabled or those of `sourceIds`, due or not; never from one that is
 * being collected from. Throws `not_found`; `invalid` for a source that is not the collector's; `conflict` where nothing can be triggered,
 * saying why; `upstream_failed` and `upstream_timed_out` where the collector did not accept, which its sources then have as an error.
 */
export async function triggerCollector(
  ctx: Ctx,
  id: number,
  sourceIds: readonly number[] | undefined,
): Promise<Collection> {
  requirePermission(ctx.actor, "collectors:trigger");
  const ids = sourceIds && [...new Set(sourceIds)];
  const statement = repository.claimSources(writeContext(ctx), id, ids);
  const { claim } = await runOne<{ claim: repository.AskedClaim | null }>(ctx, statement);
  if (!claim) {
    return noCollector();
  }
  const { claimed, passed_over: passedOver } = claim;
  if (claimed.length === 0 && passedOver.length > 0) {
    const reasons = passedOver.map(
      ({ name, reason }) => `"${name}" is ${reason === "disabled" ? reason : "being collected"}`,
    );
    throw new DomainError("conflict", `There is nothing to trigger: ${reasons.slice(0, 10).join(", ")}`);
  }
  const attempt = await collect(ctx, claim, "manual", deadlineMs);
  await release(ctx, [attempt]);
  if (attempt.answer.outcome !== "accepted") {
    throw notAccepted(attempt.answer);
  }
  return {
    id: attempt.id,
    sources: [
      ...passedOver.map((source) => ({ id: source.id, name: source.name, outcome: source.reason, reason: undefined })),
      ...claimed.map((source) => {
        const reason = attempt.problems.get(source.id);
        return {
          id: source.id,
          name: source.name,
          outcome: reason === undefined ? "triggered" : "failed",
          reason,
        } as const;
      }),
    ].toSorted((one, other) => one.id - other.id),
  };
}

/**
 * Triggers the sources whose collection is due, some collectors at once, until none is left, it is late or enough were called. Safe to run
 * twice at once: a source is claimed before its collector is called. Answers undefined where nothing was due.
 */
export async function triggerDueSources(
  ctx: Ctx,
  isLate: () => boolean,
  limits: TriggerLimits = triggerLimits,
): Promise<TriggerReport | undefined> {
  const attempts: Attempt[] = [];
  let isOver = false;
  while (!isOver && !isLate() && attempts.length < limits.calls) {
    const statement = repository.claimDueSources(writeContext(ctx), batchSize);
    // The next batch is what is still due when this one has been claimed, called and recorded.
    // oxlint-disable-next-line no-await-in-loop -- see above
    const { claims } = await runOne<{ claims: readonly repository.Claim[] }>(ctx, statement);
    // oxlint-disable-next-line no-await-in-loop -- see above
    const batch = await mapAtMost(width, claims, async (claim) => collect(ctx, claim, "scheduled", limits.eachMs));
    // oxlint-disable-next-line no-await-in-loop -- see above
    await release(ctx, batch);
    attempts.push(...batch);
    isOver = batch.reduce((sum, { claim }) => sum + claim.claimed.length, 0) < batchSize;
  }
  return attempts.length === 0 ? undefined : reportOf(attempts, isOver);
}

interface Attempt {
  readonly id: string;
  readonly claim: repository.Claim;
  readonly answer: TriggerAnswer;
  /** Why a source was not among those sent, by its id. */
  readonly problems: ReadonlyMap<number, string>;
}

async function collect(
  ctx: Ctx,
  claim: repository.Claim,
  reason: "manual" | "scheduled",
  eachMs: number,
): Promise<Attempt> {
  const { collector, claimed } = claim;
  const problems = new Map<number, string>();
  const opened = await Promise.all(
    claimed.map(async (source): Promise<TriggeredSource[]> => {
      const endpoints = { source: source.endpoint, collector: collector.endpoint };
      const result = await openCredentials(ctx, source.id, source.sealed, endpoints);
      if ("problem" in result) {
        problems.set(source.id, result.problem);
        return [];
      }
      return [{ source, credentials: result.credentials }];
    }),
  );
  const id = randomUuid();
  const sources = opened.flat();
  const [problem] = problems.values();
  const answer: TriggerAnswer =
    sources.length === 0 && problem !== undefined
      ? { outcome: "refused", problem }
      : await askForCollection(ctx, id, reason, collector, sources, eachMs);
  return { id, claim, answer, problems };
}

/** Ends the claims of what was not accepted, and records the errors. */
async function release(ctx: Ctx, attempts: readonly Attempt[]): Promise<void> {
  const outcomes = attempts.flatMap(({ claim, answer, problems }) =>
    claim.claimed.flatMap((source) => {
      const error = problems.get(source.id) ?? errorOf(answer);
      return error === undefined ? [] : [{ id: source.id, claimed_until: source.claimed_until, error }];
    }),
  );
  if (outcomes.length > 0) {
    await run(ctx, repository.releaseClaims(writeContext(ctx), JSON.stringify(outcomes)));
  }
}

/** What a source keeps of an answer: null where its claim ends without an error, undefined where it goes on. */
function errorOf(answer: TriggerAnswer): string | null | undefined {
  switch (answer.outcome) {
    case "accepted":
      return undefined;
    case "busy":
      return null;
    case "refused":
    case "failed":
    case "timed_out":
      return `The collector could not be triggered: ${answer.problem}`;
  }
}

function notAccepted(answer: Exclude<TriggerAnswer, { outcome: "accepted" }>): DomainError {
  switch (answer.outcome) {
    case "busy":
      return new DomainError("conflict", "The collector is already collecting");
    case "refused":
      return new DomainError("conflict", `The collector cannot be triggered: ${answer.problem}`);
    case "failed":
      return new DomainError("upstream_failed", `The collector could not be triggered: ${answer.problem}`);
    case "timed_out":
      return new DomainError("upstream_timed_out", `The collector could not be triggered: ${answer.problem}`);
  }
}

function reportOf(attempts: readonly Attempt[], finished: boolean): TriggerReport {
  const counts = { triggered: 0, busy: 0, failed: 0 };
  for (const { claim, answer, problems } of attempts) {
    counts.failed += problems.size;
    const sent = claim.claimed.length - problems.size;
    if (answer.outcome === "accepted") {
      counts.triggered += sent;
    } else if (answer.outcome === "busy") {
      counts.busy += sent;
    } else {
      counts.failed += sent;
    }
  }
  return { ...counts, finished };
}
