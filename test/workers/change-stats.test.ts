import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  always,
  clearChanges,
  expectExact,
  readStatistics,
  refreshPath,
  statisticsPath,
} from "../support/change-count.ts";
import { addLogRows, type LogRow, openTransaction, prepareLogRows } from "../support/log-rows.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = Date.now();
const midnight = Math.floor(start / dayMs) * dayMs;

let muster: Muster;

const iso = (at: number) => new Date(at).toISOString();
const take = async (batch: number) =>
  (
    await muster.sql<{ done: Row }>("select muster.refresh_change_stats($1, $2::integer) as done", [iso(start), batch])
  )[0]?.done;
const refreshTotals = async () => muster.sql("select muster.refresh_change_totals($1)", [iso(start)]);

beforeAll(async () => {
  muster = await createMuster();
  await prepareLogRows(muster);
});

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  await clearChanges(muster);
});

afterEach(() => {
  vi.useRealTimers();
});

const row = (at: number, rest: Partial<LogRow> = {}): LogRow => ({
  changed_at: iso(at),
  ci_id: crypto.randomUUID(),
  ci_type: "host",
  change_type: "UPDATED",
  ...rest,
});

describe("statistics", () => {
  it("count what commits late into a time that was taken in long ago, at once and after every refresh", async () => {
    const early = await openTransaction(muster, [row(midnight - 40 * dayMs), row(midnight - hourMs), row(midnight)]);
    await addLogRows(muster, [row(midnight - 40 * dayMs), row(midnight - hourMs)]);
    await take(20_000);
    await refreshTotals();
    await expectExact(muster, always);
    await early.commit();
    expect(await readStatistics(muster, always)).toMatchObject({ total_changes: 5, affected_cis: 5 });
    for (const refresh of [async () => take(20_000), refreshTotals]) {
      await refresh();
      await expectExact(muster, always);
      await expectExact(muster, { start: midnight - 40 * dayMs, end: midnight });
    }
    expect(await muster.sql("select sum(n)::int as n from change_totals")).toEqual([{ n: 5 }]);
  });

  it("never waver while they are read during refreshes", async () => {
    for (let n = 0; n < 20; n++) {
      await addLogRows(muster, [row(midnight - n * dayMs), row(midnight - n * hourMs, { change_type: "CREATED" })]);
    }
    const refreshing = (async () => {
      while ((await take(2))?.["taken"] !== 0) {
        await refreshTotals();
      }
    })();
    const seen = new Set<string>();
    const reading = [0, 1, 2].map(async () => {
      for (let n = 0; n < 15; n++) {
        const { total_changes, affected_cis, changes_by_type } = await readStatistics(muster, always, "day");
        seen.add(JSON.stringify([total_changes, affected_cis, changes_by_type]));
      }
    });
    await Promise.all([refreshing, ...reading]);
    expect([...seen]).toEqual([JSON.stringify([40, 40, { created: 20, updated: 20, archived: 0, purged: 0 }])]);
  });

  it("have the documented shape, with the last seven days by hour as default", async () => {
    await addLogRows(muster, [
      row(start - 8 * dayMs),
      row(start - 7 * dayMs, { ci_type: "kubernetes.pod" }),
      row(start - 1, { change_type: "CREATED" }),
      row(start),
    ]);
    const answer = await body(await muster.request(statisticsPath));
    expect(answer).toEqual({
      total_changes: 2,
      affected_cis: 2,
      changes_by_type: { created: 1, updated: 1, archived: 0, purged: 0 },
      top_changed_ci_types: [
        { ci_type: "host", count: 1 },
        { ci_type: "kubernetes.pod", count: 1 },
      ],
      time_range: { start: iso(start - 7 * dayMs), end: iso(start) },
      series: expect.any(Array),
      series_truncated: false,
    });
    expect(answer["series"]).toHaveLength(
      Math.floor((start - 1) / hourMs) - Math.floor((start - 7 * dayMs) / hourMs) + 1,
    );
    expect(await readStatistics(muster, { start: start - 8 * dayMs }, "day")).toMatchObject({
      total_changes: 3,
      time_range: { end: iso(start) },
    });
    expect(await readStatistics(muster, { end: start - 7 * dayMs }, "week")).toMatchObject({
      total_changes: 1,
      time_range: { start: iso(start - 14 * dayMs), end: iso(start - 7 * dayMs) },
    });
  });

  it("of nothing are zeroes", async () => {
    expect(await readStatistics(muster, { start: midnight, end: midnight + 1 })).toMatchObject({
      total_changes: 0,
      affected_cis: 0,
      top_changed_ci_types: [],
      series: [],
      series_truncated: false,
    });
  });

  it("of an empty window are those of nothing, as the feed has it, whatever happened around", async () => {
    await addLogRows(muster, [row(midnight - 1), row(midnight), row(midnight + hourMs), row(midnight + 2 * hourMs)]);
    for (const at of [midnight, midnight + 1, midnight + hourMs, midnight + 3 * hourMs]) {
      expect(await readStatistics(muster, { start: at, end: at })).toMatchObject({
        total_changes: 0,
        affected_cis: 0,
        time_range: { start: iso(at), end: iso(at) },
        series: [],
      });
      const window = `start_date=${iso(at)}&end_date=${iso(at)}`;
      expect(await body(await muster.request(`/api/v1/changes?${window}`))).toMatchObject({ items: [], total: 0 });
    }
    expect(await body(await muster.request(`${statisticsPath}?end_date=0001-01-01`))).toMatchObject({
      total_changes: 0,
    });
  });

  it.each([
    ["start_date=2026-01-02&end_date=2026-01-01", 422, /end_date.*2026-01-01.*start_date.*2026-01-02/],
    ["start_date=2999-01-01", 422, /end_date.*start_date/],
    ["start_date=yesterday", 422, /start_date.*ISO 8601/],
    ["end_date=2026-02-30", 422, /end_date/],
    ["group_by=month", 422, /group_by/],
    ["groupby=day", 400, /group_by/],
    ["start_date=2026-01-01&start_date=2026-01-02", 422, /start_date/],
  ])("turn %s down with %i", async (query, status, detail) => {
    expect((await body(await muster.request(`${statisticsPath}?${query}`), status))["detail"]).toMatch(detail);
  });

  it("read dates without a zone as UTC", async () => {
    const answer = await body(
      await muster.request(`${statisticsPath}?start_date=2026-01-01&end_date=2026-01-02 03:04%2B01:00`),
    );
    expect(answer["time_range"]).toEqual({ start: "2026-01-01T00:00:00.000Z", end: "2026-01-02T02:04:00.000Z" });
  });

  it("are one statement, and need a key that may read", async () => {
    await readStatistics(muster, always);
    for (const interval of ["hour", "day", "week"] as const) {
      expect(await muster.statements(async () => readStatistics(muster, always, interval))).toBe(1);
    }
    expect(await body(await muster.request(statisticsPath, { key: muster.keys.readonly }))).toMatchObject({
      total_changes: 0,
    });
    expect((await muster.request(statisticsPath, { key: null })).status).toBe(401);
  });
});

describe("a refresh", () => {
  it("takes in whole transactions, one at least, about as many changes as it is told", async () => {
    for (const size of [2, 2, 5, 1]) {
      await addLogRows(
        muster,
        Array.from({ length: size }, () => row(midnight)),
      );
    }
    expect(await take(3)).toEqual({ taken: 2, finished: false, skipped: false });
    expect(await take(1)).toMatchObject({ taken: 2, finished: false });
    expect(await take(3)).toMatchObject({ taken: 5, finished: false });
    expect(await take(1)).toMatchObject({ taken: 1, finished: true });
    expect(await take(1)).toMatchObject({ taken: 0, finished: true });
    expect(await muster.sql("select n, batch::int from change_stats")).toEqual([{ n: 10, batch: 4 }]);
    expect(
      await muster.sql("select batch::int, muster.iso(updated_at) as at from change_watermarks where name = 'stats'"),
    ).toEqual([{ batch: 4, at: iso(start) }]);
  });

  it("at the same time as others counts nothing twice and loses nothing", async () => {
    for (let n = 0; n < 12; n++) {
      await addLogRows(muster, [row(midnight), row(midnight - n * hourMs)]);
    }
    const drain = async () => {
      for (let runs = 0; runs < 20; runs++) {
        await take(2);
        await refreshTotals();
      }
    };
    await Promise.all([drain(), drain(), drain(), muster.cron("*/15 * * * *", new Date(start))]);
    await take(20_000);
    await refreshTotals();
    expect(await muster.sql("select sum(n)::int as n from change_stats")).toEqual([{ n: 24 }]);
    expect(await muster.sql("select sum(n)::int as n from change_totals")).toEqual([{ n: 24 }]);
    await expectExact(muster, always);
  });

  it("is had for an empty POST by admin and service keys, says what it took in and is on record", async () => {
    await addLogRows(muster, [row(midnight), row(midnight - dayMs)]);
    for (const [key, taken] of [
      [muster.keys.admin, 2],
      [muster.keys.service, 0],
      [await muster.createKey("user"), 0],
    ] as const) {
      expect(await body(await muster.request(refreshPath, { method: "POST", key }))).toEqual({
        message: "Statistics refreshed",
        refreshed: { taken, finished: true },
        refreshed_at: iso(start),
      });
    }
    const runs = await muster.sql(
      "select outcome, details from job_runs where job = 'refresh_change_stats' order by id",
    );
    expect(runs).toMatchObject([
      { outcome: "succeeded", details: { taken: 2, finished: true } },
      { outcome: "succeeded", details: { taken: 0 } },
      { outcome: "succeeded", details: { taken: 0 } },
    ]);
    expect(await muster.sql("select sum(n)::int as n from change_totals")).toEqual([{ n: 2 }]);
    for (const key of [muster.keys.readonly, await muster.createKey("user", { role: "viewer" })]) {
      expect((await muster.request(refreshPath, { method: "POST", key })).status).toBe(403);
    }
    expect((await muster.request(refreshPath, { method: "POST", key: null })).status).toBe(401);
  });

  it("refuses a log that another server wrote, whose transactions tell it nothing", async () => {
    await muster.sql("update change_watermarks set xid = '1000000000000' where name = 'stats'");
    await expect(take(1)).rejects.toThrow(/restored from another server/);
    await muster.sql("update change_watermarks set xid = '0' where name = 'stats'");
    expect(await take(1)).toMatchObject({ finished: true });
  });

  it("comes every 15 minutes, that of the view every night", async () => {
    await addLogRows(muster, [row(midnight)]);
    await muster.cron("*/15 * * * *", new Date(start));
    expect(await muster.sql("select n from change_stats")).toEqual([{ n: 1 }]);
    expect(await muster.sql("select n from change_totals")).toEqual([]);
    await muster.cron("0 3 * * *", new Date(start));
    expect(await muster.sql("select n::int from change_totals")).toEqual([{ n: 1 }]);
  });
});
