import { beforeAll, beforeEach, expect, it } from "vitest";
import { body, bulkPath, createMuster, emptyInventory, type Muster, type Row } from "../support/muster.ts";
import { numbered, type Sync, syncsOf, toItem } from "../support/syncs.ts";

const dayMs = 86_400_000;

let muster: Muster;
let syncs: ReturnType<typeof syncsOf>;

beforeAll(async () => {
  muster = await createMuster();
  syncs = syncsOf(muster);
});

beforeEach(async () => {
  await emptyInventory(muster, "source_syncs");
});

/** What must hold of items and records, whoever wrote at the same time. */
async function expectSound(): Promise<void> {
  const [sums] = await muster.sql(`select
    (select count(*) from configuration_items c where c.status = 'active'
      and not exists (select from source_records r where r.ci_id = c.ci_id and r.live))::int as active_unseen,
    (select count(*) from configuration_items c where c.status <> 'active'
      and exists (select from source_records r where r.ci_id = c.ci_id and r.live))::int as inactive_seen,
    (select count(*) from configuration_items c where c.version <> (
      select count(*) from changes h where h.ci_id = c.ci_id))::int as uncounted,
    (select coalesce(sum(n.n), 0) from item_counts n where n.status = 'active')::int
      - (select count(*) from configuration_items c where c.status = 'active')::int as miscounted`);
  expect(sums).toEqual({ active_unseen: 0, inactive_seen: 0, uncounted: 0, miscounted: 0 });
}

it("two commits at once: both answer the one outcome, and the items turn once", async () => {
  const source = await syncs.source();
  await syncs.bulk(`source_id=${source}`, numbered("p", 40));
  const sync = await syncs.open(source);
  const commits = Array.from({ length: 8 }, async () => body(await syncs.commit(source, sync, { force: true })));
  const [first, ...others] = await Promise.all(commits);
  expect(first).toMatchObject({ counts: { unseen: 40, deactivated: 40 } });
  for (const other of others) {
    expect(other).toEqual(first);
  }
  expect(await muster.sql("select distinct version from configuration_items")).toEqual([{ version: 2 }]);
  await expectSound();
});

it("a bulk beside the commit of its sync either lands before it, or is told that it came too late and leaves nothing", async () => {
  const source = await syncs.source();
  const names = numbered("p", 60);
  for (const _round of [1, 2, 3, 4]) {
    await syncs.bulk(`source_id=${source}`, names);
    const sync = await syncs.open(source);
    const bulk = async (slice: readonly string[]) =>
      syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: slice.map(toItem) });
    const parts = Array.from({ length: 12 }, (_, n) => names.slice(n * 5, n * 5 + 5));
    const sending = parts.slice(0, 6).map(bulk);
    const committing = syncs.commit(source, sync, { force: true });
    const answers = await Promise.all([...sending, ...parts.slice(6).map(bulk)]);
    const outcome = await body<{ counts: Row }>(await committing);
    const landed = parts.filter((_, n) => answers[n]?.status === 200).flat();
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
    expect(outcome.counts).toMatchObject({ seen: landed.length, unseen: 60 - landed.length });
    const states = await syncs.states();
    expect(names.filter((name) => states[name] === "active")).toEqual(names.filter((name) => landed.includes(name)));
    await expectSound();
  }
});

it("a commit waits for a bulk that holds its sync, and counts what that brings", async () => {
  await muster.sql("create table let_go (done boolean)");
  await muster.sql(`create function hold_record(held text) returns void language plpgsql as $$
    begin
      perform from source_records r where r.name = held for update;
      while not exists (select from let_go) loop perform pg_sleep(0.005); end loop;
    end $$`);
  const others = async (state: string) =>
    muster.sql(
      `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and ${state}`,
    );
  const source = await syncs.source();
  await syncs.bulk(`source_id=${source}`, ["here"]);
  const sync = await syncs.open(source);
  const holding = muster.sql("select hold_record('here')").then(() => "let go");
  await expect.poll(async () => others("query like '%hold_record%' and wait_event = 'PgSleep'")).toHaveLength(1);
  const bulk = syncs.bulk(`sync_id=${sync.id}`, ["here"]);
  await expect.poll(async () => others("wait_event_type = 'Lock'")).toHaveLength(1);
  const commit = syncs.commit(source, sync);
  await expect.poll(async () => others("wait_event_type = 'Lock'")).toHaveLength(2);
  await muster.sql("insert into let_go values (true)");
  expect(await holding).toBe("let go");
  expect(await body(await commit)).toMatchObject({ counts: { seen: 1, unseen: 0 } });
  expect((await bulk).counts).toMatchObject({ unchanged: 1 });
  await expectSound();
});

it("bulks, commits of two sources that see the same items, sweeps and archivings neither fail nor leave an item wrong", async () => {
  const names = numbered("p", 60);
  const sources = [await syncs.source(), await syncs.source()] as const;
  await syncs.bulk(`source_id=${sources[0]}`, names);
  await syncs.share(names, sources[1]);
  const ids = await muster.sql<{ ci_id: string }>("select ci_id from configuration_items order by name");
  const fails: string[] = [];
  const answered = async (response: Response, ...allowed: number[]) => {
    const text = await response.text();
    if (!allowed.includes(response.status)) {
      fails.push(`${response.status} ${text}`);
    }
  };
  let moves = 0;
  // Each in an order of its own, and with content of its own, so that items are written and not only seen.
  const part = (seed: number) =>
    names.filter((_, n) => (n * 7 + seed) % 3 !== 0).map((_, n, all) => all[(n * 31 + seed) % all.length] ?? "");
  const collect = async (source: number, seed: number) => {
    const sync: Sync = await syncs.open(source);
    const items = [...new Set(part(seed))].map((name) => toItem({ name, raw_data: { v: moves++ % 3 } }));
    await answered(await syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: items.toReversed() }), 200);
    await answered(await syncs.commit(source, sync, { force: true }), 200);
  };
  const report = async (source: number, seed: number) =>
    answered(
      await syncs.request(`${bulkPath}?source_id=${source}`, {
        body: [...new Set(part(seed))].map((name) => toItem({ name, raw_data: { v: moves++ % 3 } })),
      }),
      200,
    );
  const sweep = async () =>
    muster.sql("select muster.sweep_unseen(jsonb_build_object('now', $1::text), 25)", [
      new Date(Date.now() + 2 * dayMs).toISOString(),
    ]);
  for (const round of Array.from({ length: 8 }, (_, n) => n)) {
    const work = Array.from({ length: 12 }, async (_, writer) => {
      const source = sources[writer % 2] ?? 0;
      const seed = round * 12 + writer;
      const id = ids[seed % ids.length]?.ci_id ?? "";
      await collect(source, seed);
      await (writer % 4 === 3 ? sweep() : report(source, seed + 1));
      await answered(
        await syncs.request(`/api/v1/configuration-items/${id}`, writer % 3 === 0 ? { method: "DELETE" } : {}),
        200,
      );
      await collect(source, seed + 2);
    });
    await Promise.all(work);
    await expectSound();
  }
  expect(fails).toEqual([]);
  const [deadlocks] = await muster.sql(
    "select deadlocks::int as n from pg_stat_database where datname = current_database()",
  );
  expect(deadlocks).toEqual({ n: 0 });
});

it("a source that sees an item again while the other loses it leaves it active, whichever comes first", async () => {
  const names = numbered("p", 30);
  const [mine, theirs] = [await syncs.source(), await syncs.source()];
  await syncs.bulk(`source_id=${mine}`, names);
  await syncs.share(names, theirs);
  for (const _round of Array.from({ length: 10 })) {
    // Mine does not see them any more, theirs does.
    await muster.sql("update source_records set live = (source_id = $1::integer)", [theirs]);
    const sync = await syncs.open(theirs);
    const [outcome] = await Promise.all([
      syncs.commit(theirs, sync, { force: true }),
      syncs.bulk(`source_id=${mine}`, names.toReversed()),
    ]);
    expect(outcome.status).toBe(200);
    expect(new Set(Object.values(await syncs.states()))).toEqual(new Set(["active"]));
    await expectSound();
  }
});
