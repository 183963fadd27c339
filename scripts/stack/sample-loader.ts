import { sql } from "drizzle-orm";
import { reportItems } from "../../src/core/configuration-items/bulk.ts";
import type { Ctx } from "../../src/core/context.ts";
import { foldItemCounts, sweepLifecycle } from "../../src/core/lifecycle/service.ts";
import type { Database } from "../../src/db/client.ts";
import { hmacKey, randomBytes } from "../../src/lib/crypto.ts";
import { presentAt, sampleEstate } from "../sample/estate.ts";
import { createSigner, signingKey } from "../../src/lib/message-signature.ts";
import { createOutbound } from "../../src/lib/outbound.ts";
import { createVault, masterKey } from "../../src/lib/vault.ts";
import type { SampleEstate, SourceReport } from "../sample/model.ts";

/** The database as the two roles of the Worker see it. */
export interface SampleDatabases {
  readonly api: Database;
  readonly jobs: Database;
}

/** What is to be played, and what to do after each moment that was. */
export interface SamplePlay {
  /** The time at which the sample's history ends. */
  readonly now: Date;
  /** Moments up to this one have been played before. */
  readonly after: Date | undefined;
  readonly onPlayed: (until: Date) => void;
  readonly signal: AbortSignal;
}

const hourMs = 60 * 60 * 1000;
// Items go inactive when they are not seen for 24 hours.
const seeAgainAfterMs = 20 * hourMs;

/** Whether there is no item at all, archived ones included. */
export async function isInventoryEmpty(database: Database): Promise<boolean> {
  const [row] = await database.execute<{ empty: boolean }>(
    sql`select not exists (select from configuration_items) as empty`,
  );
  return row?.empty === true;
}

/**
 * Plays the sample estate's weeks through the verbs, each moment at its own time, so that it has a past: what sources
 * said, what they saw again, what stopped answering. Broken off, it goes on with `after`. Throws the signal's reason.
 */
export async function playSample(databases: SampleDatabases, play: SamplePlay): Promise<void> {
  const estate = sampleEstate(play.now);
  const times = [...new Set([...estate.steps.map((step) => step.at.getTime()), play.now.getTime()])];
  const first = times[0] ?? play.now.getTime();
  let seenAt = first;
  for (const [index, time] of times.entries()) {
    const at = new Date(time);
    const next = times[index + 1] ?? Number.POSITIVE_INFINITY;
    const isDue = time !== first && next - seenAt > seeAgainAfterMs;
    if (isDue) seenAt = time;
    if (play.after !== undefined && at <= play.after) continue;
    play.signal.throwIfAborted();
    await playMoment(databases, estate, at, isDue);
    play.onPlayed(at);
  }
  await foldItemCounts(await contextAt(databases.jobs, play.now));
}

/** Reports the sample as its sources would at this time: the content it ended with, the figures moved on. */
export async function seeSample(database: Database, sampleNow: Date, at: Date, signal: AbortSignal): Promise<void> {
  await report(database, at, presentAt(sampleEstate(sampleNow), at), undefined, signal);
}

async function playMoment(databases: SampleDatabases, estate: SampleEstate, at: Date, seeAll: boolean): Promise<void> {
  for (const step of estate.steps.filter((candidate) => candidate.at.getTime() === at.getTime())) {
    await report(databases.api, at, [step], step.reason);
  }
  if (seeAll) await report(databases.api, at, presentAt(estate, at), undefined);
  await sweepLifecycle(await contextAt(databases.jobs, at), () => false);
}

async function report(
  database: Database,
  at: Date,
  reports: readonly SourceReport[],
  reason: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  for (const { source, items } of reports) {
    signal?.throwIfAborted();
    const ctx = { ...(await contextAt(database, at)), reason };
    const { results } = await reportItems(
      ctx,
      items.map((content) => ({ content })),
      { source },
      true,
    );
    const failure = results.find((result) => result.outcome === "error");
    if (failure) throw new Error(`sample item ${items[failure.index]?.name} of ${source}: ${failure.error}`);
  }
}

async function contextAt(db: Database, now: Date): Promise<Ctx> {
  return {
    db,
    now,
    actor: { kind: "system", label: "system:sample" },
    requestId: crypto.randomUUID(),
    // Nothing of what follows is used: no page is asked for, nothing is sealed, sent or called.
    cursorKey: await hmacKey(randomBytes(32)),
    ports: {
      outbound: createOutbound([]),
      vault: createVault(await masterKey("none", randomBytes(32))),
      signer: createSigner(await signingKey(randomBytes(32))),
    },
  };
}
