import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { dayMs, setClock, start } from "../support/clock.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";
import { numbered, syncsOf } from "../support/syncs.ts";

let muster: Muster;
let syncs: ReturnType<typeof syncsOf>;
let source: number;

beforeAll(async () => {
  muster = await createMuster();
  syncs = syncsOf(muster);
});

beforeEach(async () => {
  source = await syncs.startOver();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the fuse", () => {
  const fifty = numbered("p", 50);

  it.each<[number, Row | undefined, boolean]>([
    [40, undefined, false],
    [39, undefined, true],
    [39, { max_drop_percent: 22 }, false],
    [41, { max_drop_percent: 0 }, false],
    [40, { max_drop_percent: 0 }, true],
    [39, { force: true }, false],
    [0, { max_drop_percent: 100 }, false],
    [40, { max_drop_percent: 19.99 }, true],
  ])("with %i of 50 seen and %j holds: %s", async (seen, options, holds) => {
    const sync = await syncs.openAfter(source, fifty);
    await syncs.bulk(`sync_id=${sync.id}`, fifty.slice(0, seen));
    const would = await body(await syncs.commit(source, sync, { ...options, dry_run: true }));
    expect(would["would_trip_fuse"]).toBe(holds || options?.["force"] === true);
    const response = await syncs.commit(source, sync, options);
    const counts = { seen, unseen: 50 - seen, deactivated: 50 - seen, kept_by_other_sources: 0 };
    expect(await body(response, holds ? 409 : 200)).toMatchObject({ counts });
    const inactive = Object.values(await syncs.states()).filter((status) => status === "inactive");
    expect(inactive).toHaveLength(holds ? 0 : 50 - seen);
  });

  it("says in words and numbers why it holds, changes nothing, and lets the sync go on", async () => {
    const sync = await syncs.openAfter(source, fifty);
    await syncs.bulk(`sync_id=${sync.id}`, fifty.slice(0, 20));
    const before = await muster.sql("select * from source_records order by name");
    expect(await body(await syncs.commit(source, sync), 409)).toEqual({
      detail: expect.stringMatching(/did not see 30 of 50 records .* max_drop_percent \(20\)/),
      status_code: 409,
      type: "ConflictError",
      counts: { seen: 20, unseen: 30, deactivated: 30, kept_by_other_sources: 0 },
    });
    expect(await muster.sql("select * from source_records order by name")).toEqual(before);
    await syncs.bulk(`sync_id=${sync.id}`, fifty.slice(20, 45));
    expect(await body(await syncs.commit(source, sync))).toMatchObject({
      forced: false,
      counts: { seen: 45, unseen: 5 },
    });
  });

  it("says of a forced commit that it was one", async () => {
    const sync = await syncs.openAfter(source, fifty);
    expect(await body(await syncs.commit(source, sync, { force: true }))).toMatchObject({ forced: true });
  });
});

describe("a dry run", () => {
  it("names what would go inactive, in order, and changes nothing", async () => {
    const other = await syncs.source();
    await syncs.bulk(`source_id=${source}`, ["b", "a", "here", "both"]);
    await syncs.share(["both"], other);
    setClock(1000);
    const sync = await syncs.open(source);
    await syncs.bulk(`sync_id=${sync.id}`, ["here"]);
    const all =
      "select (select json_agg(r order by r) from source_records r) as r, (select json_agg(y) from source_syncs y) as y";
    const before = await muster.sql(all);
    const item = (name: string) => ({ ci_id: expect.any(String), ci_type: "pod", namespace: "a", name });
    expect(await body(await syncs.commit(source, sync, { dry_run: true }))).toEqual({
      id: sync.id,
      source_id: source,
      status: "open",
      dry_run: true,
      would_trip_fuse: false,
      counts: { seen: 1, unseen: 3, deactivated: 2, kept_by_other_sources: 1 },
      items: [item("a"), item("b")],
      truncated: false,
    });
    expect(await muster.sql(all)).toEqual(before);
    expect(await syncs.states()).toEqual({ a: "active", b: "active", both: "active", here: "active" });
  });

  it("says of more than 1,000 that it names the first of them", async () => {
    const sync = await syncs.openAfter(source, numbered("p", 1001));
    const answer = await body<{ items: Row[]; truncated: boolean }>(
      await syncs.commit(source, sync, { dry_run: true }),
    );
    expect(answer.items).toHaveLength(1000);
    expect(answer).toMatchObject({ truncated: true, would_trip_fuse: true, counts: { deactivated: 1001 } });
  });
});

it("forgets at night what expired more than 90 days ago, and nothing else", async () => {
  const old = await syncs.open(source, { expires_in_seconds: 60 });
  await syncs.commit(source, old);
  setClock(60_000);
  const young = await syncs.open(source, { expires_in_seconds: 60 });
  await muster.cron("0 3 * * *", new Date(start + 90 * dayMs + 60_001));
  expect(await muster.sql("select id from source_syncs")).toEqual([{ id: young.id }]);
  const [run] = await muster.sql("select outcome, details from job_runs where job = 'forget_syncs'");
  expect(run).toEqual({ outcome: "succeeded", details: { syncs: 1, finished: true } });
});
