import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

interface Page {
  items: Row[];
  total: number | null;
  next_cursor: string | null;
  total_is_lower_bound?: true;
}

const dayMs = 86_400_000;
const sorts = ["created_at", "updated_at", "last_seen", "name", "namespace", "ci_type", "status", "status_updated_at"];
let muster: Muster;

async function page(query: string): Promise<Page> {
  return body<Page>(await muster.request(`${itemsPath}?${query}`));
}

/** Follows the cursor to the end; `between` runs after each page. */
async function walk(query: string, between: () => Promise<unknown> = async () => undefined): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const next: Page = await page(`${query}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    expect(next.items.length).toBeGreaterThan(0);
    rows.push(...next.items);
    cursor = next.next_cursor;
    await between();
  }
  return rows;
}

const ids = (rows: readonly Row[]) => rows.map((row) => String(row["ci_id"]));

afterEach(() => {
  vi.useRealTimers();
});

describe("what a list cannot be asked", () => {
  beforeAll(async () => {
    muster = await createMuster();
  });

  const beside = "filter=ci_type:eq:host&";
  it.each([
    ["filter=nmae:eq:x", 400, /did you mean "name"/],
    ["filter=ci_typ:eq:x", 400, /did you mean "ci_type"/],
    ["filter=__proto__:eq:x", 400, /unknown filter field/],
    ["filter=toString:null", 400, /unknown filter field/],
    ["filter=name:equal:x", 400, /did you mean "eq"/],
    ["filter=name:startwith:x", 400, /did you mean "startswith"/],
    ["filter=name", 400, /field:operator:value/],
    ["filter=name.first:eq:x", 400, /no paths/],
    ["filter=raw_data:eq:x", 400, /path inside raw_data/],
    ["filter=name:eq:a%00b", 400, /NUL/],
    ["filter=raw_data.a:eq:%00", 400, /NUL/],
    ["include_attributes=a%00b", 400, /NUL/],
    ["include_attributes=a..b", 400, /include_attributes/],
    ["sort_by=nmae", 400, /did you mean "name"/],
    ["sort_order=down", 400, /sort_order/],
    ["satus=all", 400, /did you mean "status"/],
    ["Limit=5", 400, /did you mean "limit"/],
    ["filter=created_at:gt:yesterday", 400, /no ISO 8601/],
    ["filter=created_at:gt:2024-02-30", 400, /no ISO 8601/],
    ["filter=last_seen:in:2024-01-01,x", 400, /no ISO 8601/],
    ["filter=created_at:like:2024-01-01", 400, /compares texts/],
    ["filter=last_seen:startswith:2024-01-01", 400, /compares texts/],
    ["filter=version:ilike:1", 400, /compares texts/],
    ["filter=ci_id:eq:123", 400, /no UUID/],
    ["filter=version:eq:1.5", 400, /no integer/],
    ["filter=source_id:eq:99999999999999999999", 400, /no integer/],
    ["limit=1001", 422, /limit/],
    ["limit=0", 422, /limit/],
    ["limit=ten", 422, /limit/],
    ["limit=", 422, /limit/],
    ["offset=-1", 422, /offset/],
    ["offset=1000001", 422, /offset/],
    ["limit=5&limit=6", 422, /limit/],
    ["status=all&status=active", 422, /status/],
    ["include_type_data=yes", 422, /include_type_data/],
    ["count=some", 422, /count/],
  ])("%s is %d, and the answer says why", async (query, status, reason) => {
    const { detail } = await body(await muster.request(`${itemsPath}?${query}`), status);
    expect(detail).toMatch(reason);
  });

  it.each(["ne:1", "nin:1", "gt:1", "lte:1", "like:a", "ilike:a", "startswith:a", "null", "notnull"])(
    "raw_data %s needs a filter on ci_type or namespace beside it; eq and in do not",
    async (condition) => {
      const alone = await body(await muster.request(`${itemsPath}?filter=raw_data.a.b:${condition}`), 400);
      expect(alone["detail"]).toMatch(/ci_type or namespace/);
      expect((await page(`${beside}filter=raw_data.a.b:${condition}`)).total).toBe(0);
      expect((await page(`filter=namespace:null&filter=raw_data.a.b:${condition}`)).total).toBe(0);
      expect((await page("filter=raw_data.a.b:eq:1&filter=raw_data.a:in:1,2")).total).toBe(0);
    },
  );
});

describe("values are taken literally", () => {
  const named = async (filter: string) =>
    (await page(`status=all&sort_by=name&sort_order=asc&filter=${encodeURIComponent(filter)}`)).items.map(
      (item) => item["name"],
    );

  it("colons, commas, wildcards, backslashes, dotted keys and long integers", async () => {
    muster = await createMuster();
    const raw_data = { labels: { "app.kubernetes.io/name": "web", 'x:"y"': "z" }, n: "N", "": { "a,b": true } };
    const bulk = JSON.stringify([
      { name: "a:b,c%d_e\\f", ci_type: "host", raw_data },
      { name: "axb", ci_type: "host" },
      { name: "ÄRGER", ci_type: "host" },
    ]).replace('"N"', "576460752032874495");
    await body(await muster.request(bulkPath, { body: bulk }));
    const odd = ["a:b,c%d_e\\f"];
    expect(await named(String.raw`name:eq:a:b,c%d_e\f`)).toEqual(odd);
    expect(await named(String.raw`name:in:a:b\,c%d_e\\f,other`)).toEqual(odd);
    expect(await named("name:like:%")).toEqual(odd);
    expect(await named("name:like:_")).toEqual(odd);
    expect(await named(String.raw`name:ilike:E\F`)).toEqual(odd);
    expect(await named("name:startswith:a_")).toEqual([]);
    expect(await named("name:ilike:ärger")).toEqual(["ÄRGER"]);
    expect(await named('raw_data.labels["app.kubernetes.io/name"]:eq:web')).toEqual(odd);
    expect(await named(String.raw`raw_data.labels["x:\"y\""]:eq:z`)).toEqual(odd);
    expect(await named('raw_data[""]["a,b"]:eq:true')).toEqual(odd);
    expect(await named("raw_data.n:eq:576460752032874495")).toEqual(odd);
    expect(await named("raw_data.n:eq:576460752032874496")).toEqual([]);
    const shown = await page(
      `include_attributes=${encodeURIComponent('labels["app.kubernetes.io/name"],["",]')}`,
    ).catch((error: unknown) => String(error));
    expect(shown).toMatch(/400/);
    const some = await page(`include_attributes=${encodeURIComponent('[""]["a,b"],labels["app.kubernetes.io/name"]')}`);
    expect(some.items.at(-1)?.["raw_data"] ?? {}).toEqual({
      "": { "a,b": true },
      labels: { "app.kubernetes.io/name": "web" },
    });
  });
});

describe("pages", () => {
  const count = 40;

  beforeAll(async () => {
    muster = await createMuster();
    vi.useFakeTimers({ toFake: ["Date"] });
    const now = Date.now();
    const items = Array.from({ length: count }, (_, n) => ({
      name: `name-${n % 4}`,
      ci_type: ["host", "kubernetes.pod"][n % 2],
      ...(n % 3 === 0 ? {} : { namespace: `namespace-${n}` }),
      ...(n % 3 === 0 ? { name: `name-${n}` } : {}),
    }));
    vi.setSystemTime(now - dayMs);
    await body(await muster.request(bulkPath, { body: items.slice(0, 30) }));
    vi.setSystemTime(now);
    await body(await muster.request(bulkPath, { body: items.slice(20) }));
    await muster.sql("update configuration_items set status = 'inactive' where name = 'name-1'");
    await muster.sql("update configuration_items set status = 'archived' where name = 'name-2'");
    vi.useRealTimers();
  });

  it.each(sorts.flatMap((sort) => [`${sort}&sort_order=asc`, `${sort}&sort_order=desc`]))(
    "by %s: the cursor meets every row once, in the order of offset pages",
    async (sort) => {
      const query = `status=all&sort_by=${sort}`;
      const whole = await page(`${query}&limit=1000`);
      expect(whole).toMatchObject({ total: count, next_cursor: null });
      expect(ids(await walk(`${query}&limit=7`))).toEqual(ids(whole.items));
      const offsets = await Promise.all(
        [0, 7, 14, 21, 28, 35].map(async (offset) => (await page(`${query}&limit=7&offset=${offset}`)).items),
      );
      expect(ids(offsets.flat())).toEqual(ids(whole.items));
      const [column = ""] = sort.split("&");
      const keys = whole.items.map((item) => (item[column] === null ? "" : JSON.stringify(item[column])));
      const sorted = keys.toSorted();
      expect(keys).toEqual(sort.endsWith("asc") ? sorted : sorted.toReversed());
    },
  );

  it("the cursor loses and repeats nothing while others write", async () => {
    const writer = async (name: string) => {
      const taken = await page(`status=all&limit=1000`);
      let n = 0;
      const rows = await walk(name, async () => {
        n += 1;
        const item = { name: `name-${n % 5}`, namespace: `later ${name} ${n}`, ci_type: "host" };
        await body(await muster.request(itemsPath, { body: item }), 201);
      });
      expect(new Set(ids(rows)).size).toBe(rows.length);
      expect(ids(rows)).toEqual(expect.arrayContaining(ids(taken.items)));
    };
    for (const sort of ["created_at&sort_order=desc", "name&sort_order=asc", "namespace&sort_order=asc"]) {
      await writer(`status=all&sort_by=${sort}&limit=7`);
    }
  });

  it("a page that ends exactly with the list has no next one", async () => {
    const { total } = await page("status=inactive");
    expect(total).toBeGreaterThan(2);
    expect(await page(`status=inactive&limit=${total}`)).toMatchObject({ next_cursor: null });
    expect((await page(`status=inactive&limit=${Number(total) - 1}`)).next_cursor).not.toBeNull();
  });

  it("a cursor is good for its own query only", async () => {
    const { next_cursor: cursor } = await page("status=all&limit=3");
    const refused = async (query: string) => body(await muster.request(`${itemsPath}?${query}`), 400);
    for (const query of ["", "status=all&sort_by=name", "status=all&sort_order=asc", "filter=name:eq:x&status=all"]) {
      expect((await refused(`${query}&cursor=${cursor}`))["detail"]).toMatch(/another|belong/);
    }
    const forged = `${String(cursor).startsWith("A") ? "B" : "A"}${String(cursor).slice(1)}`;
    for (const other of [forged, "", "x", "a.b", `${cursor}x`, "%F0%9F%98%80"]) {
      await refused(`status=all&limit=3&cursor=${other}`);
    }
    await refused(`status=all&offset=3&cursor=${cursor}`);
    expect((await page(`status=all&limit=5&cursor=${cursor}`)).items).toHaveLength(5);
  });

  it("totals are left out or estimated on request", async () => {
    expect((await page("count=none")).total).toBeNull();
    const { total } = await page("status=all");
    expect((await page("status=all&count=estimate")).total).toBe(total);
    expect((await page("status=all&offset=1000")).total).toBe(total);
  });

  it("an estimate stops counting at 10,000 and says so; where the total is known anyway it is exact", async () => {
    muster = await createMuster();
    await muster.sql(
      `insert into configuration_items (name, ci_type, content_hash) select 'bulk ' || n, 'x', '\\x' from generate_series(1, 10005) n`,
    );
    expect(await page("count=estimate&filter=name:like:bulk&limit=1")).toMatchObject({
      total: 10_000,
      total_is_lower_bound: true,
    });
    expect((await page("filter=name:like:bulk&limit=1")).total).toBe(10_005);
    const known = await page("count=estimate&limit=1");
    expect(known.total).toBe(10_005);
    expect(known).not.toHaveProperty("total_is_lower_bound");
  });
});
