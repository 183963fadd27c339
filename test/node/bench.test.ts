import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadEstate } from "../../bench/load.ts";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";
import { declareTypes } from "../../scripts/migrate/declare-types.ts";

const size = { items: 300, changes: 2_500, seed: 7, days: 95, until: new Date("2026-11-20T12:00:00Z") };
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine({ kind: "postgres", fast: true });
}, 60_000);

afterAll(() => engine.close());

async function loaded(name: string, seed: number): Promise<pg.Client> {
  await query(engine.adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(engine.adminUrl);
  url.pathname = `/${name}`;
  await migrate({ connectionString: url.href, folder: "drizzle", afterMigrate: declareTypes });
  await loadEstate(url.href, { ...size, seed }, () => undefined);
  const client = new pg.Client({ connectionString: url.href });
  client.on("error", () => undefined); // after a failed test the server goes before its clients
  await client.connect();
  return client;
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

test("a generated estate is what its writes would have left, and the same for the same seed", async () => {
  const clients = await Promise.all([loaded("one", 7), loaded("same", 7), loaded("other", 8)]);
  const [client] = clients;
  async function one(text: string): Promise<unknown> {
    return (await client.query<Record<string, unknown>>(text)).rows[0];
  }
  expect(
    await one(
      "SELECT count(*)::integer AS changes, count(DISTINCT ci_id)::integer AS items, max(id)::integer AS last FROM changes",
    ),
  ).toEqual({ changes: size.changes, items: size.items, last: size.changes });
  // Each step of the log is the difference of the two states that it lies between, as the trigger makes it.
  expect(
    await one(`SELECT count(*)::integer AS steps,
        count(*) FILTER (WHERE h.entries IS DISTINCT FROM d.entries)::integer AS wrong
      FROM changes h
      CROSS JOIN LATERAL muster.item_at(h.ci_id, h.changed_at) AS becomes
      CROSS JOIN LATERAL muster.item_at(h.ci_id, h.changed_at - interval '1 ms') AS was
      CROSS JOIN LATERAL (SELECT jsonb_agg(e.entry) AS entries FROM (
        SELECT muster.column_entry('status', (was.item).status, (becomes.item).status) AS entry
          WHERE (was.item).status <> (becomes.item).status
        UNION ALL SELECT * FROM muster.diff((was.item).raw_data, (becomes.item).raw_data, ARRAY['raw_data'], 1)) AS e) AS d
      WHERE h.change_type <> 'CREATED'`),
  ).toEqual({ steps: size.changes - size.items, wrong: 0 });
  expect(
    await one(`SELECT count(*) FILTER (WHERE c.content_hash <> muster.content_hash(c.raw_data, t.hidden_paths))::integer AS hashes,
        count(*) FILTER (WHERE r.content_hash <> c.content_hash OR r.live = (c.status = 'archived'))::integer AS records,
        count(*) FILTER (WHERE l.version <> c.version OR l.changed_at <> c.updated_at)::integer AS versions,
        count(*)::integer AS items
      FROM configuration_items c LEFT JOIN ci_types t USING (ci_type) JOIN source_records r USING (ci_id)
      CROSS JOIN LATERAL (SELECT * FROM changes h WHERE h.ci_id = c.ci_id ORDER BY h.version DESC LIMIT 1) AS l`),
  ).toEqual({ hashes: 0, records: 0, versions: 0, items: size.items });
  expect(
    await one(`SELECT (SELECT sum(n)::integer FROM item_counts) AS counted,
      (SELECT count(*)::integer FROM kubernetes_pod p JOIN configuration_items c USING (ci_id)
       WHERE c.ci_type = 'kubernetes.pod' AND p.pod_ip = c.raw_data #>> '{status,podIP}')
      - (SELECT count(*)::integer FROM configuration_items c WHERE c.ci_type = 'kubernetes.pod') AS pods_too_few`),
  ).toEqual({ counted: size.items, pods_too_few: 0 });
  expect(
    await one(`SELECT count(*) FILTER (WHERE NOT indisvalid)::integer AS broken,
        (SELECT count(*)::integer FROM pg_indexes WHERE tablename = 'changes_202610') AS of_a_partition,
        (SELECT count(*)::integer FROM pg_index WHERE indrelid = 'changes'::regclass) AS of_the_log
      FROM pg_index`),
  ).toEqual({ broken: 0, of_a_partition: 12, of_the_log: 12 });
  const contents = await Promise.all(
    clients.map(async (each) => {
      const { rows } = await each.query<{ content: string }>(
        "SELECT md5(string_agg((h.id, h.changed_at, h.ci_id, h.entries)::text, '' ORDER BY h.id)) AS content FROM changes h",
      );
      await each.end();
      return rows[0]?.content;
    }),
  );
  expect(contents[1]).toBe(contents[0]);
  expect(contents[2]).not.toBe(contents[0]);
}, 120_000);

test("an inventory in use is left alone", async () => {
  const client = await loaded("used", 1);
  const url = new URL(engine.adminUrl);
  url.pathname = "/used";
  await expect(loadEstate(url.href, size, () => undefined)).rejects.toThrow("not empty");
  expect((await client.query("SELECT FROM configuration_items")).rowCount).toBe(size.items);
  await client.end();
}, 60_000);
