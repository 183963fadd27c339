import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { startLocalNeon } from "../../scripts/local-neon/server.ts";
import type { LocalNeon } from "../../scripts/local-neon/server.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";
import { declareTypes } from "../../scripts/migrate/declare-types.ts";
import { isInventoryEmpty, playSample, type SampleDatabases, seeSample } from "../../scripts/stack/sample-loader.ts";
import { connect } from "../../src/db/client.ts";

describe("the sample loader", () => {
  let engine: Engine;
  let endpoint: LocalNeon;
  let databases: SampleDatabases;

  beforeAll(async () => {
    engine = await openEngine({ kind: "postgres", fast: true });
    await migrate({ connectionString: engine.adminUrl, afterMigrate: declareTypes });
    endpoint = await startLocalNeon({ engine });
    const as = (role: string) => connect(`postgres://${role}:x@127.0.0.1/postgres`, { endpoint: endpoint.url });
    databases = { api: as("muster_api"), jobs: as("muster_jobs") };
  }, 60_000);
  afterAll(async () => {
    await endpoint.close();
    await engine.close();
  });

  test(
    "gives an empty inventory a past, goes on where it was broken off, and sees the same again",
    { timeout: 60_000 },
    async () => {
      const now = new Date();
      const breakOff = new AbortController();
      const played: Date[] = [];
      const play = { now, onPlayed: (until: Date) => played.push(until) };
      const halt = (until: Date) => {
        if (play.onPlayed(until) === 20) breakOff.abort(new Error("broken off"));
      };
      expect(await isInventoryEmpty(databases.api)).toBe(true);
      await expect(
        playSample(databases, { now, after: undefined, onPlayed: halt, signal: breakOff.signal }),
      ).rejects.toThrow("broken off");
      expect(await isInventoryEmpty(databases.api)).toBe(false);
      await playSample(databases, { ...play, after: played.at(-1), signal: new AbortController().signal });
      expect(played.at(-1)).toEqual(now);
      expect(played).toEqual([...new Set(played)].toSorted((a, b) => a.getTime() - b.getTime()));

      const before = await census();
      expect(before.active).toBeGreaterThan(200);
      expect(before.inactive).toBeGreaterThan(10);
      expect(before.archived).toBeGreaterThan(10);
      expect(before.oldest_days).toBe(21);
      await seeSample(databases.api, now, new Date(now.getTime() + 60_000), new AbortController().signal);
      expect(await census()).toEqual(before);
    },
  );

  async function census(): Promise<Record<string, number>> {
    const [row] = await databases.api.execute<Record<string, number>>(sql`select
      (select count(*)::integer from configuration_items where status = 'active') as active,
      (select count(*)::integer from configuration_items where status = 'inactive') as inactive,
      (select count(*)::integer from configuration_items where status = 'archived') as archived,
      (select count(*)::integer from changes) as changes,
      (select extract(day from now() - min(changed_at))::integer from changes) as oldest_days`);
    return row ?? {};
  }
});
