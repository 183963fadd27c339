import { beforeAll, describe, expect, it } from "vitest";
import { type Change, changePage, changesPath, index, patch, report } from "../support/change-feed.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

interface Found extends Change {
  rank: number;
  highlights: { field: string; text: string }[];
}

interface Answer {
  items: Found[];
  total: number;
  total_is_lower_bound?: true;
  limit: number;
  offset: number;
  search_time_ms: number;
}

const searchPath = `${changesPath}/search`;
let muster: Muster;

async function search(query: string, more = ""): Promise<Answer> {
  return body<Answer>(await muster.request(`${searchPath}?query=${encodeURIComponent(query)}${more}`));
}

/** Items of the changes that a query finds, with their type of change, sorted. */
async function found(query: string, more = ""): Promise<string[]> {
  const { items, total } = await search(query, `&limit=500${more}`);
  expect(total).toBe(items.length);
  return items.map((item) => `${item.ci_name} ${item.change_type}`).toSorted();
}

const pod = "nginx-deployment-abc123";
/** What each query must find: changes by name of the item and type. */
const expected: readonly (readonly [string, readonly string[]])[] = [
  [pod, [`${pod} CREATED`, `${pod} UPDATED`]],
  ["nginx", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["NGINX", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["ngi", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["ginx", []],
  ["deployment", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["deployment-abc", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["abc123", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["abc123 nginx", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["abc123-nginx", []],
  ["prod.namespace", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["kubernetes.pod", [`${pod} CREATED`, `${pod} UPDATED`]],
  ["kubernetes", ["db1 UPDATED", `${pod} CREATED`, `${pod} UPDATED`]],
  ["10.0.3.7", ["db1 UPDATED", `${pod} UPDATED`]],
  ["10.0.3.77", ["db1 UPDATED"]],
  ["7.3.0.10", []],
  ["spec.replicas", [`${pod} UPDATED`]],
  ["replicas", [`${pod} UPDATED`]],
  ["app.kubernetes.io/name", ["db1 UPDATED"]],
  ['metadata.labels["app.kubernetes.io/name"]', ["db1 UPDATED"]],
  ["repo/app:1.2.3", [`${pod} UPDATED`]],
  ["1.2.4", [`${pod} UPDATED`]],
  ["1.2", [`${pod} UPDATED`]],
  ["2.1", []],
  ["app 1.2.4", [`${pod} UPDATED`]],
  ["zeile", ["db1 UPDATED"]],
  ["rückwärts", ["db1 UPDATED"]],
  ["RÜCK", ["db1 UPDATED"]],
  ["日本語", ["db1 UPDATED"]],
  ["5e9b7c", ["db1 UPDATED"]],
  ["5e9", ["db1 UPDATED"]],
  ["007", ["db1 UPDATED"]],
  ["255", ["addresses UPDATED"]],
  ["10.200.255.9", ["addresses UPDATED"]],
  ["it's", ["db1 UPDATED"]],
];

async function makeChanges(): Promise<void> {
  const document = { spec: { replicas: 3, image: "repo/app:1.2.3" } };
  const [first = "", second = "", third = ""] = await report(muster, [
    { name: pod, namespace: "prod.namespace", ci_type: "kubernetes.pod", raw_data: document },
    { name: "db1", ci_type: "host", raw_data: { note: "-", metadata: { labels: {} } } },
    { name: "addresses", ci_type: "host", raw_data: {} },
  ]);
  await patch(muster, first, { raw_data: { spec: { replicas: 5, image: "repo/app:1.2.4" }, ip: "10.0.3.7" } });
  const labels = { "app.kubernetes.io/name": "x" };
  const note = 'erste\nzeile \\ "rückwärts" it\'s 日本語 5e9b7c {007}';
  await patch(muster, second, { raw_data: { note, metadata: { labels }, ips: ["10.0.3.77"] } });
  // More places of one word than a vector keeps.
  const list = Array.from({ length: 300 }, (_, n) => `10.200.${n}.9`);
  await patch(muster, third, { raw_data: { list } });
}

beforeAll(async () => {
  muster = await createMuster();
  await makeChanges();
});

describe("what a query finds", () => {
  it("is the same before the index has it, with a part of it in, and after", async () => {
    for (const batch of [0, 2, 100]) {
      if (batch > 0) {
        await muster.sql("select muster.index_changes($1)", [batch]);
      }
      for (const [query, hits] of expected) {
        expect([batch, query, await found(query)]).toEqual([batch, query, hits.toSorted()]);
      }
    }
    expect(await muster.sql("select count(*)::integer as n from change_search")).toEqual([{ n: 6 }]);
  });

  it("is there at once, also beyond what is indexed", async () => {
    const [id = ""] = await report(muster, [{ name: "brandnew-77", ci_type: "host" }]);
    expect(await found("brandnew")).toEqual(["brandnew-77 CREATED"]);
    await index(muster);
    await patch(muster, id, { name: "renamed-78" });
    expect(await found("renamed")).toEqual(["renamed-78 UPDATED"]);
    // The old name is a value of the change.
    expect(await found("brandnew")).toEqual(["brandnew-77 CREATED", "renamed-78 UPDATED"]);
  });

  it("comes in the shape of a change, ranked, with the words marked and without the query", async () => {
    const query = "replicas 1.2.4";
    const { items, ...envelope } = await search(query);
    expect(envelope).toEqual({ total: 1, limit: 50, offset: 0, search_time_ms: expect.any(Number) });
    expect(envelope.search_time_ms).toBeGreaterThanOrEqual(0);
    const [{ rank, highlights, ...change } = { rank: 0, highlights: [] }] = items;
    const { items: feed } = await changePage(muster, "filter=field:eq:spec.replicas");
    expect([change]).toEqual(feed);
    expect(rank).toBeGreaterThan(0);
    expect(highlights).toEqual([
      { field: "spec.replicas", text: "spec.«replicas»" },
      { field: "spec.image", text: '"repo/app:«1.2.4»"' },
    ]);
  });

  it("puts names before fields before values, newest first among equals", async () => {
    const [one = "", two = "", three = ""] = await report(muster, [
      { name: "ranking", ci_type: "host" },
      { name: "other-field", ci_type: "host" },
      { name: "other-value", ci_type: "host" },
    ]);
    await patch(muster, one, { raw_data: { x: 1 } });
    await patch(muster, two, { raw_data: { ranking: 1 } });
    await patch(muster, three, { raw_data: { x: "ranking" } });
    const { items } = await search("ranking");
    expect(items.map((item) => `${item.ci_name} ${item.change_type}`)).toEqual([
      "ranking UPDATED",
      "ranking CREATED",
      "other-field UPDATED",
      "other-value UPDATED",
    ]);
    expect((await search("ranking", "&limit=2&offset=1")).items).toEqual(items.slice(1, 3));
  });

  it("is narrowed by filters and by a window", async () => {
    expect(await found("10.0.3.7", "&filter=ci_type:eq:host")).toEqual(["db1 UPDATED"]);
    expect(await found("nginx", "&filter=change_type:eq:CREATED")).toEqual([`${pod} CREATED`]);
    expect(await found("nginx", "&filter=field:eq:spec.replicas")).toEqual([`${pod} UPDATED`]);
    expect(await found("nginx", "&start_date=2099-01-01")).toEqual([]);
    expect(await found("nginx", "&end_date=2020-01-01")).toEqual([]);
    expect((await found("nginx", "&start_date=2020-01-01&end_date=2099-01-01")).length).toBe(2);
  });

  it("takes one statement", async () => {
    expect(await muster.statements(() => search("nginx replicas", "&filter=ci_name:ilike:ngi"))).toBe(1);
  });
});

describe("what cannot be searched for", () => {
  it.each([
    ["", 422, /query/],
    ["query=", 422, /query/],
    ["query=a", 422, /query/],
    ["query=%20a%20", 422, /query/],
    [`query=${"x".repeat(201)}`, 422, /query/],
    ["query=--", 422, /letter or a digit/],
    ["query=a%00b", 422, /query/],
    ["query=ab&limit=501", 422, /limit/],
    ["query=ab&start_date=soon", 422, /start_date/],
    ["query=ab&start_date=2025-01-02&end_date=2025-01-01", 422, /before/],
    ["query=ab&filter=nmae:eq:x", 400, /unknown filter field/],
    ["query=ab&sort_by=rank", 400, /unknown query parameter/],
  ])("%s is %d", async (query, status, reason) => {
    expect((await body(await muster.request(`${searchPath}?${query}`), status))["detail"]).toMatch(reason);
  });

  it("needs a key", async () => {
    expect((await muster.request(`${searchPath}?query=ab`, { key: null })).status).toBe(401);
  });

  const signs = [
    "'",
    '"',
    "\\",
    "|",
    "&",
    "!",
    "<->",
    ":*",
    "(",
    ")",
    "<2>",
    "%",
    "_",
    "$1",
    ";--",
    "\u00a0",
    "😀",
    "ﬀ",
    "İ",
    "\ufffd",
  ];
  it.each(signs.flatMap((sign) => [`ab${sign}`, `${sign}ab`, `ab${sign}cd`, `${sign}12${sign} ${sign}`]))(
    "%s is taken as text",
    async (query) => {
      expect((await search(query)).total).toBeGreaterThanOrEqual(0);
      expect((await changePage(muster, `search=${encodeURIComponent(query)}`)).total).toBeGreaterThanOrEqual(0);
    },
  );

  it("long ones neither", async () => {
    const queries = [
      "ab ".repeat(66),
      "a.".repeat(100),
      `${"'\\".repeat(99)}ab`,
      "x".repeat(200),
      "(a|b)&!c:* ".repeat(18),
    ];
    for (const query of queries) {
      expect((await search(query)).total).toBeGreaterThanOrEqual(0);
    }
  });
});
