import fc from "fast-check";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";
import {
  apply,
  blockerOf,
  logged,
  readChanges,
  readItems,
  shown,
  steps,
  type StoredChange,
  take,
  type WireItem,
} from "../support/random-history.ts";
import { rewind } from "../support/rewind.ts";
import { type Entry, iso, revertPath } from "../support/time-travel.ts";

let muster: Muster;

interface Reverted {
  readonly status: number;
  readonly detail?: string;
  readonly patch: readonly Entry[];
  readonly item: WireItem | null;
}

/** What is answered for an instant; undefined where there was no such item. */
async function readAt(ciId: string, at: number): Promise<WireItem | undefined> {
  const response = await muster.request(`${itemsPath}/${ciId}?at=${iso(at)}`);
  return response.status === 404 ? undefined : body<WireItem>(response);
}

async function revert(change: StoredChange, query = ""): Promise<Reverted> {
  const response = await muster.request(revertPath(change.id, query), { method: "POST" });
  return { ...(await response.json<Omit<Reverted, "status">>()), status: response.status };
}

/** What a status move became; undefined for a change that is none. */
function statusAfter(change: StoredChange): unknown {
  const entry = change.entries.find(({ path }) => path.length === 1 && path[0] === "status");
  return entry && "new" in entry ? entry.new : undefined;
}

const isTaken = ({ detail }: Reverted) => detail?.startsWith("Another item") === true;

/** Runs the property for estates that random steps have made. */
async function forEstates(property: (seen: Awaited<ReturnType<typeof take>>) => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const estates = fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 10 }), async (taken) =>
    property(await take(muster, taken)),
  );
  await fc.assert(estates, { numRuns: 25 });
}

beforeAll(async () => {
  muster = await createMuster();
});

afterEach(() => {
  vi.useRealTimers();
});

it("shows every item at every instant as it was seen then", async () => {
  await forEstates(async (seen) => {
    const present = await readItems(muster);
    for (const [ciId, log] of await readChanges(muster)) {
      for (const [instant, snapshot] of seen) {
        const then = snapshot.get(ciId);
        const found = await readAt(ciId, instant);
        expect(found).toEqual(then && { ...then, last_seen: null, raw_data: shown(then), at: iso(instant) });
        const rewound = rewind(present.get(ciId) ?? null, log, instant);
        expect(found ? logged(found) : null).toEqual(rewound && logged(rewound));
      }
    }
  });
});

it("tells differences that lead from each state to each later one", async () => {
  await forEstates(async (seen) => {
    for (const ciId of (await readChanges(muster)).keys()) {
      const states = [...seen].flatMap(([instant, snapshot]) => {
        const item = snapshot.get(ciId);
        return item ? [{ instant, item }] : [];
      });
      for (const [place, { instant, item }] of states.entries()) {
        const later = states[place + 1 + (place % 3)] ?? { instant, item };
        const query = `from=${iso(instant)}&to=${iso(later.instant)}`;
        const diff = await body<{ changes: Entry[] } & Row>(await muster.request(`${itemsPath}/${ciId}/diff?${query}`));
        expect(diff).toMatchObject({ from_version: item["version"], to_version: later.item["version"] });
        expect(apply(logged(item), diff.changes)).toEqual(logged(later.item));
      }
    }
  });
});

it("takes back the last change of every item, and that again", async () => {
  await forEstates(async () => {
    const present = await readItems(muster);
    for (const [ciId, log] of await readChanges(muster)) {
      const last = log.at(-1);
      const now = present.get(ciId);
      if (!last || !now) {
        continue;
      }
      const dry = await revert(last, "?dry_run=true");
      const wet = await revert(last);
      const moved = statusAfter(last);
      const hasWayBack = last.change_type !== "CREATED" && (moved === undefined || moved === "archived");
      const done = isTaken(wet) ? 409 : 200;
      expect([dry.status, wet.status, wet.patch]).toEqual([wet.status, hasWayBack ? done : 422, dry.patch]);
      if (wet.status !== 200) {
        continue;
      }
      const before = rewind(now, log, last.changed_at - 1) ?? now;
      expect(wet.item).toMatchObject({ version: log.length + 1 });
      expect(logged(wet.item ?? now)).toEqual(logged(before));
      expect(apply(logged(now), wet.patch)).toEqual(logged(before));
      expect(await revert(last)).toMatchObject({ status: 200, patch: [], item: { version: log.length + 1 } });
      const own = (await readChanges(muster)).get(ciId)?.at(-1) ?? last;
      const again = await revert(own);
      expect(again.status).toBe(moved === undefined ? 200 : 422);
      expect(logged(again.item ?? now)).toEqual(logged(now));
    }
  });
});

it("takes back an older change unless a later one is in the way, which it names", async () => {
  await forEstates(async () => {
    const present = await readItems(muster);
    for (const [ciId, log] of await readChanges(muster)) {
      const now = present.get(ciId);
      for (const change of now ? log : []) {
        const dry = await revert(change, "?dry_run=true");
        const blocker = blockerOf(change, log);
        const isDone = dry.status === 200 && dry.patch.length === 0;
        const isBlocked = dry.status === 409 && !isTaken(dry);
        expect(isBlocked).toBe(blocker !== undefined && !isDone && dry.status !== 422);
        expect(/^Change (\d+) has touched /.exec(dry.detail ?? "")?.[1]).toBe(isBlocked ? blocker?.id : undefined);
        // Done means that the present rewinds to itself over this change alone.
        const alone = now && isDone ? rewind(now, [{ ...change, changed_at: 1 }], 0) : now;
        expect(alone && logged(alone)).toEqual(now && logged(now));
      }
    }
  });
});
