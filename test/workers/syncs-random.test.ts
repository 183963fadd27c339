import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, emptyInventory, type Muster, type Row } from "../support/muster.ts";
import { chooseThings, inScope, Model, type ModelSync, type Scope, things } from "../support/sync-model.ts";
import { syncsOf, toItem } from "../support/syncs.ts";

const start = Date.now();
const secondMs = 1000;

let muster: Muster;
let syncs: ReturnType<typeof syncsOf>;
let sources: number[];

type Step =
  | { kind: "open"; source: number; scope: Scope; idle: number }
  | { kind: "report"; source: number; places: number[] }
  | { kind: "bulk"; sync: number; places: number[] }
  | { kind: "commit"; sync: number; percent: number; force: boolean; dry: boolean }
  | { kind: "cancel"; sync: number }
  | { kind: "share"; place: number };

const places = fc.uniqueArray(fc.nat(11), { maxLength: 12 });
const scope: fc.Arbitrary<Scope> = fc.record(
  {
    types: fc.constantFrom(["pod"], ["pod", "node"], ["other"]),
    namespaces: fc.constantFrom<(string | null)[]>(["a"], [null], ["a", null]),
  },
  { requiredKeys: [] },
);
const source = fc.nat(1);
const sync = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("open" as const), source, scope, idle: fc.constantFrom(3, 3600) }),
  fc.record({ kind: fc.constant("report" as const), source, places }),
  fc.record({ kind: fc.constant("bulk" as const), sync, places }),
  fc.record({
    kind: fc.constant("commit" as const),
    sync,
    percent: fc.constantFrom(20, 0, 100),
    force: fc.boolean(),
    dry: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("cancel" as const), sync }),
  fc.record({ kind: fc.constant("share" as const), place: fc.nat(11) }),
);

async function open(model: Model, next: Step & { kind: "open" }, now: number): Promise<void> {
  const of = sources[next.source] ?? 0;
  const { id } = await syncs.open(of, { ...next.scope, expires_in_seconds: next.idle });
  const idleMs = next.idle * secondMs;
  model.syncs.push({
    id,
    source: of,
    scope: next.scope,
    openedAt: now,
    idleMs,
    expiresAt: now + idleMs,
    ended: "open",
    counts: null,
  });
}

async function report(model: Model, next: Step & { kind: "report" }, now: number): Promise<void> {
  const of = sources[next.source] ?? 0;
  const chosen = chooseThings(next.places);
  await syncs.bulk(`source_id=${of}`, chosen);
  chosen.forEach((thing) => model.see(of, thing, now));
}

/** Gives what the first source knows a record of the second. */
async function share(model: Model, next: Step & { kind: "share" }): Promise<void> {
  const [one = 0, other = 0] = sources;
  const record = model.records.find((entry) => entry.source === one && entry.thing === things[next.place]);
  const isKnown = model.records.some((entry) => entry.source === other && entry.thing === record?.thing);
  if (record?.live && !isKnown) {
    await muster.sql(
      `insert into source_records (ci_id, last_seen, source_id, live, ages, ci_type, namespace, name, content_hash)
       select r.ci_id, r.last_seen, $2::integer, true, true, r.ci_type, r.namespace, r.name, r.content_hash
       from source_records r where r.name = $1 and r.source_id = $3::integer`,
      [record.thing.name, other, one],
    );
    model.records.push({ ...record, source: other });
  }
}

async function bulk(model: Model, of: ModelSync, next: Step & { kind: "bulk" }, now: number): Promise<void> {
  const chosen = chooseThings(next.places);
  const refused = model.refuses(of, now);
  const response = await syncs.request(`${bulkPath}?sync_id=${of.id}`, { body: chosen.map(toItem) });
  const answer = await body<{ counts: Row }>(response, refused ? 409 : 200);
  if (!refused) {
    const inside = chosen.filter((thing) => inScope(of.scope, thing));
    expect(answer.counts["error"]).toBe(chosen.length - inside.length);
    inside.forEach((thing) => model.see(of.source, thing, now));
    of.expiresAt = Math.max(of.expiresAt, now + of.idleMs);
  }
}

async function commit(model: Model, of: ModelSync, next: Step & { kind: "commit" }, now: number): Promise<void> {
  const { percent, force, dry } = next;
  const response = await syncs.commit(of.source, of, { max_drop_percent: percent, force, dry_run: dry });
  if (of.ended === "committed") {
    expect(await body(response)).toMatchObject({ dry_run: false, counts: of.counts });
    return;
  }
  if (model.refuses(of, now)) {
    expect(response.status).toBe(409);
    return;
  }
  const { unseen, counts } = model.difference(of);
  const { seen, unseen: missing } = counts;
  const trips = missing >= 10 && (missing / (seen + missing)) * 100 > percent;
  if (dry) {
    const answer = await body<Row & { items: unknown[] }>(response);
    expect(answer).toMatchObject({ would_trip_fuse: trips, counts, truncated: false });
    expect(answer.items).toHaveLength(counts.deactivated);
    return;
  }
  const isHeld = trips && !force;
  expect(await body(response, isHeld ? 409 : 200)).toMatchObject({ counts, ...(isHeld ? {} : { forced: trips }) });
  if (!isHeld) {
    unseen.forEach((record) => (record.live = false));
    of.ended = "committed";
    of.counts = counts;
  }
}

async function cancel(of: ModelSync): Promise<void> {
  const response = await syncs.request(syncs.path(of.source, `/${of.id}`), { method: "DELETE" });
  expect(response.status).toBe(of.ended === "committed" ? 409 : 200);
  of.ended = of.ended === "committed" ? of.ended : "cancelled";
}

async function take(model: Model, next: Step, now: number): Promise<void> {
  if (next.kind === "open") {
    return open(model, next, now);
  }
  if (next.kind === "report") {
    return report(model, next, now);
  }
  if (next.kind === "share") {
    return share(model, next);
  }
  const of = model.syncs.at(-1 - next.sync);
  if (!of) {
    return undefined;
  }
  if (next.kind === "bulk") {
    return bulk(model, of, next, now);
  }
  return next.kind === "commit" ? commit(model, of, next, now) : cancel(of);
}

async function expectAgreement(model: Model): Promise<void> {
  const rows = await muster.sql(`select r.source_id as source, r.name, r.live, c.status
    from source_records r join configuration_items c on c.ci_id = r.ci_id order by 1, 2`);
  const expected = model.records
    .map(({ source: of, thing, live, item }) => ({
      source: of,
      name: thing.name,
      live,
      status: model.isActive(item) ? "active" : "inactive",
    }))
    .toSorted((left, right) => left.source - right.source || (left.name < right.name ? -1 : 1));
  expect(rows).toEqual(expected);
}

beforeAll(async () => {
  muster = await createMuster();
  syncs = syncsOf(muster);
  sources = [await syncs.source(), await syncs.source()];
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});

afterEach(() => {
  vi.useRealTimers();
});

it("any course of syncs, bulks and commits of two sources leaves the records and items that a simple model says", async () => {
  const whole: Step = { kind: "report", source: 0, places: things.map((_, place) => place) };
  const course = fc.array(step, { minLength: 5, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(course, async (steps) => {
      await emptyInventory(muster, "source_syncs");
      const model = new Model();
      for (const [place, next] of [whole, ...steps].entries()) {
        const now = start + place * secondMs;
        vi.setSystemTime(now);
        await take(model, next, now);
        await expectAgreement(model);
      }
    }),
    { numRuns: 40 },
  );
});
