import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const everyQuarter = "*/15 * * * *";
const start = Date.now();

let muster: Muster;

const at = (ms: number) => new Date(start + ms);

/** Lets sources and clients speak at an instant. */
async function report(ms: number, names: readonly string[], query = "?source=cluster", key = muster.keys.service) {
  vi.setSystemTime(at(ms));
  const items = names.map((name) => ({ name, ci_type: "kubernetes.pod", namespace: "default", raw_data: { name } }));
  return body<{ counts: Row }>(await muster.request(`${bulkPath}${query}`, { key, body: items }));
}

async function sweep(ms: number): Promise<Row> {
  await muster.cron(everyQuarter, at(ms));
  const [run] = await muster.sql("select outcome, details from job_runs where job = 'sweep' order by id desc limit 1");
  expect(run?.["outcome"]).toBe("succeeded");
  return run?.["details"] as Row;
}

async function states(): Promise<Record<string, unknown>> {
  const rows = await muster.sql("select name, status from configuration_items order by name");
  return Object.fromEntries(rows.map((row) => [String(row["name"]), row["status"]]));
}

async function log(name: string): Promise<unknown[]> {
  const rows = await muster.sql(
    `select change_type, actor, muster.iso(changed_at) as at, coalesce((select e -> 'new' from jsonb_array_elements(entries) e
       where e -> 'path' = '["status"]'), 'null') as status from changes where name = $1 order by version`,
    [name],
  );
  return rows.map((row) => [
    row["change_type"],
    String(row["actor"]).replace(/^key:.*/, "key"),
    row["at"],
    row["status"],
  ]);
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`);

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  muster = await createMuster();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("what is not seen again", () => {
  it("goes inactive after a day, is archived a week later and removed another week later", async () => {
    await report(0, ["pod"]);
    const [{ ci_id }] = (await muster.sql<{ ci_id: string }>("select ci_id from configuration_items")) as [
      { ci_id: string },
    ];
    const inactiveAt = dayMs + 1;
    const archivedAt = inactiveAt + 7 * dayMs + 1;
    const purgedAt = archivedAt + 7 * dayMs + 1;
    expect(await sweep(inactiveAt - 1)).toMatchObject({
      deactivated: 0,
      archived: 0,
      purged: 0,
      held: [],
      finished: true,
    });
    expect(await sweep(inactiveAt)).toMatchObject({ deactivated: 1, archived: 0, purged: 0 });
    expect(await states()).toEqual({ pod: "inactive" });
    expect(await sweep(archivedAt - 1)).toMatchObject({ deactivated: 0, archived: 0, purged: 0 });
    expect(await sweep(archivedAt)).toMatchObject({ archived: 1 });
    expect(await states()).toEqual({ pod: "archived" });
    expect(await sweep(purgedAt - 1)).toMatchObject({ purged: 0 });
    expect(await sweep(purgedAt)).toMatchObject({ purged: 1 });
    expect(await states()).toEqual({});
    expect(await log("pod")).toEqual([
      ["CREATED", "key", at(0).toISOString(), null],
      ["UPDATED", "system:sweep", at(inactiveAt).toISOString(), "inactive"],
      ["DELETED", "system:sweep", at(archivedAt).toISOString(), "archived"],
      ["PURGED", "system:sweep", at(purgedAt).toISOString(), null],
    ]);
    const history = await body<{ items: Row[] }>(await muster.request(`/api/v1/ci-changes/${ci_id}`));
    expect(history.items[0]).toMatchObject({
      change_type: "PURGED",
      version: 4,
      changes: [
        { field: "status", op: "remove", old_value: "archived" },
        { field: "raw_data", op: "remove", old_value: { name: "pod" } },
      ],
    });
    expect((await muster.request(`${itemsPath}/${ci_id}`)).status).toBe(404);
    const left = "select (select count(*) from source_records) + (select count(*) from kubernetes_pod) as n";
    expect(await muster.sql(left)).toEqual([{ n: "0" }]);
    expect(await report(purgedAt + 1, ["pod"])).toMatchObject({ counts: { created: 1 } });
    expect((await muster.sql("select ci_id from configuration_items"))[0]?.["ci_id"]).not.toBe(ci_id);
  });

  it("stays active while it is seen, and comes back from inactive and archived", async () => {
    await report(0, ["seen", "lost"]);
    await report(20 * hourMs, ["seen"]);
    await sweep(dayMs + 1);
    expect(await states()).toEqual({ lost: "inactive", seen: "active" });
    expect(await report(dayMs + hourMs, ["lost"])).toMatchObject({ counts: { reactivated: 1 } });
    await sweep(dayMs + 2 * hourMs);
    expect(await states()).toMatchObject({ lost: "active" });
    await sweep(3 * dayMs);
    await sweep(11 * dayMs);
    expect(await states()).toEqual({ lost: "archived", seen: "archived" });
    expect(await report(12 * dayMs, ["lost"])).toMatchObject({ counts: { reactivated: 1 } });
    expect((await log("lost")).map((row) => (row as unknown[])[3])).toEqual([
      null,
      "inactive",
      "active",
      "inactive",
      "archived",
      "active",
    ]);
    const item = await muster.sql(
      "select muster.iso(status_updated_at) as at from configuration_items where name = 'lost'",
    );
    expect(item).toEqual([{ at: at(12 * dayMs).toISOString() }]);
  });

  it("stays when people made it by hand; ages once a source or a service says so", async () => {
    await report(0, ["by hand", "adopted"], "", muster.keys.admin);
    await report(0, ["by a user"], "", await muster.createKey("user"));
    await report(0, ["by service"], "", muster.keys.service);
    await report(0, ["with source"], "?source=files", muster.keys.admin);
    await report(hourMs, ["adopted"], "", muster.keys.service);
    await sweep(30 * dayMs);
    expect(await states()).toEqual({
      adopted: "inactive",
      "by a user": "active",
      "by hand": "active",
      "by service": "inactive",
      "with source": "inactive",
    });
  });

  it("is removed a week after someone archived it, unless it is reported before", async () => {
    await report(0, ["deleted", "saved"], "", muster.keys.admin);
    for (const { ci_id } of await muster.sql("select ci_id from configuration_items")) {
      await body(await muster.request(`${itemsPath}/${String(ci_id)}`, { method: "DELETE" }));
    }
    await report(6 * dayMs, ["saved"], "", muster.keys.admin);
    await sweep(7 * dayMs + 1);
    expect(await states()).toEqual({ saved: "active" });
  });
});

describe("thresholds", () => {
  it("follow the most telling pattern for type and namespace", async () => {
    const set = async (type: string | null, namespace: string | null, hours: number) =>
      muster.sql(
        `insert into lifecycle_settings (ci_type, namespace, inactive_after_seconds, archive_after_seconds, purge_after_seconds)
         values ($1, $2, $3, 604800, 604800)`,
        [type, namespace, hours * 3600],
      );
    await set("kubernetes.*", null, 2);
    await set("kubernetes.pod", null, 4);
    await set("kubernetes.pod", "prod-*", 6);
    await set(null, "prod-*", 8);
    await set("100%_*", null, 1);
    const items = [
      ["kubernetes.service", "x", 2],
      ["kubernetes.pod", "x", 4],
      ["kubernetes.pod", null, 4],
      ["kubernetes.pod", "prod-1", 6],
      ["kubernetes.service", "prod-1", 2],
      ["host", "prod-1", 8],
      ["100%_x", null, 1],
      ["100 x", null, 24],
      ["host", null, 24],
    ] as const;
    const named = items.map(([ci_type, namespace, hours]) => ({
      name: `${ci_type} ${namespace} ${hours}`,
      ci_type,
      namespace,
    }));
    await body(await muster.request(`${bulkPath}?source=s`, { body: named }));
    const inactive = async () => Object.entries(await states()).filter(([, status]) => status === "inactive").length;
    for (const hours of [1, 2, 4, 6, 8, 24]) {
      await sweep(hours * hourMs);
      expect(await inactive()).toBe(items.filter(([, , limit]) => limit < hours).length);
      await sweep(hours * hourMs + 1);
      const rest = Object.entries(await states()).filter(([, status]) => status === "active");
      expect(rest.map(([name]) => Number(name.split(" ").at(-1))).every((limit) => limit > hours)).toBe(true);
      expect(await inactive()).toBe(items.filter(([, , limit]) => limit <= hours).length);
    }
  });
});

describe("removal", () => {
  it("of more than a fifth of a source, and ten at least, is held and reported; others go on", async () => {
    await report(0, numbered("half", 12), "?source=half");
    await report(0, numbered("fifth", 10), "?source=fifth");
    await report(0, numbered("few", 9), "?source=few");
    const alive = 15 * dayMs;
    for (const [source, count] of [
      ["half", 20],
      ["fifth", 40],
    ] as const) {
      await report(alive, numbered(`${source} alive`, count), `?source=${source}`);
    }
    await sweep(dayMs + 1);
    await sweep(9 * dayMs);
    await report(16 * dayMs, numbered("half alive", 20), "?source=half");
    await report(16 * dayMs, numbered("fifth alive", 40), "?source=fifth");
    const report2 = await sweep(16 * dayMs + 1);
    const [half] = await muster.sql("select id from sources where name = 'half'");
    expect(report2).toMatchObject({ purged: 19, held: [{ source_id: half?.["id"], due: 12, total: 32 }] });
    const left = Object.keys(await states());
    expect(left.filter((name) => /^half \d/.test(name))).toHaveLength(12);
    expect(left.filter((name) => /^(?:fifth|few) \d/.test(name))).toEqual([]);
  });
});

describe("runs", () => {
  it("are recorded with what they did, failures too, and one failing job does not stop the other", async () => {
    await muster.sql("drop function muster.fold_item_counts()");
    await expect(muster.cron(everyQuarter, at(0))).rejects.toThrow(/1 of the jobs/);
    const runs = await muster.sql(
      "select job, outcome, details, finished_at >= started_at as ordered from job_runs where job in ('fold_item_counts', 'sweep') order by job",
    );
    expect(runs).toEqual([
      { job: "fold_item_counts", outcome: "failed", details: { error: expect.any(String) }, ordered: true },
      { job: "sweep", outcome: "succeeded", details: expect.objectContaining({ finished: true }), ordered: true },
    ]);
  });

  it("at once are as one: each item turns once", async () => {
    // More than one batch.
    await report(0, numbered("pod", 2100));
    const together = async (ms: number) => Promise.all([1, 2, 3, 4].map(async () => muster.cron(everyQuarter, at(ms))));
    await together(dayMs + 1);
    await together(9 * dayMs);
    await muster.sql("update lifecycle_settings set purge_after_seconds = 1000000000");
    await together(30 * dayMs);
    const done = await muster.sql(
      "select sum((details ->> 'deactivated')::int)::int as deactivated, sum((details ->> 'archived')::int)::int as archived from job_runs where job = 'sweep'",
    );
    expect(done).toEqual([{ deactivated: 2100, archived: 2100 }]);
    const changes = await muster.sql("select change_type, count(*)::int as n from changes group by 1 order by 1");
    expect(changes).toEqual([
      { change_type: "CREATED", n: 2100 },
      { change_type: "DELETED", n: 2100 },
      { change_type: "UPDATED", n: 2100 },
    ]);
    expect(await muster.sql("select distinct version from configuration_items")).toEqual([{ version: 3 }]);
  });

  it("every night make the change log's partitions a year ahead, and once is enough", async () => {
    const later = new Date(start + 1000 * dayMs);
    await muster.cron("0 3 * * *", later);
    await muster.cron("0 3 * * *", later);
    const made = await muster.sql(
      "select (details ->> 'made')::int as made from job_runs where job = 'ensure_partitions' order by id",
    );
    // Of the log and of what the search knows of it.
    expect(made).toEqual([{ made: 28 }, { made: 0 }]);
    for (const month of [0, 11]) {
      const when = new Date(later);
      when.setUTCMonth(when.getUTCMonth() + month);
      expect(await report(when.getTime() - start, [`in month ${month}`])).toMatchObject({ counts: { created: 1 } });
    }
  });
});
