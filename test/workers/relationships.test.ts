import { beforeAll, describe, expect, test } from "vitest";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";
import { relationshipsOf, relationshipsPath, said, unknownItem } from "../support/relationships.ts";

let muster: Muster;
let own: ReturnType<typeof relationshipsOf>;

beforeAll(async () => {
  muster = await createMuster();
  own = relationshipsOf(muster);
});

const changes = async (id: string) =>
  (
    await muster.sql<{ n: number }>("select count(*)::int as n from relationship_changes where relationship_id = $1", [
      id,
    ])
  )[0]?.n;

describe("a relationship that is stated", () => {
  test("is created at its Location with what was said, and both ends", async () => {
    const [source, target] = await own.createPair();
    const properties = { port: 5432, big: 12345678901234 };
    const statement = said(source.toUpperCase(), target, " depends_on ", {
      properties,
      confidence: 0.1,
      evidence: "dns",
    });
    const response = await muster.request(relationshipsPath, { body: statement });
    const location = response.headers.get("Location") ?? "";
    const created = await body(response, 201);
    expect(created).toEqual({
      id: expect.any(String),
      relationship_type: "depends_on",
      source_ci_id: source,
      target_ci_id: target,
      properties,
      source_id: null,
      extracted: false,
      confidence: 0.1,
      evidence: "dns",
      first_seen: expect.stringMatching(/Z$/),
      last_seen: created.first_seen,
      source_ci: { ci_id: source, name: expect.any(String), namespace: null, ci_type: "thing", status: "active" },
      target_ci: { ci_id: target, name: expect.any(String), namespace: null, ci_type: "thing", status: "active" },
    });
    expect(location).toBe(`${relationshipsPath}/${String(created.id)}`);
    expect(await own.get(location)).toEqual(created);
  });

  test("again is the same one, seen again, and costs no history", async () => {
    const [source, target] = await own.createPair();
    const first = await own.state(said(source, target, "x", { properties: { a: 1 } }), 201);
    await muster.sql("update relationships set last_seen = '2020-01-01' where id = $1", [first.id]);
    const again = await own.state(said(source, target, "x"), 200);
    expect(again).toMatchObject({ id: first.id, properties: { a: 1 }, first_seen: first.first_seen });
    expect(String(again.last_seen) >= String(first.last_seen)).toBe(true);
    expect(await changes(first.id)).toBe(1);
  });

  test("again with other content replaces what is given and keeps the rest", async () => {
    const [source, target] = await own.createPair();
    const more = { properties: { a: 1 }, confidence: 0.5, evidence: { by: "netstat" } };
    const { id } = await own.state(said(source, target, "x", more), 201);
    expect(await own.state(said(source, target, "x", { properties: { b: 2 } }), 200)).toMatchObject({
      id,
      properties: { b: 2 },
      confidence: 0.5,
      evidence: { by: "netstat" },
    });
    expect(await own.state(said(source, target, "x", { evidence: null, confidence: 0 }), 200)).toMatchObject({
      id,
      properties: { b: 2 },
      confidence: 0,
      evidence: null,
    });
    expect(await changes(id)).toBe(3);
  });

  test("is another one in the other direction, of another type, and from another source", async () => {
    const [a, b] = await own.createPair();
    const ids = [
      await own.state(said(a, b), 201),
      await own.state(said(b, a), 201),
      await own.state(said(a, b, "Depends_on"), 201),
      await own.state(said(a, b), 201, "?source=scanner"),
      await own.state(said(a, b), 201, "?source=other"),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    expect((await own.state(said(a, b), 200, "?source=scanner")).id).toBe(ids[3]);
    expect(await own.list(a)).toMatchObject({ total: 5 });
  });

  test("may have archived ends, which stay archived", async () => {
    const [source, target] = await own.createPair();
    await body(await muster.request(`${itemsPath}/${target}`, { method: "DELETE" }));
    expect(await own.state(said(source, target), 201)).toMatchObject({ target_ci: { status: "archived" } });
  });

  test("takes one statement", async () => {
    const [source, target] = await own.createPair();
    expect(await muster.statements(async () => own.state(said(source, target), 201, "?source=s"))).toBe(1);
    expect(await muster.statements(async () => own.stateAll([said(source, target), said(target, source)]))).toBe(1);
  });

  test("keeps numbers that a double cannot hold, and takes a confidence of any length", async () => {
    const [source, target] = await own.createPair();
    const text = `{"source_ci_id":"${source}","target_ci_id":"${target}","relationship_type":"x",
      "properties":{"id":123456789012345678901},"confidence":0.30000000000000004}`;
    const response = await muster.request(relationshipsPath, { body: text });
    expect(await response.clone().text()).toContain("123456789012345678901");
    expect(await body(response, 201)).toMatchObject({ confidence: 0.3 });
    expect(await own.state(said(source, target, "x", { confidence: 1e-60 }), 200)).toMatchObject({ confidence: 0 });
  });
});

describe("an array", () => {
  test("lands where its elements are good, and tells of each what became of it", async () => {
    const [a = "", b = "", c = ""] = await own.createItems(3);
    await own.state(said(a, b, "x", { properties: { v: 1 } }), 201);
    await own.state(said(a, c, "x"), 201);
    const answer = await own.stateAll([
      said(a, b, "x", { properties: { v: 2 } }),
      said(a, c, "x"),
      said(b, c, "x"),
      said(a, unknownItem, "x"),
      said(a, a, "x"),
      "what?",
    ]);
    expect(answer.results.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, "updated"],
      [1, "unchanged"],
      [2, "created"],
      [3, "error"],
      [4, "error"],
      [5, "error"],
    ]);
    expect(answer.counts).toEqual({ created: 1, updated: 1, unchanged: 1, error: 3 });
    expect(answer.results[3]?.error?.detail).toContain(unknownItem);
    expect(answer.results[2]).toMatchObject({ error: null, id: expect.any(String) });
    expect(await own.list(a)).toMatchObject({ total: 2 });
    expect(await own.get(`${relationshipsPath}/${String(answer.results[0]?.id)}`)).toMatchObject({
      properties: { v: 2 },
    });
  });

  test("in which a relationship comes twice takes the last one", async () => {
    const [a, b] = await own.createPair();
    const answer = await own.stateAll([
      said(a, b, "x", { properties: { v: 1 } }),
      said(a.toUpperCase(), b, "x", { properties: { v: 2 } }),
      said(a, b, "x", { properties: { v: 2 } }),
    ]);
    expect(answer.results.map(({ outcome }) => outcome)).toEqual(["error", "unchanged", "created"]);
    expect(answer.results[0]?.error?.detail).toContain("comes again at index 2");
    expect(answer.results[1]?.id).toBe(answer.results[2]?.id);
    const both = await own.stateAll([said(a, unknownItem), said(a, unknownItem)]);
    expect(both.results.map(({ outcome }) => outcome)).toEqual(["error", "error"]);
  });

  test("of 1,000 lands whole", async () => {
    const [hub = "", ...others] = await own.createItems(1001);
    const answer = await own.stateAll(others.map((other) => said(other, hub, "runs_on", { properties: { other } })));
    expect(answer.counts).toEqual({ created: 1000, updated: 0, unchanged: 0, error: 0 });
    expect(await own.list(hub)).toMatchObject({ total: 1000 });
  });

  test("makes a source only when something of it lands", async () => {
    const [a, b] = await own.createPair();
    await own.stateAll([said(a, unknownItem)], "?source=never");
    expect(await muster.sql("select from sources where name = 'never'")).toHaveLength(0);
    const { results } = await own.stateAll([said(a, b)], "?source=once");
    const [source] = await muster.sql<{ id: number }>("select id from sources where name = 'once'");
    expect(await own.get(`${relationshipsPath}/${String(results[0]?.id)}`)).toMatchObject({ source_id: source?.id });
  });
});

describe("a relationship", () => {
  test("that is removed is gone, and its ends stay", async () => {
    const [a, b] = await own.createPair();
    const { id } = await own.state(said(a, b), 201);
    let answer: Row = {};
    const remove = async () => {
      answer = await body(await muster.request(`${relationshipsPath}/${id}`, { method: "DELETE" }));
    };
    expect(await muster.statements(remove)).toBe(1);
    expect(answer).toEqual({ message: "Relationship removed", id });
    await body(await muster.request(`${relationshipsPath}/${id}`, { method: "DELETE" }), 404);
    expect(await own.status(`${relationshipsPath}/${id}`)).toBe(404);
    expect(await own.status(`${relationshipsPath}/x`)).toBe(400);
    expect(await own.list(a)).toMatchObject({ total: 0 });
    expect((await own.state(said(a, b), 201)).id).not.toBe(id);
  });
});

describe("writers at once", () => {
  test("that state the same relationships in other orders make each once and all come through", async () => {
    const items = await own.createItems(30);
    const statements = items.flatMap((a, n) => items.slice(n + 1).map((b) => said(a, b, "near")));
    const orders = [statements, statements.toReversed(), statements.slice(200), statements.slice(0, 300).toReversed()];
    const answers = await Promise.all(
      orders.map(async (each, n) => own.stateAll(each.map((statement) => ({ ...statement, properties: { n } })))),
    );
    expect(answers.flatMap(({ results }) => results).filter(({ outcome }) => outcome === "created")).toHaveLength(435);
    expect(answers.every(({ counts }) => counts.error === 0)).toBe(true);
    const [row] = await muster.sql(
      "select count(*)::int as n from relationships where source_ci_id = any($1::uuid[])",
      [items],
    );
    expect(row?.n).toBe(435);
  });

  test("that remove items for good leave no relationship behind, however they meet", async () => {
    const items = await own.createItems(40);
    const halves = [items.filter((_, n) => n % 4 === 0), items.filter((_, n) => n % 4 === 1)];
    const statements = items.flatMap((a, n) => items.slice(n + 1).map((b) => said(a, b, "near")));
    const writes = [statements, statements.toReversed()].map(async (each) => own.stateAll(each));
    const answers = await Promise.all([...writes, ...halves.map(async (half) => own.purge(half))]);
    const counted = answers.filter((answer) => answer !== undefined).map(({ counts }) => counts);
    expect(counted.every(({ created = 0, unchanged = 0, error = 0 }) => created + unchanged + error === 780)).toBe(
      true,
    );
    const dangling = await muster.sql(
      `select e.id from relationships e
       where not exists (select from configuration_items c where c.ci_id = e.source_ci_id)
          or not exists (select from configuration_items c where c.ci_id = e.target_ci_id)`,
    );
    expect(dangling).toEqual([]);
  });
});
