import { PgDialect } from "drizzle-orm/pg-core";
import { beforeAll, describe, expect, test } from "vitest";
import { selectRelationshipPage } from "../../src/core/relationships/repository.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster } from "../support/muster.ts";
import { generateGraph, generateHubs, graphItem } from "../support/relationship-graph.ts";
import {
  type RelationshipList,
  relationshipsOf,
  relationshipsPath,
  said,
  unknownItem,
} from "../support/relationships.ts";

let muster: Muster;
let own: ReturnType<typeof relationshipsOf>;

beforeAll(async () => {
  muster = await createMuster();
  own = relationshipsOf(muster);
});

describe("the relationships of an item", () => {
  let hub: string;
  let others: string[];

  beforeAll(async () => {
    [hub = "", ...others] = await own.createItems(7);
    const [a = "", b = "", c = "", d = "", gone = "", far = ""] = others;
    await own.stateAll([
      said(a, hub, "runs_on"),
      said(b, hub, "runs_on"),
      said(hub, c, "member_of"),
      said(hub, d, "depends_on"),
      said(d, hub, "depends_on"),
      said(gone, hub, "runs_on"),
      said(a, far, "runs_on"),
    ]);
    await body(await muster.request(`${itemsPath}/${gone}`, { method: "DELETE" }));
  });

  test("come with direction and the other end, by type and other end, without those to archived items", async () => {
    const answer = await own.list(hub);
    const [a, b, c, d] = others;
    expect(answer.items.map((item) => [item.relationship_type, item.direction, item.related_ci.ci_id])).toEqual([
      ["depends_on", expect.any(String), d],
      ["depends_on", expect.any(String), d],
      ["member_of", "outgoing", c],
      ["runs_on", "incoming", a],
      ["runs_on", "incoming", b],
    ]);
    expect(new Set(answer.items.slice(0, 2).map(({ direction }) => direction)).size).toBe(2);
    expect(answer).toMatchObject({ total: 5, offset: 0, limit: 50, next_cursor: null });
    expect(answer.items[2]).toEqual({
      id: expect.any(String),
      relationship_type: "member_of",
      direction: "outgoing",
      source_ci_id: hub,
      target_ci_id: c,
      properties: {},
      source_id: null,
      extracted: false,
      confidence: 1,
      evidence: null,
      first_seen: expect.any(String),
      last_seen: expect.any(String),
      related_ci: { ci_id: c, name: expect.any(String), namespace: null, ci_type: "thing", status: "active" },
    });
  });

  test.each([
    ["direction=outgoing", 2],
    ["direction=incoming", 3],
    ["type=runs_on", 2],
    ["type=runs_on,member_of", 3],
    ["type=runs_on&type=depends_on", 4],
    ["type=unheard_of", 0],
    ["status=archived", 1],
    ["status=all", 6],
    ["status=all&direction=outgoing", 2],
    ["status=archived&type=depends_on", 0],
  ])("with %s are %i", async (query, count) => {
    const answer = await own.list(hub, query);
    expect(answer.items).toHaveLength(count);
    expect(answer.total).toBe(count);
    expect((await own.list(hub, `${query}&count=none`)).total).toBeNull();
    expect((await own.list(hub, `${query}&count=estimate`)).total).toBe(count);
  });

  test("of an archived item are those to items that are not", async () => {
    expect(await own.list(others[4] ?? "")).toMatchObject({ total: 1 });
  });

  test("are told once each, page by page, by cursor and by offset", async () => {
    const whole = (await own.list(hub, "status=all")).items.map(({ id }) => id);
    const byCursor: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: RelationshipList = await own.list(hub, `status=all&limit=1${cursor && `&cursor=${cursor}`}`);
      byCursor.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(byCursor).toEqual(whole);
    const pages = await Promise.all(
      [0, 2, 4, 6].map(async (offset) => own.list(hub, `status=all&limit=2&offset=${offset}`)),
    );
    expect(pages.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(whole);
  });

  test("take one statement", async () => {
    expect(await muster.statements(async () => own.list(hub, "status=all&type=runs_on"))).toBe(1);
    expect(await muster.statements(async () => own.get(`${relationshipsPath}?type=runs_on`))).toBe(1);
  });

  test("of what is no item are not found", async () => {
    expect(await own.status(`${itemsPath}/${unknownItem}/relationships`)).toBe(404);
    expect(await own.status(`${itemsPath}/x/relationships`)).toBe(400);
  });

  test.each([
    ["direction=up", 422],
    ["status=inactive", 422],
    ["type=", 422],
    ["limit=1001", 422],
    ["offset=-1", 422],
    ["cursor=abc", 400],
    ["kind=runs_on", 400],
    ["sort_by=type", 400],
  ])("are refused with %s", async (query, status) => {
    expect(await own.status(`${itemsPath}/${hub}/relationships?${query}`)).toBe(status);
  });

  test("that were extracted are as fresh as the item that states them", async () => {
    const [a, b] = await own.createPair();
    const [edge] = await muster.sql<{ id: string }>(
      `insert into relationships (source_ci_id, relationship_type, target_ci_id, first_seen, last_seen, extracted)
       values ($1, 'owned_by', $2, '2020-01-01', '2020-01-01', true) returning id`,
      [a, b],
    );
    const item = await own.get(`${itemsPath}/${a}`);
    expect((await own.list(b)).items[0]).toMatchObject({ id: edge?.id, extracted: true, last_seen: item.last_seen });
    expect(await own.get(`${relationshipsPath}/${String(edge?.id)}`)).toMatchObject({ last_seen: item.last_seen });
  });
});

test("a page of an item with 50,000 relationships is read from an index, wherever it starts", async () => {
  const large = await createMuster();
  await generateGraph(large, 50_000, 100_000);
  const [node, host] = await generateHubs(large, 100_000, 50_000);
  const window = { offset: 0, limit: 50, after: undefined };
  const places = [
    undefined,
    ["runs_on", graphItem(140_000), graphItem(0)],
    ["hosts", graphItem(140_000), graphItem(0)],
  ];
  for (const [ciId, after] of [node, host].flatMap((hub) => places.map((place) => [hub, place] as const))) {
    const selection = { end: { ciId, direction: "both" as const }, otherStatus: "active" as const, types: [] };
    const actor = { kind: "system", label: "test" } as const;
    const statement = selectRelationshipPage(actor, selection, { ...window, after }, "none", { id: "id" });
    const { sql, params } = new PgDialect().sqlToQuery(statement);
    const rows = await large.sql<{ "QUERY PLAN": string }>(`explain (analyze, costs off, timing off) ${sql}`, params);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    const scans = [...plan.matchAll(/ on relationships e.*rows=([\d.]+) loops=(\d+)/g)];
    expect(scans.length).toBeGreaterThan(1);
    expect(Math.max(...scans.map(([, count, loops]) => Number(count) * Number(loops)))).toBeLessThan(200);
  }
});

describe("the list of all relationships", () => {
  test("is the newest first, and filters by each of its columns", async () => {
    const other = await createMuster();
    const items = await body<{ results: { ci_id: string }[] }>(
      await other.request(bulkPath, { body: ["a", "b", "c"].map((name) => ({ name, ci_type: "thing" })) }),
    );
    const [a = "", b = "", c = ""] = items.results.map(({ ci_id }) => ci_id);
    await body(await other.request(relationshipsPath, { body: said(a, b, "x") }), 201);
    await body(await other.request(`${relationshipsPath}?source=s`, { body: said(b, c, "y") }), 201);
    await other.sql(
      `insert into relationships (source_ci_id, relationship_type, target_ci_id, first_seen, last_seen, extracted)
       values ($1, 'z', $2, now(), now(), true)`,
      [a, c],
    );
    const [source] = await other.sql<{ id: number }>("select id from sources where name = 's'");
    const types = async (query: string) => {
      const answer = await body<RelationshipList>(await other.request(`${relationshipsPath}?${query}`));
      expect(answer.total).toBe(answer.items.length);
      return answer.items.map(({ relationship_type }) => relationship_type).join("");
    };
    expect(await types("")).toBe("zyx");
    expect(await types("type=x,z")).toBe("zx");
    expect(await types(`source_ci_id=${a}`)).toBe("xz");
    expect(await types(`target_ci_id=${c}`)).toBe("yz");
    expect(await types(`source_ci_id=${a}&target_ci_id=${c}`)).toBe("z");
    expect(await types(`source_ci_id=${c}`)).toBe("");
    expect(await types(`source_ci_id=${unknownItem}`)).toBe("");
    expect(await types(`source_id=${String(source?.id)}`)).toBe("y");
    expect(await types("extracted=true")).toBe("z");
    expect(await types("extracted=false")).toBe("yx");
    const first = await body<RelationshipList>(await other.request(`${relationshipsPath}?limit=2`));
    expect(first).toMatchObject({ total: 3 });
    const next = await body<RelationshipList>(
      await other.request(`${relationshipsPath}?limit=2&cursor=${String(first.next_cursor)}`),
    );
    expect(next.items.map(({ relationship_type }) => relationship_type)).toEqual(["x"]);
    expect(next.next_cursor).toBeNull();
    await body(await other.request(`${relationshipsPath}?type=x&cursor=${String(first.next_cursor)}`), 400);
    await Promise.all(
      ["source_id=x", "extracted=yes", "source_ci_id=1"].map(async (query) =>
        body(await other.request(`${relationshipsPath}?${query}`), 422),
      ),
    );
  });
});
