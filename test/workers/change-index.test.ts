import { describe, expect, it, vi } from "vitest";
import { type Change, changePage, changesPath, index, patch, report } from "../support/change-feed.ts";
import { body, createMuster } from "../support/muster.ts";

const searchPath = `${changesPath}/search`;

interface Answer {
  items: Change[];
  total: number;
  total_is_lower_bound?: true;
}

describe("the index", () => {
  it("takes in what no text search was made for", async () => {
    const other = await createMuster();
    const deep = Object.fromEntries(
      Array.from({ length: 2000 }, (_, n) => [`key ${n} ${"k".repeat(50)}`, { [`${n}`]: "v".repeat(40) }]),
    );
    const [id = ""] = await report(other, [{ name: "n".repeat(1024), namespace: "ä".repeat(256), ci_type: "host" }]);
    await patch(other, id, {
      raw_data: {
        ["k".repeat(5000)]: "x".repeat(3_000_000),
        "": "\\u0001'\"",
        deep,
        list: Array.from({ length: 20_000 }, (_, n) => `w${n}.x'${n}`),
      },
    });
    await index(other);
    expect(await other.sql("select count(*)::integer as n from change_search")).toEqual([{ n: 2 }]);
    const longKey = `filter=${encodeURIComponent(`field:eq:${"k".repeat(4000)}`)}`;
    expect((await changePage(other, longKey)).total).toBe(0);
  });

  it("is kept up by the schedule, which records it, and goes on where it stopped", async () => {
    const other = await createMuster();
    await report(
      other,
      Array.from({ length: 30 }, (_, n) => ({ name: `n${n}`, ci_type: "host" })),
    );
    await report(other, [{ name: "last", ci_type: "host" }]);
    expect(await other.sql("select muster.index_changes(20) as r")).toEqual([{ r: { changes: 20, finished: false } }]);
    await other.cron("*/15 * * * *", new Date());
    const runs = await other.sql("select outcome, details from job_runs where job = 'index_changes'");
    expect(runs).toEqual([{ outcome: "succeeded", details: { changes: 11, finished: true } }]);
    expect(await other.sql("select count(*)::integer as n from change_search")).toEqual([{ n: 31 }]);
    expect(await other.sql("select muster.index_changes(20) as r")).toEqual([{ r: { changes: 0, finished: true } }]);
  });

  it("waits for what began before and ends later", async () => {
    const other = await createMuster();
    await report(other, [{ name: "early", ci_type: "host" }]);
    // A transaction that is still running when the index is made.
    const slow = other.sql(
      `with held as materialized (select pg_current_xact_id() as xid, pg_sleep(1.5))
       insert into changes (changed_at, ci_id, version, change_type, ci_type, name)
       select now(), gen_random_uuid(), 1, 'CREATED', 'host', 'late' from held`,
    );
    await vi.waitUntil(
      async () =>
        (
          await other.sql(
            "select from pg_stat_activity where query like 'with held%' and backend_xid is not null and datname = current_database()",
          )
        ).length === 1,
      { timeout: 10_000, interval: 20 },
    );
    await report(other, [{ name: "between", ci_type: "host" }]);
    await index(other);
    await slow;
    const names = async () => {
      const answer = await body<Answer>(await other.request(`${searchPath}?query=host&limit=10`));
      return answer.items.map((item) => item.ci_name).toSorted();
    };
    expect(await names()).toEqual(["between", "early", "late"]);
    await index(other);
    expect(await names()).toEqual(["between", "early", "late"]);
    expect(await other.sql("select count(*)::integer as n from change_search")).toEqual([{ n: 3 }]);
  });

  it("counts up to 10,000 matches, and says that there are more", async () => {
    const other = await createMuster();
    await other.sql(
      `insert into changes (changed_at, ci_id, version, change_type, ci_type, name)
       select now() - n * interval '1 second', gen_random_uuid(), 1, 'CREATED', 'host', 'bulk-' || n from generate_series(1, 10002) n`,
    );
    const ask = async (query: string) => body<Answer>(await other.request(`${searchPath}?${query}`));
    expect(await ask("query=bulk&limit=1")).toMatchObject({ total: 10_000, total_is_lower_bound: true });
    await index(other);
    expect(await ask("query=bulk&limit=1")).toMatchObject({ total: 10_000, total_is_lower_bound: true });
    const exact = await ask("query=bulk&limit=1&filter=ci_name:ne:bulk-1&filter=ci_name:ne:bulk-2");
    expect(exact).toMatchObject({ total: 10_000 });
    expect(exact).not.toHaveProperty("total_is_lower_bound");
  });
});
