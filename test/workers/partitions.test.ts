import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { always, expectExact, readLog } from "../support/change-count.ts";
import { addLogRows, openTransaction, prepareLogRows } from "../support/log-rows.ts";
import { createMuster, type Muster } from "../support/muster.ts";

const nightly = "0 3 * * *";
const dayMs = 86_400_000;

let muster: Muster;

const row = (changed_at: string) => ({
  changed_at,
  ci_id: crypto.randomUUID(),
  ci_type: "host",
  change_type: "UPDATED",
});

async function months(): Promise<string[]> {
  const rows = await muster.sql<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'changes'::regclass order by 1`,
  );
  return rows.map(({ name }) => name.slice("changes_".length));
}

async function night(at: string | number): Promise<unknown> {
  await muster.cron(nightly, new Date(at));
  const [run] = await muster.sql(
    "select outcome, details from job_runs where job = 'drop_old_changes' order by id desc limit 1",
  );
  return run;
}

/** A database whose log has two changes a month of 2030, one rolled up and one not; no partition is left to make. */
async function createYear(overrides: Parameters<typeof createMuster>[0] = {}): Promise<void> {
  muster = await createMuster(overrides);
  await prepareLogRows(muster);
  await muster.sql("select muster.drop_old_changes('2100-01-01'), muster.drop_old_change_search('2100-01-01')");
  await muster.sql("select muster.ensure_change_partitions('2030-01-01', '2033-12-01')");
  const dates = Array.from({ length: 12 }, (_, month) => `2030-${String(month + 1).padStart(2, "0")}-15`);
  await addLogRows(muster, dates.map(row));
  await muster.sql("select muster.refresh_change_stats(now(), 1000), muster.refresh_change_totals(now())");
  await addLogRows(muster, dates.map(row));
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("retention", () => {
  it("drops the months that ended 400 days ago, and what was rolled up of them", async () => {
    await createYear();
    // 400 days after the last instant of January, and of its end.
    const end = Date.parse("2030-02-01");
    expect(await night(end + 400 * dayMs - 1)).toMatchObject({
      outcome: "succeeded",
      details: { partitions: 0, hours: 0 },
    });
    expect((await months())[0]).toBe("203001");
    const parents = await muster.sql(
      "select 1 from pg_inherits i where i.inhrelid::regclass::text like '%_203001' and i.inhparent in ('changes'::regclass, 'change_search'::regclass)",
    );
    expect(await night(end + 400 * dayMs)).toMatchObject({ details: { partitions: parents.length, hours: 1 } });
    expect((await months())[0]).toBe("203002");
    await expectExact(muster, always);
    expect(await muster.sql("select sum(n)::int as n from change_totals")).toEqual([{ n: 11 }]);
    for (const [table, column] of [
      ["change_stats", "hour"],
      ["change_days", "day"],
      ["change_months", "month"],
    ]) {
      expect(
        await muster.sql(`select count(*)::int as n, min(${column}) >= '2030-02-01' as kept from ${table}`),
      ).toEqual([{ n: 11, kept: true }]);
    }
    expect(await night(end + 400 * dayMs)).toMatchObject({ details: { partitions: 0, hours: 0 } });
  });

  it("goes back as far as it is told, several months at once, and leaves the rest of the log exact", async () => {
    await createYear({ CHANGE_RETENTION_DAYS: "31" });
    await night(Date.parse("2030-07-01") + 31 * dayMs);
    expect((await months())[0]).toBe("203007");
    await expectExact(muster, always);
    await muster.sql("select muster.refresh_change_stats(now(), 1000), muster.refresh_change_totals(now())");
    await expectExact(muster, always);
    expect(await muster.sql("select sum(n)::int as n from change_totals")).toEqual([{ n: 12 }]);
  });

  it("refuses to run with less than 31 days", async () => {
    muster = await createMuster({ CHANGE_RETENTION_DAYS: "30" });
    await expect(muster.cron(nightly, new Date())).rejects.toThrow(/CHANGE_RETENTION_DAYS/);
  });

  it("gives way to a transaction that works on the log, and is done the next night", async () => {
    await createYear();
    const writer = await openTransaction(muster, [row("2030-06-01")]);
    const when = Date.parse("2030-04-01") + 400 * dayMs;
    await expect(night(when)).rejects.toThrow(/1 of the jobs/);
    expect((await months())[0]).toBe("203001");
    await expectExact(muster, always);
    await writer.commit();
    await night(when + dayMs);
    expect((await months())[0]).toBe("203004");
    await expectExact(muster, always);
  });

  it("keeps nobody from writing meanwhile", async () => {
    await createYear();
    const when = Date.parse("2030-11-01") + 400 * dayMs;
    const writing = Array.from({ length: 20 }, async (_, n) => addLogRows(muster, [row(`2030-12-${n + 10}`)]));
    await Promise.all([night(when), ...writing]);
    expect((await months())[0]).toBe("203011");
    expect(await readLog(muster)).toHaveLength(24);
    await expectExact(muster, always);
  });
});
