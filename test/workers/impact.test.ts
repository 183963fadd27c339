import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type GraphEdge, walkPlainly } from "../support/impact-oracle.ts";
import { body, bulkPath, createMuster, emptyInventory, itemsPath, type Muster } from "../support/muster.ts";
import { graphItem } from "../support/relationship-graph.ts";

interface Impact {
  root: { ci_id: string; name: string };
  nodes: { ci_id: string; name: string; distance: number; direction?: string; path: string[] }[];
  edges: { id: string; relationship_type: string; source_ci_id: string; target_ci_id: string }[];
  truncated: boolean;
  truncated_by?: string;
}

let muster: Muster;

beforeAll(async () => {
  muster = await createMuster();
});

const impact = async (ciId: string, query = "") =>
  body<Impact>(await muster.request(`${itemsPath}/${ciId}/impact?${query}`));

async function createItems(names: readonly string[]): Promise<Record<string, string>> {
  const answer = await body<{ results: { ci_id: string }[] }>(
    await muster.request(bulkPath, { body: names.map((name) => ({ name, ci_type: "thing" })) }),
  );
  return Object.fromEntries(names.map((name, place) => [name, answer.results[place]?.ci_id ?? ""]));
}

/** Writes graphs as `a runs_on b`; makes the items of that name. */
async function createGraph(...lines: readonly string[]): Promise<Record<string, string>> {
  const triples = lines.map((line) => line.split(" "));
  const ids = await createItems([...new Set(triples.flatMap(([source = "", , target = ""]) => [source, target]))]);
  const statements = triples.map(([source = "", relationship_type, target = ""]) => ({
    source_ci_id: ids[source],
    relationship_type,
    target_ci_id: ids[target],
  }));
  await body(await muster.request("/api/v1/relationships", { body: statements }));
  return ids;
}

const names = (answer: Impact) => answer.nodes.map(({ name, distance }) => `${name}:${distance}`).toSorted();

describe("the impact of an item", () => {
  let ids: Record<string, string>;
  const id = (name: string) => ids[name] ?? "";

  beforeAll(async () => {
    ids = await createGraph(
      "pod-1 runs_on node",
      "pod-2 runs_on node",
      "pod-1 owned_by replicaset",
      "pod-2 owned_by replicaset",
      "replicaset owned_by deployment",
      "service exposes pod-1",
      "ingress connects_to service",
      "pod-1 mounts claim",
      "claim stored_on volume",
      "node member_of cluster",
      "rack hosts node",
      "ingress feeds billing",
    );
  });

  test("downstream is what its failure hits: what runs on it, the owners of that, and what is before it", async () => {
    const answer = await impact(id("node"), "depth=4");
    expect(names(answer)).toEqual(
      ["cluster:1", "deployment:3", "ingress:3", "pod-1:1", "pod-2:1", "replicaset:2", "service:2"].toSorted(),
    );
    expect(answer).toMatchObject({ root: { ci_id: id("node"), name: "node" }, direction: "downstream", depth: 4 });
    expect(answer.truncated).toBe(false);
    expect(answer).not.toHaveProperty("truncated_by");
  });

  test("upstream is what it needs", async () => {
    const answer = await impact(id("service"), "direction=upstream&depth=10");
    expect(names(answer)).toEqual(["claim:2", "node:2", "pod-1:1", "rack:3", "volume:3"].toSorted());
    expect(answer.truncated).toBe(false);
  });

  test("tells the nearest first, each with a shortest path from the root, and the relationships among all of them", async () => {
    const answer = await impact(id("node"), "depth=3");
    expect(answer.nodes.map(({ distance }) => distance)).toEqual([1, 1, 1, 2, 2, 3, 3]);
    expect(answer.nodes.find(({ name }) => name === "ingress")?.path).toEqual(
      ["node", "pod-1", "service", "ingress"].map(id),
    );
    const shown = answer.edges.map((edge) => `${edge.source_ci_id} ${edge.relationship_type} ${edge.target_ci_id}`);
    const expected = [
      ["pod-1", "runs_on", "node"],
      ["pod-2", "runs_on", "node"],
      ["pod-1", "owned_by", "replicaset"],
      ["pod-2", "owned_by", "replicaset"],
      ["replicaset", "owned_by", "deployment"],
      ["service", "exposes", "pod-1"],
      ["ingress", "connects_to", "service"],
      ["node", "member_of", "cluster"],
    ].map(([source = "", type = "", target = ""]) => `${id(source)} ${type} ${id(target)}`);
    expect(shown.toSorted()).toEqual(expected.toSorted());
  });

  test("goes three steps by default and says when there would be more", async () => {
    const answer = await impact(id("volume"));
    expect(names(answer)).toEqual(["claim:1", "pod-1:2", "replicaset:3", "service:3"].toSorted());
    expect(answer).toMatchObject({ truncated: true, truncated_by: "depth" });
    expect(await impact(id("volume"), "depth=4")).toMatchObject({ truncated: false });
  });

  test("walks the named types only, repeated or with commas", async () => {
    const node = await impact(id("node"), "types=runs_on,owned_by");
    expect(names(node)).toEqual(["deployment:3", "pod-1:1", "pod-2:1", "replicaset:2"].toSorted());
    expect(names(await impact(id("node"), "types=runs_on&types=owned_by"))).toEqual(names(node));
    expect(node.edges.every((edge) => ["runs_on", "owned_by"].includes(edge.relationship_type))).toBe(true);
    expect(names(await impact(id("node"), "types=hosts"))).toEqual([]);
    expect(names(await impact(id("node"), "types=hosts&direction=upstream"))).toEqual(["rack:1"]);
  });

  test("in both directions says of each item which way it lies", async () => {
    const answer = await impact(id("pod-1"), "direction=both&depth=1");
    expect(answer.nodes.map(({ name, direction }) => `${name} ${direction}`).toSorted()).toEqual(
      ["claim upstream", "node upstream", "replicaset downstream", "service downstream"].toSorted(),
    );
    expect(answer.nodes.every(({ path }) => path[0] === id("pod-1") && path.length === 2)).toBe(true);
  });

  test("ends at the limit and says so", async () => {
    const answer = await impact(id("node"), "limit=2");
    expect(answer.nodes).toHaveLength(2);
    expect(answer).toMatchObject({ truncated: true, truncated_by: "limit" });
    const all = await impact(id("node"), "limit=7");
    expect(all.nodes).toHaveLength(7);
    expect(all.truncated).toBe(false);
  });

  test("takes one statement", async () => {
    await impact(id("node"));
    expect(await muster.statements(async () => impact(id("node"), "direction=both&depth=10"))).toBe(1);
  });

  test.each([
    ["depth=0", 422],
    ["depth=11", 422],
    ["depth=two", 422],
    ["limit=0", 422],
    ["limit=5001", 422],
    ["direction=sideways", 422],
    ["types=", 422],
    ["types=runs_on,,x", 422],
    ["typ=runs_on", 400],
    ["types=%00", 422],
  ])("refuses %s with %i", async (query, status) => {
    const answer = await body<{ detail: string }>(
      await muster.request(`${itemsPath}/${id("node")}/impact?${query}`),
      status,
    );
    expect(answer.detail).not.toBe("");
  });

  test("of what is no item is not found, no UUID is a bad request, and nobody may look without a key", async () => {
    const status = async (path: string, key?: null) =>
      (await muster.request(`${itemsPath}/${path}/impact`, key === null ? { key } : {})).status;
    expect(await status(graphItem(1))).toBe(404);
    expect(await status("node")).toBe(400);
    expect(await status(id("node"), null)).toBe(401);
  });
});

test("a circle ends, and holds each item once", async () => {
  const ids = await createGraph("c1 depends_on c2", "c2 depends_on c3", "c3 depends_on c1");
  const answer = await impact(ids.c1 ?? "", "depth=10");
  expect(names(answer)).toEqual(["c2:2", "c3:1"]);
  expect(answer.edges).toHaveLength(3);
  expect(answer.truncated).toBe(false);
});

test("archived items end the walk, unless it starts there", async () => {
  const ids = await createGraph("x3 depends_on x2", "x2 depends_on x1", "x1 depends_on x0");
  await body(await muster.request(`${itemsPath}/${ids.x1}`, { method: "DELETE" }));
  expect((await impact(ids.x0 ?? "")).nodes).toEqual([]);
  expect((await impact(ids.x0 ?? "")).truncated).toBe(false);
  const archived = await impact(ids.x1 ?? "");
  expect(names(archived)).toEqual(["x2:1", "x3:2"]);
  expect(archived.root).toMatchObject({ status: "archived" });
});

test("two items that are related in several ways are told once, with all their relationships", async () => {
  const ids = await createGraph("m1 depends_on m0", "m1 runs_on m0", "m0 owned_by m1", "m0 hosts m1");
  const answer = await impact(ids.m0 ?? "", "limit=1");
  expect(names(answer)).toEqual(["m1:1"]);
  expect(answer.edges).toHaveLength(4);
  expect(answer.truncated).toBe(false);
});

test("any graph is walked as a plain breadth-first search walks it", async () => {
  const other = await createMuster();
  const size = 8;
  const ids = Array.from({ length: size }, (_, n) => graphItem(n));
  const types = ["runs_on", "owned_by", "hosts", "any thing"];
  const place = fc.nat(size - 1);
  const edge = fc.record({ source: place, target: place, type: fc.constantFrom(...types) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(edge, { maxLength: 24 }),
      fc.uniqueArray(fc.integer({ min: 1, max: size - 1 }), { maxLength: 2 }),
      fc.constantFrom<"upstream" | "downstream">("upstream", "downstream"),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: size }),
      fc.subarray(types),
      async (drawn, gone, direction, depth, limit, walked) => {
        const edges: GraphEdge[] = drawn.filter(({ source, target }) => source !== target);
        const archived = new Set(gone);
        await emptyInventory(other);
        await other.sql(
          `with items as (
             insert into configuration_items (ci_id, name, ci_type, content_hash, status)
             select id::uuid, id, 'thing', '', case when n - 1 = any($2::integer[]) then 'archived' else 'active' end
             from unnest($1::text[]) with ordinality as i (id, n))
           insert into relationships (source_ci_id, relationship_type, target_ci_id, first_seen, last_seen)
           select distinct ($1::text[])[s + 1]::uuid, type, ($1::text[])[t + 1]::uuid, now(), now()
           from unnest($3::integer[], $4::text[], $5::integer[]) as e (s, type, t)`,
          [
            ids,
            gone,
            edges.map(({ source }) => source),
            edges.map(({ type }) => type),
            edges.map(({ target }) => target),
          ],
        );
        const query = new URLSearchParams({ direction, depth: String(depth), limit: String(limit) });
        for (const type of walked) query.append("types", type);
        const answer = await body<Impact>(
          await other.request(`${itemsPath}/${graphItem(0)}/impact?${query.toString()}`),
        );
        const expected = walkPlainly(ids, edges, archived, { root: 0, direction, depth, limit, types: walked });
        expect(answer.nodes.map(({ ci_id, distance, path }) => ({ ci_id, distance, path }))).toEqual(expected.nodes);
        expect(answer.truncated_by).toBe(expected.truncatedBy);
        const members = new Set([ids[0], ...expected.nodes.map(({ ci_id }) => ci_id)]);
        const among = edges.filter(
          ({ source, target, type }) =>
            members.has(ids[source]) && members.has(ids[target]) && (walked.length === 0 || walked.includes(type)),
        );
        expect(answer.edges).toHaveLength(new Set(among.map((each) => JSON.stringify(each))).size);
      },
    ),
    { numRuns: 100 },
  );
});
