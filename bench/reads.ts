import type { SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type pg from "pg";
import { changeShape } from "../src/api/parascope/change-wire.ts";
import type { Actor } from "../src/core/access.ts";
import { selectChangePage } from "../src/core/changes/feed-repository.ts";
import { selectItemHistory } from "../src/core/changes/repository.ts";
import { searchChanges } from "../src/core/changes/search-repository.ts";
import { selectStatistics } from "../src/core/changes/stats-repository.ts";

/** A statement as the API sends it. */
export interface Read {
  readonly name: string;
  readonly statement: SQL;
}

/** What a statement took; milliseconds. */
export interface ReadFigures {
  readonly median: number;
  readonly slowest: number;
  readonly plan: readonly string[];
}

const actor: Actor = { kind: "system", label: "system:bench" };
const everything = { filters: [], from: undefined, to: undefined };
const dayMs = 24 * 3_600_000;

/** What people ask of the history, with values that an estate holds. */
export async function changeReads(client: pg.Client): Promise<Read[]> {
  const sample = await one<{ ci_id: string; name: string; ip: string; image: string; namespace: string; app: string }>(
    client,
    `SELECT c.ci_id, c.name, p.raw_data #>> '{status,podIP}' AS ip, c.namespace, split_part(c.name, '-', 1) AS app,
       c.raw_data #>> '{spec,template,spec,containers,0,image}' AS image
     FROM (SELECT * FROM configuration_items WHERE ci_type = 'kubernetes.deployment' ORDER BY version DESC LIMIT 1) AS c,
          (SELECT * FROM configuration_items WHERE ci_type = 'kubernetes.pod' ORDER BY version DESC LIMIT 1) AS p`,
  );
  const middle = await one<{ changed_at: string; id: string; last: string }>(
    client,
    `SELECT h.changed_at::text, h.id::text, l.last::text FROM changes h,
       (SELECT max(changed_at) AS last, (max(id) + min(id)) / 2 AS id FROM changes) AS l WHERE h.id = l.id`,
  );
  const until = new Date(middle.last);
  const [start, end] = [new Date(until.getTime() - 30 * dayMs).toISOString(), until.toISOString()];
  const token = sample.name.split("-").at(-1) ?? "";
  const feed = { sort: "changed_at", direction: "desc", offset: 0, limit: 100 } as const;
  const page = { offset: 0, limit: 50 };
  const shape = { change: changeShape, rank: "rank", highlights: "highlights" };
  const search = (query: string) => searchChanges(actor, query, everything, page, shape);
  const first = { ...feed, after: undefined };
  const onwards = { ...feed, after: [middle.changed_at, middle.id] };
  const notReplicas = [
    { path: ["field"], operator: "ne", values: ["spec.replicas"], text: "field:ne:spec.replicas" },
  ] as const;
  return [
    {
      name: "feed: first page, exact total",
      statement: selectChangePage(actor, everything, first, "exact", changeShape),
    },
    { name: "feed: first page, no total", statement: selectChangePage(actor, everything, first, "none", changeShape) },
    {
      name: "feed: page in the middle by cursor",
      statement: selectChangePage(actor, everything, onwards, "none", changeShape),
    },
    {
      name: "history of the item that changed most",
      statement: selectItemHistory(actor, {
        ciId: sample.ci_id,
        offset: 0,
        limit: 50,
        after: undefined,
        shape: changeShape,
      }),
    },
    { name: "statistics of a month by day", statement: selectStatistics(actor, { start, end, interval: "day" }) },
    { name: "statistics of a month by hour", statement: selectStatistics(actor, { start, end, interval: "hour" }) },
    { name: `search: word inside an identifier (${token})`, statement: search(token) },
    { name: `search: address (${sample.ip})`, statement: search(sample.ip) },
    { name: `search: value of a rollout (${sample.image})`, statement: search(sample.image) },
    {
      name: `search: two words (${sample.app} ${sample.namespace})`,
      statement: search(`${sample.app} ${sample.namespace}`),
    },
    { name: "search: common word (deployment)", statement: search("deployment") },
    {
      name: "feed: field:ne:spec.replicas, exact total",
      statement: selectChangePage(actor, { ...everything, filters: notReplicas }, first, "exact", changeShape),
    },
  ];
}

/** Runs a statement as the API's role so many times, and explains it. */
export async function measureRead(client: pg.Client, { statement }: Read, runs: number): Promise<ReadFigures> {
  const { sql, params } = new PgDialect().sqlToQuery(statement);
  await client.query("SET ROLE muster_api");
  try {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      await client.query(sql, params);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const { rows } = await client.query<{ "QUERY PLAN": string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${sql}`, params);
    return {
      median: times[Math.floor(runs / 2)] ?? 0,
      slowest: times.at(-1) ?? 0,
      plan: rows.map((row) => row["QUERY PLAN"]),
    };
  } finally {
    await client.query("RESET ROLE");
  }
}

async function one<Row extends pg.QueryResultRow>(client: pg.Client, statement: string): Promise<Row> {
  const { rows } = await client.query<Row>(statement);
  if (!rows[0]) throw new Error(`there is nothing to measure with: ${statement}`);
  return rows[0];
}
