import { beforeAll, describe, expect, it, vi } from "vitest";
import { changePage, changesPath, parseCsv, report } from "../support/change-feed.ts";
import { createMuster, type Muster } from "../support/muster.ts";

const csv = { Accept: "text/csv" };
const ndjson = { Accept: "application/x-ndjson" };

describe("a long export", () => {
  const count = 9_000;
  let long: Muster;

  beforeAll(async () => {
    long = await createMuster();
    // Many changes of one instant and many of several sizes, so that pages end in the middle of both.
    await long.sql(
      `insert into changes (changed_at, ci_id, version, change_type, ci_type, name, entries)
       select now() - (n / 2500) * interval '1 hour', gen_random_uuid(), n, 'UPDATED', 'host', 'n' || n % 100,
              jsonb_build_array(jsonb_build_object('path', array['raw_data', 'x'], 'op', 'replace', 'old', n,
                'new', case when n % 500 = 0 then repeat('x', 1500000) when n % 7 = 0 then repeat('y', 5000) else 'z' end))
       from generate_series(1, $1::integer) n`,
      [count],
    );
  });

  it.each([
    ["changed_at&sort_order=desc", "changed_at desc, id desc"],
    ["changed_at&sort_order=asc", "changed_at, id"],
    ["ci_name&sort_order=asc", "name, changed_at, id"],
    ["ci_id&sort_order=desc", "ci_id desc, version desc"],
  ])("by %s holds every change once and in order, page by page, none of them large", async (sort, order) => {
    const rows = await long.sql<{ id: string }>(`select id from changes order by ${order}`);
    const response = await long.request(`${changesPath}?sort_by=${sort}`, { headers: csv });
    const decoder = new TextDecoder();
    let rest = "";
    let largest = 0;
    const found: string[] = [];
    for await (const chunk of response.body ?? []) {
      largest = Math.max(largest, chunk.length);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\r\n");
      rest = lines.pop() ?? "";
      found.push(...lines.map((line) => line.slice(0, line.indexOf(","))));
    }
    expect(rest).toBe("");
    expect(found).toEqual(["id", ...rows.map(({ id }) => id)]);
    expect(largest).toBeLessThan(4_000_000);
  });

  it("tells what there was at its start, whatever is written meanwhile", async () => {
    const before = await long.sql<{ id: string }>("select id from changes order by changed_at, id");
    // Begun before the export and committed in the middle of it: its place in the order lies ahead.
    const slow = long.sql(
      `with held as materialized (select pg_sleep(4))
       insert into changes (changed_at, ci_id, version, change_type, ci_type, name)
       select now() + interval '1 hour', gen_random_uuid(), 1, 'CREATED', 'host', 'late' from held`,
    );
    const response = await long.request(`${changesPath}?sort_order=asc&filter=field:eq:x`, { headers: csv });
    const all = await long.request(`${changesPath}?sort_order=asc`, { headers: csv });
    await report(long, [{ name: "meanwhile", ci_type: "host" }]);
    await slow;
    for (const text of [await response.text(), await all.text()]) {
      expect(
        parseCsv(text)
          .slice(1)
          .map(([id]) => id),
      ).toEqual(before.map(({ id }) => id));
    }
    expect(await (await long.request(`${changesPath}?search=late&filter=ci_name:eq:meanwhile`)).json()).toMatchObject({
      total: 0,
    });
    expect((await changePage(long, "filter=ci_name:in:late,meanwhile")).total).toBe(2);
  });

  it("stops with its reader, and so does the statement under way", async () => {
    const response = await long.request(changesPath, { headers: csv });
    const reader = response.body?.getReader();
    const waiting = () =>
      long.sql(
        "select from pg_stat_activity where datname = current_database() and query like '%visible_in_snapshot(h%' and wait_event_type = 'Lock' and pid <> pg_backend_pid()",
      );
    const accessLocks = () =>
      long.sql(
        "select from pg_locks where relation = 'changes'::regclass and mode = 'AccessExclusiveLock' and granted",
      );
    // Readers wait for it, so the second page is held up for as long as it takes to see that it is gone.
    const lock = long.sql("do $$ begin lock table changes in access exclusive mode; perform pg_sleep(1.8); end $$");
    await vi.waitUntil(async () => (await accessLocks()).length > 0, { timeout: 5000, interval: 10 });
    expect((await reader?.read())?.value?.length).toBeGreaterThan(1000);
    await vi.waitUntil(async () => (await waiting()).length === 1, { timeout: 5000, interval: 10 });
    await reader?.cancel();
    await vi.waitUntil(async () => (await waiting()).length === 0, { timeout: 5000, interval: 10 });
    expect(await accessLocks()).toHaveLength(1);
    await lock;
  });

  it("breaks where the database fails in the middle", async () => {
    const broken = await createMuster();
    await broken.sql(
      `insert into changes (changed_at, ci_id, version, change_type, ci_type, name)
       select now(), gen_random_uuid(), n, 'UPDATED', 'host', 'n' from generate_series(1, 3000) n`,
    );
    for (const accept of [csv, ndjson]) {
      const response = await broken.request(changesPath, { headers: accept });
      const reader = response.body?.getReader();
      expect((await reader?.read())?.value?.length).toBeGreaterThan(1000);
      await broken.sql("alter table changes rename to mislaid");
      await expect(
        (async () => {
          while ((await reader?.read())?.done === false);
        })(),
      ).rejects.toThrow(/mislaid|changes|relation/);
      await broken.sql("alter table mislaid rename to changes");
    }
  });

  it("that cannot begin is an error as of any request", async () => {
    const away = await createMuster({ DATABASE_HTTP_URL: "http://127.0.0.1:9/sql" });
    expect((await away.request(changesPath, { headers: csv })).status).toBe(503);
    const broken = await createMuster();
    await broken.request(changesPath);
    await broken.sql("alter table changes rename to mislaid");
    vi.spyOn(console, "error").mockReturnValue(undefined);
    expect((await broken.request(changesPath, { headers: csv })).status).toBe(500);
    vi.restoreAllMocks();
  });
});
