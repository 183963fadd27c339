import { PgDialect } from "drizzle-orm/pg-core";
import { beforeAll, describe, expect, test } from "vitest";
import { typesByNeed } from "../../src/core/relationships/impact-direction.ts";
import { selectImpact } from "../../src/core/relationships/impact-repository.ts";
import { body, createMuster, itemsPath, type Muster } from "../support/muster.ts";
import { generateGraph, generateHubs, graphItem } from "../support/relationship-graph.ts";

interface Impact {
  nodes: { ci_id: string }[];
  edges: unknown[];
}

describe("on a graph of 100,000 items and 300,000 relationships", () => {
  let large: Muster;
  let hubs: readonly string[];

  beforeAll(async () => {
    large = await createMuster();
    await generateGraph(large, 100_000, 300_000);
    hubs = await generateHubs(large, 200_000, 100_000);
  }, 300_000);

  async function explain(ciId: string, limit: number): Promise<string> {
    const types = { types: [], byNeed: typesByNeed([]) };
    const query = { ciId, directions: ["downstream", "upstream"] as const, depth: 10, limit, ...types };
    const shape = { root: { id: "ciId" }, node: { id: "ciId" }, edge: { id: "id" } } as const;
    const statement = selectImpact({ kind: "system", label: "test" }, query, shape);
    const { sql, params } = new PgDialect().sqlToQuery(statement);
    const rows = await large.sql<{ "QUERY PLAN": string }>(`explain (analyze, costs off, timing off) ${sql}`, params);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  }

  test("ten steps end at the limit, and the steps read indexes only", async () => {
    const answer = await body<Impact>(await large.request(`${itemsPath}/${graphItem(5)}/impact?depth=10&limit=5000`));
    expect(answer.nodes).toHaveLength(5000);
    expect(new Set(answer.nodes.map(({ ci_id }) => ci_id)).size).toBe(5000);
    expect(answer).toMatchObject({ truncated: true, truncated_by: "limit" });

    const plan = await explain(graphItem(5), 5000);
    const walks = plan.slice(plan.indexOf("CTE downstream"), plan.indexOf("CTE levels"));
    expect(walks).toMatch(/Index Only Scan using relationships_target_idx/);
    expect(walks).toMatch(/Index Only Scan using relationships_key/);
    expect(walks).not.toMatch(/Seq Scan|Bitmap|Index Scan/);
    const fetches = [...walks.matchAll(/Heap Fetches: (\d+)/g)].map(([, count]) => count);
    expect(fetches.length).toBeGreaterThan(3);
    expect(fetches.every((count) => count === "0")).toBe(true);
  });

  test.each([
    ["that 100,000 run on", 0],
    ["that hosts 100,000", 1],
  ])("of an item %s no more is read than the limit allows", async (_kind, place) => {
    const hub = hubs[place] ?? "";
    const answer = await body<Impact>(await large.request(`${itemsPath}/${hub}/impact?depth=1&limit=100`));
    expect(answer.nodes).toHaveLength(100);
    expect(answer.edges).toHaveLength(100);
    expect(answer).toMatchObject({ truncated: true, truncated_by: "limit" });

    const scans = [...(await explain(hub, 100)).matchAll(/ on relationships e.*rows=([\d.]+) loops=(\d+)/g)];
    const read = scans.map(([, rows, loops]) => Number(rows) * Number(loops));
    expect(read.length).toBeGreaterThan(3);
    expect(Math.max(...read)).toBeLessThan(1500);
  });
});
