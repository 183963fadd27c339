import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { kubernetes } from "../../scripts/import/kubernetes.ts";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";
import { declareTypes } from "../../scripts/migrate/declare-types.ts";
import { expectEdgesAsDocuments } from "../support/extraction-oracle.ts";

const folder = join(import.meta.dirname, "../../../shared/fixtures/kubernetes/gke-kubevious");
const list = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ ownerReferences: z.array(z.unknown()).default([]) }),
      spec: z.object({ nodeName: z.string().optional() }).optional(),
    }),
  ),
});

describe.skipIf(!existsSync(folder))("the dump of a real cluster (skipped without the fixtures)", () => {
  let engine: Engine;
  let client: pg.Client;
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];

  beforeAll(async () => {
    engine = await openEngine({ kind: "postgres", fast: true });
    await migrate({ connectionString: engine.adminUrl, afterMigrate: declareTypes });
    client = new pg.Client(engine.adminUrl);
    await client.connect();
  }, 60_000);
  afterAll(async () => {
    await client.end();
    await engine.close();
  });

  /** The items of a file, as the importer sends them. */
  async function read(file: string): Promise<string[]> {
    const readings = await Array.fromAsync(kubernetes.read(createReadStream(join(folder, file)), file));
    return readings.flatMap((reading) => ("item" in reading ? [reading.item.line] : []));
  }

  async function report(items: readonly string[]): Promise<void> {
    await client.query(`select from muster.report_items('{}', '{"source": "gke"}', true, true, $1::jsonb)`, [
      `[${items.join(",")}]`,
    ]);
  }

  async function countOf(type: string): Promise<number> {
    const found = await client.query("select from relationships where relationship_type = $1", [type]);
    return found.rowCount ?? 0;
  }

  async function expectComplete(): Promise<void> {
    const objects = files.flatMap((file) => list.parse(JSON.parse(readFileSync(join(folder, file), "utf8"))).items);
    const owners = objects.reduce((sum, { metadata }) => sum + metadata.ownerReferences.length, 0);
    expect(owners).toBe(214);
    expect(await countOf("owned_by")).toBe(owners);
    expect(await countOf("runs_on")).toBe(objects.filter(({ spec }) => spec?.nodeName !== undefined).length);
    await expectEdgesAsDocuments({ sql: async (text) => (await client.query(text)).rows });
  }

  async function forget(): Promise<void> {
    await client.query("with r as (delete from source_records) delete from configuration_items");
    expect((await client.query("select from relationships")).rowCount).toBe(0);
  }

  test("has an edge for every owner and node, whichever order the files come in", { timeout: 120_000 }, async () => {
    const orders = [
      files,
      files.toReversed(),
      ...fc.sample(fc.shuffledSubarray(files, { minLength: files.length }), { seed: 4, numRuns: 4 }),
    ];
    for (const order of orders) {
      for (const file of order) await report(await read(file));
      await expectComplete();
      await forget();
    }
  });

  test("has them too when its objects come in small bulks in any order", { timeout: 120_000 }, async () => {
    const items = (await Promise.all(files.map(read))).flat();
    for (const order of fc.sample(fc.shuffledSubarray(items, { minLength: items.length }), { seed: 5, numRuns: 3 })) {
      for (let from = 0; from < order.length; from += 40) await report(order.slice(from, from + 40));
      await expectComplete();
      await forget();
    }
  });
});
