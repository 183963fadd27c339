import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { triggerDueSources } from "../../src/core/collectors/trigger-service.ts";
import {
  answerForForeignHosts,
  collectorsPath,
  every5,
  everyMinute,
  type ForeignHosts,
  getSource,
  hang,
  json,
  makeCollector,
  makeSource,
  nextTick,
  systemContext,
} from "../support/collectors.ts";
import { createMuster, type Muster, type Row } from "../support/muster.ts";

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

describe("runs of the schedule", () => {
  it("at the same moment start each source once, in one call a collector and batch", async () => {
    const collectors = await Promise.all(Array.from({ length: 9 }, async () => makeCollector(muster)));
    const made = await Promise.all(
      collectors.flatMap((collector) =>
        Array.from({ length: 4 }, async () => (await makeSource(muster, collector.id, { schedule_config: every5 })).id),
      ),
    );
    await Promise.all(Array.from({ length: 6 }, async () => muster.cron(everyMinute, tick)));
    expect(triggeredIds().toSorted((left, right) => left - right)).toEqual(
      made.toSorted((left, right) => left - right),
    );
  });

  it("and manual triggers at the same moment start each source once", async () => {
    const { id: collectorId } = await makeCollector(muster);
    const made = [
      await makeSource(muster, collectorId, { schedule_config: every5 }),
      await makeSource(muster, collectorId, { schedule_config: every5 }),
    ].map(({ id }) => id);
    const byHand = async () => muster.request(`${collectorsPath}/${collectorId}/trigger`, { method: "POST" });
    await Promise.all([muster.cron(everyMinute, tick), byHand(), muster.cron(everyMinute, tick), byHand()]);
    expect(triggeredIds().toSorted((left, right) => left - right)).toEqual(
      made.toSorted((left, right) => left - right),
    );
  });

  it("take in more sources than one batch, six collectors at once at most, and say what they did", async () => {
    const names = Array.from({ length: 13 }, (_, n) => `c${n}.example.com`);
    let open = 0;
    let most = 0;
    const six = Promise.withResolvers<void>();
    for (const [n, host] of names.entries()) {
      hosts.answer(host, async () => {
        open += 1;
        most = Math.max(most, open);
        if (open === 6) {
          six.resolve();
        }
        await six.promise;
        await muster.sql("select 1");
        open -= 1;
        return n === 0 ? json({}, 500) : json({}, 202);
      });
      const { id } = await makeCollector(muster, { endpoint: `https://${host}` });
      await makeSource(muster, id, { schedule_config: every5 });
      await muster.sql(
        `insert into sources (name, collector_id, schedule_config, due_at)
         select 'more ' || n, $1, '{"interval_minutes": 5}', '2026-01-01' from generate_series(1, 9) as n`,
        [id],
      );
    }
    await muster.cron(everyMinute, tick);
    expect(new Set(triggeredIds()).size).toBe(130);
    expect(triggeredIds()).toHaveLength(130);
    expect(most).toBe(6);
    const [run] = await muster.sql(
      "select outcome, details from job_runs where job = 'trigger_sources' order by id desc limit 1",
    );
    expect(run).toEqual({ outcome: "succeeded", details: { triggered: 120, busy: 0, failed: 10, finished: true } });
  });

  it("in which nothing is due cost one statement and leave no trace", async () => {
    const before = await muster.sql("select count(*)::int as n from job_runs");
    expect(await muster.statements(async () => muster.cron(everyMinute, tick))).toBe(1);
    expect(await muster.sql("select count(*)::int as n from job_runs")).toEqual(before);
  });

  it("are not held up by a collector that never answers, which its sources then have as an error", async () => {
    hosts.answer("dead.example.com", hang);
    const dead = await makeSource(muster, (await makeCollector(muster, { endpoint: "https://dead.example.com" })).id, {
      schedule_config: every5,
    });
    const fine = await makeSource(muster, (await makeCollector(muster)).id, { schedule_config: every5 });
    await triggerDueSources(await systemContext(muster, "jobs", tick), () => false, { eachMs: 500, calls: 100 });
    expect(await getSource(muster, dead.id)).toMatchObject({
      last_error: expect.stringContaining("did not answer within 0.5 s"),
    });
    expect(triggeredIds()).toContain(fine.id);
    expect(await timesOf(fine.id)).toEqual({ due: 5, claimed: 15 });
  });

  it("leave what is more than a run may call to the next", async () => {
    const { id } = await makeCollector(muster);
    await muster.sql(
      `insert into sources (name, collector_id, schedule_config, due_at)
       select 'many ' || n, $1, '{"interval_minutes": 5}', '2026-01-01' from generate_series(1, 130) as n`,
      [id],
    );
    const run = async () =>
      triggerDueSources(await systemContext(muster, "jobs", tick), () => false, { eachMs: 5_000, calls: 1 });
    expect(await run()).toMatchObject({ triggered: 100, finished: false });
    expect(await run()).toMatchObject({ triggered: 30, finished: true });
    expect(await run()).toBeUndefined();
  });
});
