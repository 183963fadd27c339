import { beforeAll, describe, expect, it } from "vitest";
import { type Change, changePage, changesPath, report } from "../support/change-feed.ts";
import { makeChanges } from "../support/change-samples.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;
const sorts = ["changed_at", "change_type", "ci_type", "ci_name", "ci_id"];
let muster: Muster;
let all: Change[];

async function walk(query: string, between: () => Promise<unknown> = async () => undefined): Promise<Change[]> {
  const rows: Change[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const next: Awaited<ReturnType<typeof changePage>> = await changePage(
      muster,
      `${query}${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    rows.push(...next.items);
    cursor = next.next_cursor;
    await between();
  }
  return rows;
}

const ids = (changes: readonly Change[]) => changes.map((change) => change.id);

beforeAll(async () => {
  muster = await createMuster();
  await makeChanges(muster, today);
  ({ items: all } = await changePage(muster, "limit=1000"));
});

describe("the list of all changes", () => {
  it("holds everything that happened, newest first, a hundred at a time", async () => {
    const logged = await muster.sql<{ id: string }>("select id from changes order by changed_at desc, id desc");
    expect(ids(all)).toEqual(logged.map(({ id }) => id));
    expect(new Set(all.map((change) => change.change_type))).toEqual(
      new Set(["CREATED", "UPDATED", "DELETED", "PURGED"]),
    );
    const page = await changePage(muster, "");
    expect(page).toMatchObject({ total: all.length, limit: 100, offset: 0 });
    expect(page.items).toEqual(all.slice(0, 100));
  });

  it("shows a change as the history of its item does", async () => {
    const id = all.find((change) => change.change_type === "UPDATED")?.ci_id ?? "";
    const history = await body<{ items: Change[] }>(await muster.request(`/api/v1/ci-changes/${id}`));
    expect(all.filter((change) => change.ci_id === id)).toEqual(history.items);
    expect(history.items[0]).toMatchObject({ changed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/) });
  });

  it("answers the documented example: created pods from an instant on", async () => {
    const start = new Date(today - 2 * dayMs).toISOString().slice(0, 19);
    const query = `filter=change_type:eq:CREATED&filter=ci_type:eq:kubernetes.pod&start_date=${start}`;
    const expected = all.filter(
      (change) =>
        change.change_type === "CREATED" && change.ci_type === "kubernetes.pod" && change.changed_at >= `${start}.000Z`,
    );
    expect(expected.length).toBeGreaterThan(0);
    expect(await changePage(muster, query)).toMatchObject({ items: expected, total: expected.length });
  });

  it.each([
    ["start_date", 0],
    ["end_date", 1],
  ])("%s: a window is [start, end), and without a zone it is UTC", async (name, side) => {
    const edge = all[Math.floor(all.length / 2)]?.changed_at ?? "";
    const forms = [edge, edge.slice(0, -1), edge.replace("Z", "%2B00:00"), edge.replace("T", " ").slice(0, -1)];
    for (const form of forms) {
      const { items } = await changePage(muster, `limit=1000&${name}=${form}`);
      expect(items).toEqual(all.filter(({ changed_at: at }) => (side === 0 ? at >= edge : at < edge)));
    }
    expect((await changePage(muster, `start_date=${edge}&end_date=${edge}`)).total).toBe(0);
  });

  it("takes one statement, whatever it asks for, and none for what it refuses", async () => {
    for (const query of ["", "search=web&filter=field:eq:spec.replicas&filter=ci_name:ilike:web&count=estimate"]) {
      expect(await muster.statements(() => changePage(muster, query))).toBe(1);
    }
    expect(await muster.statements(() => muster.request(`${changesPath}?limit=0`))).toBe(0);
  });

  it("needs a key", async () => {
    expect((await muster.request(changesPath, { key: null })).status).toBe(401);
    expect((await muster.request(changesPath, { key: muster.keys.readonly })).status).toBe(200);
  });
});

describe("what it cannot be asked", () => {
  it.each([
    ["filter=feild:eq:x", 400, /did you mean "field"/],
    ["filter=name:eq:x", 400, /unknown filter field/],
    ["filter=changed_at:like:2024-01-01", 400, /compares texts/],
    ["filter=field:gt:x", 400, /several fields/],
    ["filter=ci_id:eq:x", 400, /no UUID/],
    ["filter=field.x:eq:x", 400, /no paths/],
    ["sort_by=chnaged_at", 400, /did you mean "changed_at"/],
    ["sort_by=version", 400, /cannot sort/],
    ["sort_order=up", 400, /sort_order/],
    ["serach=x", 400, /did you mean "search"/],
    ["limit=1001", 422, /limit/],
    ["limit=0", 422, /limit/],
    ["start_date=yesterday", 422, /start_date.*ISO 8601/],
    ["end_date=2024-02-30", 422, /end_date.*ISO 8601/],
    ["start_date=", 422, /start_date/],
    ["start_date=2025-01-02&end_date=2025-01-01", 422, /before/],
    ["search=", 422, /search/],
    ["search=%20%20", 422, /search/],
    [`search=${"x".repeat(201)}`, 422, /search/],
    ["search=a%00b", 422, /search/],
    ["count=some", 422, /count/],
  ])("%s is %d, and the answer says why", async (query, status, reason) => {
    expect((await body(await muster.request(`${changesPath}?${query}`), status))["detail"]).toMatch(reason);
  });
});

describe("search", () => {
  it.each([
    ["EB-1", (change: Change) => change.ci_name.toLowerCase().includes("eb-1")],
    ["%", (change: Change) => change.ci_name.includes("%")],
    ["rger-", (change: Change) => change.ci_name.includes("rger-")],
    [
      "a_b",
      (change: Change) => change.ci_name.includes("a_b") || change.changes.some(({ field }) => field.includes("a.b")),
    ],
    ["ÄRGER", (change: Change) => change.ci_name.startsWith("ärger")],
    ["replicas", (change: Change) => change.changes.some(({ field }) => field === "spec.replicas")],
    ["spec.ima", (change: Change) => change.changes.some(({ field }) => field === "spec.image")],
    [
      "web replicas",
      (change: Change) =>
        change.ci_name.startsWith("Web") && change.changes.some(({ field }) => field === "spec.replicas"),
    ],
    ["app", () => false],
    ["'| & ! <-> :* \\ (", () => false],
    ["-", (change: Change) => change.ci_name.includes("-")],
  ])("%s finds names and changed fields, indexed and not", async (search, expected) => {
    const page = await changePage(muster, `limit=1000&search=${encodeURIComponent(search)}`);
    const hits = all.filter(expected);
    expect(ids(page.items)).toEqual(ids(hits));
    expect(page.total).toBe(hits.length);
  });
});

describe("pages", () => {
  it.each(sorts.flatMap((sort) => [`${sort}&sort_order=asc`, `${sort}&sort_order=desc`]))(
    "by %s: cursor and offset meet every row once, in order",
    async (sort) => {
      const whole = await changePage(muster, `sort_by=${sort}&limit=1000`);
      expect(whole).toMatchObject({ total: all.length, next_cursor: null });
      expect(ids(whole.items).toSorted()).toEqual(ids(all).toSorted());
      expect(await walk(`sort_by=${sort}&limit=7&count=none`)).toEqual(whole.items);
      expect((await changePage(muster, `sort_by=${sort}&limit=7&offset=20`)).items).toEqual(whole.items.slice(20, 27));
      const [column = ""] = sort.split("&");
      const keys = whole.items.map((change) => String(Reflect.get(change, column)));
      const sorted = keys.toSorted();
      expect(keys).toEqual(sort.endsWith("asc") ? sorted : sorted.toReversed());
    },
  );

  it("a cursor is good for its own query only", async () => {
    const { next_cursor: cursor } = await changePage(muster, "limit=3");
    for (const query of [
      "sort_by=ci_id",
      "sort_order=asc",
      "search=web",
      "start_date=2024-01-01",
      "filter=version:eq:1",
    ]) {
      await body(await muster.request(`${changesPath}?${query}&cursor=${cursor}`), 400);
    }
    await body(await muster.request(`${changesPath}?offset=1&cursor=${cursor}`), 400);
    expect((await changePage(muster, `limit=5&cursor=${cursor}`)).items).toEqual(all.slice(3, 8));
  });

  it("totals are left out or estimated on request", async () => {
    expect((await changePage(muster, "count=none")).total).toBeNull();
    expect((await changePage(muster, "count=estimate")).total).toBe(all.length);
  });

  it("nothing is lost or met twice while others write", async () => {
    for (const sort of sorts.flatMap((name) => [`${name}&sort_order=asc`, `${name}&sort_order=desc`])) {
      const before = await changePage(muster, "limit=1000");
      let n = 0;
      const rows = await walk(`sort_by=${sort}&limit=40`, async () => {
        n += 1;
        if (n < 8) {
          await report(muster, [{ name: `later ${sort} ${n}`, ci_type: "host" }]);
        }
      });
      expect(new Set(ids(rows)).size).toBe(rows.length);
      expect(ids(rows)).toEqual(expect.arrayContaining(ids(before.items)));
    }
  });
});
