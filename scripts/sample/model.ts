import type { JsonObject } from "../../src/lib/json.ts";

/** What identifies an item within its source. */
export interface ItemKey {
  readonly ci_type: string;
  readonly namespace: string | null;
  readonly name: string;
}

/** A configuration item as a source sends it. */
export interface SampleItem extends ItemKey {
  readonly raw_data: JsonObject;
  readonly department?: string;
}

/** One bulk as a source would have sent it: what is new, and what differs from when it last sent it. */
interface SampleStep {
  readonly at: Date;
  readonly source: string;
  readonly reason: string;
  readonly items: readonly SampleItem[];
}

/** A step before its figures are moved to its time, together with what the source does not find any more. */
export interface Moment extends SampleStep {
  readonly gone: readonly ItemKey[];
}

/** The items that one source finds. */
export interface SourceReport {
  readonly source: string;
  readonly items: readonly SampleItem[];
}

/** An item that stopped answering while everybody expects it to be there. */
export interface SilentItem extends ItemKey {
  readonly source: string;
}

export interface SampleEstate {
  /** When the first source reports, 21 days before `now`. */
  readonly start: Date;
  /** Sorted by time; the first ones, one a source, load most of the estate. */
  readonly steps: readonly SampleStep[];
  /** What each source would report at `now`. */
  readonly present: readonly SourceReport[];
  /** Items that left without being removed on purpose; none of them is in `present`. */
  readonly silent: readonly SilentItem[];
  /** What `presentAt` folds; figures stand as they were at `start`. */
  readonly moments: readonly Moment[];
}

/** One string for an identity, for maps and sets. */
export function keyOf(key: ItemKey): string {
  return JSON.stringify([key.ci_type, key.namespace, key.name]);
}
