import { connect } from "../../src/db/client.ts";
import type { LocalDatabase } from "./database.ts";
import { isInventoryEmpty, playSample, seeSample } from "./sample-loader.ts";
import type { Secrets } from "./secrets.ts";

/** Reports the sample again at a time. */
export type SeeSample = (at: Date, signal: AbortSignal) => Promise<void>;

/**
 * Loads the sample into an inventory that has no item, or goes on where a load was broken off, and brings one that is
 * there up to date. Undefined when the inventory holds something else.
 */
export async function prepareSample(
  database: LocalDatabase,
  secrets: Secrets,
  signal: AbortSignal,
): Promise<SeeSample | undefined> {
  const { endpoint, apiUrl, jobsUrl, name } = database;
  const api = connect(apiUrl, { endpoint });
  const jobs = connect(jobsUrl, { endpoint });
  const isEmpty = await isInventoryEmpty(api);
  const known = isEmpty ? undefined : secrets.databaseRecord(name).sample;
  if (!isEmpty && !known) return undefined;
  const now = known ? new Date(known.now) : new Date();
  const see: SeeSample = (at, until) => seeSample(api, now, at, until);
  if (known && known.loaded_until === known.now) {
    await see(new Date(), signal);
    return see;
  }
  process.stderr.write("Loading the sample\n");
  const remember = (until: Date) =>
    secrets.remember(name, {
      ...secrets.databaseRecord(name),
      sample: { now: now.toISOString(), loaded_until: until.toISOString() },
    });
  const after = known ? new Date(known.loaded_until) : undefined;
  await playSample({ api, jobs }, { now, after, onPlayed: remember, signal });
  return see;
}
