import { numbered } from "./syncs.ts";

/** Who is where: twelve things of two types, with and without a namespace. */
export const things = numbered("t", 12).map((name, n) => ({
  name,
  ci_type: n % 2 === 0 ? "pod" : "node",
  namespace: n % 3 === 0 ? null : "a",
}));
export type Thing = (typeof things)[number];

export interface Scope {
  readonly types?: string[];
  readonly namespaces?: (string | null)[];
}

export interface ModelRecord {
  readonly source: number;
  readonly thing: Thing;
  readonly item: string;
  live: boolean;
  seenAt: number;
}

export interface Counts {
  readonly seen: number;
  readonly unseen: number;
  readonly deactivated: number;
  readonly kept_by_other_sources: number;
}

export interface ModelSync {
  readonly id: string;
  readonly source: number;
  readonly scope: Scope;
  readonly openedAt: number;
  readonly idleMs: number;
  expiresAt: number;
  ended: "open" | "committed" | "cancelled";
  counts: Counts | null;
}

export const chooseThings = (chosen: readonly number[]) => chosen.flatMap((place) => things[place] ?? []);
export const inScope = (scope: Scope, { ci_type, namespace }: Thing) =>
  (scope.types?.includes(ci_type) ?? true) && (scope.namespaces?.includes(namespace) ?? true);

/** What syncs are to do, said once more and simply. */
export class Model {
  readonly records: ModelRecord[] = [];
  readonly syncs: ModelSync[] = [];

  see(source: number, thing: Thing, now: number): void {
    const known = this.records.find((record) => record.source === source && record.thing === thing);
    if (known) {
      known.live = true;
      known.seenAt = Math.max(known.seenAt, now);
    } else {
      this.records.push({ source, thing, item: `${source} ${thing.name}`, live: true, seenAt: now });
    }
  }

  isActive(item: string): boolean {
    return this.records.some((record) => record.item === item && record.live);
  }

  refuses(sync: ModelSync, now: number): boolean {
    return sync.ended !== "open" || sync.expiresAt <= now;
  }

  /** The records that a sync did not see, and what becomes of their items. */
  difference(sync: ModelSync): { unseen: ModelRecord[]; counts: Counts } {
    const live = this.records.filter(
      (record) => record.source === sync.source && record.live && inScope(sync.scope, record.thing),
    );
    const unseen = live.filter((record) => record.seenAt < sync.openedAt);
    const kept = unseen.filter(({ item }) =>
      this.records.some((record) => record.item === item && record.live && !unseen.includes(record)),
    );
    return {
      unseen,
      counts: {
        seen: live.length - unseen.length,
        unseen: unseen.length,
        deactivated: unseen.length - kept.length,
        kept_by_other_sources: kept.length,
      },
    };
  }
}
