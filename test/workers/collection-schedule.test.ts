import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  every5,
  everyMinute,
  type ForeignHosts,
  getSource,
  json,
  makeCollector,
  makeSource,
  minuteMs,
  nextTick,
  sourcesPath,
} from "../support/collectors.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;
/** A minute that lies behind all that was just written. */
let tick: Date;

beforeAll(async () => {
  muster = await createMuster();
});

beforeEach(async () => {
  hosts = answerForForeignHosts();
  hosts.answer("collector.example.com", () => json({}, 202));
  tick = await nextTick(muster);
});

afterEach(() => {
  vi.restoreAllMocks();
});

const after = (minutes: number) => new Date(tick.getTime() + minutes * minuteMs);
const put = async (path: string, content: unknown) =>
  body(await muster.request(path, { method: "PUT", body: content }));

/** When a source is due and until when it is claimed, in minutes from the tick. */
async function timesOf(id: number): Promise<{ due: number | null; claimed: number | null }> {
  const [row] = await muster.sql<{ due: number | null; claimed: number | null }>(
    `select (extract(epoch from due_at - $2::timestamptz) / 60)::float8 as due,
       (extract(epoch from claimed_until - $2::timestamptz) / 60)::float8 as claimed from sources where id = $1`,
    [id, tick.toISOString()],
  );
  return row ?? { due: null, claimed: null };
}

const triggeredIds = () =>
  hosts.triggers().flatMap((trigger) => (trigger["sources"] as Row[]).map((source) => Number(source["id"])));

describe("a source with a schedule", () => {
  it("is collected at the next tick, then after each interval, with a report between", async () => {
    const { id: collectorId } = await makeCollector(muster);
    const { id } = await makeSource(muster, collectorId, { schedule_config: every5, token: "a token" });
    await muster.cron(everyMinute, tick);
    expect(hosts.triggers()).toMatchObject([
      {
        reason: "scheduled",
        collector: { id: collectorId },
        sources: [{ id, credentials: { token: "a token" }, schedule_config: every5 }],
      },
    ]);
    expect(await timesOf(id)).toEqual({ due: 5, claimed: 15 });
    await muster.cron(everyMinute, after(4));
    expect(hosts.triggers()).toHaveLength(1);
    await put(`${sourcesPath}/${id}/health`, { status: "healthy" });
    await muster.cron(everyMinute, after(5));
    expect(triggeredIds()).toEqual([id, id]);
  });

  it("is not started again while its collection runs, and is when the collector has kept silent for too long", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id, { schedule_config: every5 });
    await muster.cron(everyMinute, tick);
    await muster.cron(everyMinute, after(5));
    await muster.cron(everyMinute, after(14));
    expect(triggeredIds()).toEqual([id]);
    expect(await getSource(muster, id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
    await muster.cron(everyMinute, after(15));
    expect(triggeredIds()).toEqual([id, id]);
    expect(await getSource(muster, id)).toMatchObject({
      last_error: expect.stringContaining("did not report in time"),
      consecutive_errors: 1,
    });
    await put(`${sourcesPath}/${id}/health`, { status: "healthy" });
    expect(await getSource(muster, id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
  });

  it("that missed ticks for days is collected once, at the next", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id, { schedule_config: every5 });
    await muster.cron(everyMinute, after(3 * 24 * 60 + 2));
    await muster.cron(everyMinute, after(3 * 24 * 60 + 2));
    expect(triggeredIds()).toEqual([id]);
  });

  it("drifts apart from others by up to a tenth of its interval, the same way whoever computes it", async () => {
    const { id: collectorId } = await makeCollector(muster);
    const sources: number[] = [];
    for (const _ of Array.from({ length: 20 })) {
      sources.push((await makeSource(muster, collectorId, { schedule_config: { interval_minutes: 600 } })).id);
    }
    await muster.cron(everyMinute, tick);
    const due = await Promise.all(sources.map(async (id) => (await timesOf(id)).due ?? 0));
    expect(due.filter((minutes) => minutes < 600 || minutes > 660 || !Number.isInteger(minutes))).toEqual([]);
    expect(new Set(due).size).toBeGreaterThan(5);
    const again = await muster.sql<{ due: number }>(
      `select (extract(epoch from muster.next_due(id, interval '600 minutes', $1::timestamptz) - $1::timestamptz) / 60)::float8 as due
       from unnest($2::integer[]) as s (id)`,
      [tick.toISOString(), sources],
    );
    expect(again.map((row) => row.due)).toEqual(due);
  });

  it("follows a change of its schedule, or of its collector's where its own says nothing", async () => {
    const { id: collectorId } = await makeCollector(muster, { schedule_config: { interval_minutes: 60 } });
    const [follows, owns] = [
      await makeSource(muster, collectorId),
      await makeSource(muster, collectorId, { schedule_config: every5 }),
    ];
    const path = `${sourcesPath}/${owns.id}`;
    await muster.cron(everyMinute, tick);
    expect((await timesOf(follows.id)).due).toBeGreaterThanOrEqual(60);
    expect((await timesOf(owns.id)).due).toBe(5);
    await put(path, { schedule_config: { enabled: false } });
    expect((await timesOf(owns.id)).due).toBeNull();
    await put(`${collectorsPath}/${collectorId}`, { schedule_config: { interval_minutes: 7 } });
    expect((await timesOf(owns.id)).due).toBeNull();
    expect((await timesOf(follows.id)).due).toBeLessThanOrEqual(7);
    await put(path, { schedule_config: { enabled: true } });
    expect((await timesOf(owns.id)).due).toBeLessThanOrEqual(0);
    await put(path, { config: { a: 1 }, schedule_config: { interval_minutes: 5 } });
    expect((await timesOf(owns.id)).due).toBeLessThanOrEqual(0);
    await put(path, { schedule_config: { interval_minutes: null } });
    await put(`${collectorsPath}/${collectorId}`, { schedule_config: { interval_minutes: null } });
    expect((await timesOf(owns.id)).due).toBeNull();
    expect((await timesOf(follows.id)).due).toBeNull();
  });

  it.each([
    ["is disabled", async (source: number) => put(`${sourcesPath}/${source}`, { status: "disabled" })],
    [
      "has a disabled collector",
      async (_: number, collector: number) => put(`${collectorsPath}/${collector}`, { status: "disabled" }),
    ],
    [
      "has a collector without endpoint",
      async (_: number, collector: number) => put(`${collectorsPath}/${collector}`, { endpoint: null }),
    ],
    ["is deleted", async (source: number) => muster.request(`${sourcesPath}/${source}`, { method: "DELETE" })],
  ])("that %s is not collected", async (_what, change) => {
    const { id: collectorId } = await makeCollector(muster);
    const { id } = await makeSource(muster, collectorId, { schedule_config: every5 });
    await change(id, collectorId);
    await muster.cron(everyMinute, tick);
    expect(hosts.received).toEqual([]);
  });
});

describe("a scheduled collection that fails", () => {
  it("is tried again after twice as long each time, a day at most, and at its interval once it has worked", async () => {
    hosts.answer("collector.example.com", () => json({ message: "no" }, 500));
    const { id } = await makeSource(muster, (await makeCollector(muster)).id, {
      schedule_config: { interval_minutes: 100 },
    });
    let at = 0;
    for (const [errors, wait] of [200, 400, 800, 1440, 1440].entries()) {
      await muster.cron(everyMinute, after(at - (errors === 0 ? 0 : 1)));
      expect(hosts.triggers()).toHaveLength(errors + (errors === 0 ? 1 : 0));
      await muster.cron(everyMinute, after(at));
      expect(hosts.triggers()).toHaveLength(errors + 1);
      expect(await timesOf(id)).toEqual({ due: at + wait, claimed: null });
      expect(await getSource(muster, id)).toMatchObject({
        last_error: "The collector could not be triggered: It answered with HTTP status 500: no",
        consecutive_errors: errors + 1,
      });
      at += wait;
    }
    hosts.answer("collector.example.com", () => json({}, 202));
    await muster.cron(everyMinute, after(at));
    await put(`${sourcesPath}/${id}/health`, { status: "healthy" });
    expect(await getSource(muster, id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
    const { due } = await timesOf(id);
    expect(due).toBeGreaterThanOrEqual(99);
    expect(due).toBeLessThanOrEqual(110);
  });

  it("because its collector reports it as unhealthy waits longer, too, and never less than its interval", async () => {
    const { id: collectorId } = await makeCollector(muster);
    const weekly = await makeSource(muster, collectorId, { schedule_config: { interval_minutes: 10_080 } });
    const often = await makeSource(muster, collectorId, { schedule_config: every5 });
    for (const [source, errors, wait] of [
      [weekly, 1, 10_080],
      [often, 1, 10],
      [often, 3, 40],
      [often, 1_000_000, 1440],
    ] as const) {
      await put(`${sourcesPath}/${source.id}/health`, { status: "unhealthy", consecutive_errors: errors });
      const { due } = await timesOf(source.id);
      expect(due).toBeGreaterThan(wait - 2);
      expect(due).toBeLessThanOrEqual(wait);
    }
  });

  it("because the collector is busy is no error, and is tried at the next interval", async () => {
    hosts.answer("collector.example.com", () => json({}, 409));
    const { id } = await makeSource(muster, (await makeCollector(muster)).id, { schedule_config: every5 });
    await muster.cron(everyMinute, tick);
    expect(await timesOf(id)).toEqual({ due: 5, claimed: null });
    expect(await getSource(muster, id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
  });

  it("leaves alone what the collector has reported meanwhile", async () => {
    const { id } = await makeSource(muster, (await makeCollector(muster)).id, { schedule_config: every5 });
    hosts.answer("collector.example.com", async () => {
      await put(`${sourcesPath}/${id}/health`, { status: "healthy", message: "done already" });
      return json({}, 500);
    });
    await muster.cron(everyMinute, tick);
    expect(await getSource(muster, id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
  });
});
