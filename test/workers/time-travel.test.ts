import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { dayMs, hourMs, setClock, start } from "../support/clock.ts";
import { body, createMuster, itemsPath, type Muster, type RequestOptions, type Row } from "../support/muster.ts";
import { iso, itemPath, revertPath, short, travellerOf } from "../support/time-travel.ts";

let muster: Muster;
let past: ReturnType<typeof travellerOf>;

beforeAll(async () => {
  muster = await createMuster();
  past = travellerOf(muster);
});

afterEach(() => {
  vi.useRealTimers();
});

describe("an item at an instant", () => {
  it("is as it was, from the moment of each change on", async () => {
    const t1 = setClock(0);
    const { ci_id } = await past.report({ name: "at", raw_data: { a: 1, "x.y": { z: null } } });
    const seen = [await past.get(ci_id)];
    const t2 = setClock(hourMs);
    await past.patch(ci_id, { raw_data: { "x.y": null, name: "n" }, department: "it" });
    seen.push(await past.get(ci_id));
    const t3 = setClock(2 * hourMs);
    await past.archive(ci_id);
    seen.push(await past.get(ci_id));
    const t4 = setClock(3 * hourMs);
    await past.report({ name: "at", raw_data: { a: 2 } });
    seen.push(await past.get(ci_id));
    setClock(4 * hourMs);
    for (const [place, from] of [t1, t2, t3, t4].entries()) {
      const until = [t2, t3, t4, start + 4 * hourMs + 1][place] ?? 0;
      for (const at of [from, from + 1, until - 1]) {
        expect(await past.getAt(ci_id, at)).toEqual({ ...seen[place], last_seen: null, at: iso(at) });
      }
    }
    expect(await past.refusal(`${itemPath(ci_id)}?at=${iso(t1 - 1)}`)).toMatch(/^404 .*did not exist yet at /);
  });

  it("leaves out what the log leaves out, by the type of that time", async () => {
    const t1 = setClock(0);
    const raw_data = {
      metadata: { resourceVersion: "1", labels: {} },
      status: { conditions: [{ lastHeartbeatTime: 1, x: 1 }] },
    };
    const { ci_id } = await past.report({ name: "hidden", ci_type: "kubernetes.node", raw_data });
    const t2 = setClock(1000);
    await past.replace(ci_id, { name: "hidden", ci_type: "thing", raw_data: { ...raw_data, y: 1 } });
    setClock(2000);
    await past.replace(ci_id, { name: "hidden", ci_type: "kubernetes.node", raw_data: {} });
    expect(await past.getAt(ci_id, t1)).toMatchObject({
      ci_type: "kubernetes.node",
      raw_data: { metadata: { labels: {} }, status: { conditions: [{ x: 1 }] } },
    });
    expect((await past.getAt(ci_id, t1))["raw_data"]).toEqual({
      metadata: { labels: {} },
      status: { conditions: [{ x: 1 }] },
    });
    expect((await past.getAt(ci_id, t2))["raw_data"]).toEqual({ ...raw_data, y: 1 });
  });

  it("is found for an item that has been removed, until its removal", async () => {
    const t1 = setClock(0);
    const { ci_id } = await past.report({ name: "purged", raw_data: { a: 1 } });
    const present = await past.get(ci_id);
    setClock(1000);
    await past.patch(ci_id, { raw_data: { a: 2 } });
    const t2 = setClock(2000);
    await past.archive(ci_id);
    const archived = await past.get(ci_id);
    const t3 = setClock(3000);
    await muster.sql(
      `with t as materialized (select set_config('muster.now', $2, true)),
         records as (delete from source_records r using t where r.ci_id = $1)
       delete from configuration_items c using t where c.ci_id = $1`,
      [ci_id, iso(t3)],
    );
    expect(await past.getAt(ci_id, t1)).toEqual({ ...present, last_seen: null, at: iso(t1) });
    expect(await past.getAt(ci_id, t2)).toEqual({ ...archived, last_seen: null, at: iso(t2) });
    expect(await past.getAt(ci_id, t3 - 1)).toMatchObject({ status: "archived", version: 3, raw_data: { a: 2 } });
    expect(short((await past.diff(ci_id, t1, t3 - 1))["changes"])).toEqual([
      ["status", "replace", "active", "archived"],
      ["a", "replace", 1, 2],
    ]);
    expect(await past.refusal(`${itemPath(ci_id)}?at=${iso(t3)}`)).toMatch(/^404 .*had been removed for good at /);
    expect(await past.refusal(`${itemPath(ci_id)}?at=${iso(t1 - 1)}`)).toMatch(/^404 .*did not exist yet/);
    expect(await past.refusal(`${itemPath(ci_id)}/diff?from=${iso(t1)}`)).toMatch(
      /^404 .*removed for good at .* \(to\)/,
    );
    expect(await past.revertRefusal(await past.changeId(ci_id, 2))).toMatch(/^422 .*removed for good/);
    expect(await past.revertRefusal(await past.changeId(ci_id, 4))).toMatch(/^422 .*removed for good/);
  });

  it("is refused where the log no longer leads back so far, and never guessed", async () => {
    const own = await createMuster();
    const write = async (ms: number, raw_data: Row) => {
      setClock(ms);
      const response = await own.request(itemsPath, { body: { name: "old", ci_type: "thing", raw_data } });
      return body(response, response.status === 201 ? 201 : 200);
    };
    const { ci_id } = await write(0, { n: 1 });
    await write(40 * dayMs, { n: 2 });
    await write(80 * dayMs, { n: 3 });
    await write(81 * dayMs, { n: 4 });
    setClock(200 * dayMs);
    const dropped = await own.sql<{ name: string; until: string }>(
      `select format('changes_%s', to_char(m, 'YYYYMM')) as name, muster.iso((m + interval '1 month') at time zone 'UTC') as until
       from generate_series(date_trunc('month', now() - interval '2 months'), $1::timestamptz, interval '1 month') m`,
      [iso(start + 40 * dayMs)],
    );
    for (const { name } of dropped) {
      await own.sql(`drop table ${name}`);
    }
    const since = dropped.at(-1)?.until ?? "";
    const read = async (at: string) => own.request(`${itemPath(ci_id)}?at=${at}`);
    for (const at of [iso(start), iso(start + 40 * dayMs), iso(Date.parse(since) - 1)]) {
      expect((await body(await read(at), 404))["detail"]).toBe(
        `What the configuration item was at ${at} is not known: history is kept since ${since}`,
      );
    }
    expect((await body(await read(iso(start - 1)), 404))["detail"]).toMatch(/did not exist yet/);
    expect(await body(await read(since))).toMatchObject({ raw_data: { n: 2 }, version: 2, updated_at: null });
    expect(await body(await read(iso(start + 80 * dayMs)))).toMatchObject({ raw_data: { n: 3 }, version: 3 });
    expect(await body(await read(iso(start + 81 * dayMs)))).toMatchObject({ raw_data: { n: 4 }, version: 4 });
    const untouched = await body(await own.request(itemsPath, { body: { name: "still", ci_type: "thing" } }), 201);
    await own.sql("delete from changes where ci_id = $1", [untouched["ci_id"]]);
    setClock(201 * dayMs);
    const still = await own.request(`${itemPath(untouched["ci_id"])}?at=${iso(start + 200 * dayMs)}`);
    expect(await body(still)).toMatchObject({ version: 1, raw_data: {} });
  });

  it("refuses what cannot be asked", async () => {
    setClock(0);
    const { ci_id } = await past.report({ name: "questions" });
    const of = itemPath(ci_id);
    expect(await past.refusal(`${itemsPath}/nonsense?at=${iso(start)}`)).toMatch(/^400 .*must be a UUID/);
    expect(await past.refusal(`${of}?at=${iso(start + 1)}`)).toMatch(/^422 at: .* is in the future/);
    expect(await past.refusal(`${of}?at=nonsense`)).toMatch(/^422 at: must be a date and time/);
    expect(await past.refusal(`${of}?at=`)).toMatch(/^422 at: must be/);
    expect(await past.refusal(`${of}?att=${iso(start)}`)).toMatch(/^400 .*unknown query parameter "att".*at/);
    expect(await past.refusal(`${of}/diff`)).toMatch(/^422 from: /);
    expect(await past.refusal(`${of}/diff?from=x`)).toMatch(/^422 from: must be/);
    expect(await past.refusal(`${of}/diff?from=${iso(start)}&to=x`)).toMatch(/^422 to: must be/);
    expect(await past.refusal(`${of}/diff?from=${iso(start)}&to=${iso(start + 1)}`)).toMatch(
      /^422 to: .* in the future/,
    );
    expect(await past.refusal(`${of}/diff?from=${iso(start)}&to=${iso(start - 1)}`)).toMatch(
      /^422 from: .* is after to/,
    );
    expect(await past.refusal(`${of}/diff?from=${iso(start)}&too=x`)).toMatch(/^400 .*unknown query parameter "too"/);
    expect(await past.refusal(`${of}/diff?from=${iso(start - 1)}`)).toMatch(/^404 .*did not exist yet at .* \(from\)/);
    expect(await past.refusal(`${itemPath(crypto.randomUUID())}?at=${iso(start)}`)).toMatch(/^404 .*not found/);
    expect(await past.refusal(`${itemPath(crypto.randomUUID())}/diff?from=${iso(start)}`)).toMatch(/^404 .*not found/);
    for (const id of ["x", "-1", "1.5", "0x1", "99999999999999999999", "9223372036854775808"]) {
      expect(await past.revertRefusal(id)).toMatch(/^400 .*must be the id of a change/);
    }
    expect(await past.revertRefusal("9223372036854775807")).toMatch(/^404 .*Change not found/);
    expect(await past.revertRefusal("1", "?dry_run=maybe")).toMatch(/^422 dry_run/);
    expect(await past.revertRefusal("1", "?dry-run=true")).toMatch(/^400 .*dry_run/);
    expect(
      await past.refusal(revertPath("1"), {
        method: "POST",
        key: muster.keys.readonly,
      }),
    ).toMatch(/^403 .*configuration-items:write/);
    expect(await past.refusal(`${of}?at=${iso(start)}`, { key: null })).toMatch(/^401 .*API key/);
  });
});

describe("a difference", () => {
  it("is written as the change feed writes it", async () => {
    const t1 = setClock(0);
    const { ci_id } = await past.report({
      name: "diff",
      raw_data: { "a.b": { 'q"': 1 }, status: "x", list: [1, { x: 1 }], nothing: null, gone: null },
    });
    setClock(1000);
    await past.replace(ci_id, {
      name: "renamed",
      namespace: "n",
      raw_data: {
        "a.b": { 'q"': 2 },
        status: "y",
        list: [1, { x: 2 }],
        nothing: 0,
        added: null,
        big: "b".repeat(70_000),
      },
    });
    const found = await past.diff(ci_id, t1);
    expect(found).toMatchObject({ ci_id, from: iso(t1), to: iso(t1 + 1000), from_version: 1, to_version: 2 });
    expect(short(found["changes"])).toEqual([
      ["name", "replace", "diff", "renamed"],
      ["namespace", "replace", null, "n"],
      [String.raw`["a.b"]["q\""]`, "replace", 1, 2],
      ["added", "add", null, null],
      ["big", "add", null, { truncated: true, bytes: 70_002, preview: `"${"b".repeat(1023)}` }],
      ["gone", "remove", null, null],
      ["list", "replace", [1, { x: 1 }], [1, { x: 2 }]],
      ["nothing", "replace", null, 0],
      ["raw_data.status", "replace", "x", "y"],
    ]);
    const [logged] = (await body<{ items: Row[] }>(await muster.request(`/api/v1/ci-changes/${String(ci_id)}?limit=1`)))
      .items;
    expect(found["changes"]).toEqual(logged?.["changes"]);
    expect(await past.diff(ci_id, t1, t1)).toMatchObject({ from_version: 1, to_version: 1, changes: [] });
  });
});

it("takes one statement a request", async () => {
  setClock(0);
  const { ci_id } = await past.report({ name: "counted", raw_data: { a: 1 } });
  setClock(1000);
  await past.patch(ci_id, { raw_data: { a: 2 } });
  const id = await past.changeId(ci_id, 2);
  const counted = async (path: string, options?: RequestOptions) =>
    muster.statements(async () => body(await muster.request(path, options)));
  expect(await counted(`${itemPath(ci_id)}?at=${iso(start)}`)).toBe(1);
  expect(await counted(`${itemPath(ci_id)}/diff?from=${iso(start)}`)).toBe(1);
  expect(await counted(revertPath(id, "?dry_run=true"), { method: "POST" })).toBe(1);
  expect(await counted(revertPath(id), { method: "POST" })).toBe(1);
});
