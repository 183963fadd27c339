import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { migrate } from "../../scripts/migrate.ts";
import { rotateCredentials } from "../../scripts/stack/keys/rotation.ts";
import { openTarget } from "../../scripts/stack/keys/target.ts";
import { freshSecret } from "../../scripts/stack/secrets.ts";
import { credentialsContext } from "../../src/core/sources/credentials-repository.ts";
import type { Database } from "../../src/db/client.ts";
import { readVault } from "../../src/env.ts";
import { runScript, startServe, temporaryFolder } from "./serve-process.ts";

const [older, newer] = [freshSecret("older"), freshSecret("newer")];
const ring = `${newer},${older}`;
const secretOf = (id: number) => `{"token":"token of ${id}"}`;

let engine: Engine;
let client: pg.Client;
let rotate: (keys: string, ...args: string[]) => ReturnType<typeof runScript>;

beforeAll(async () => {
  engine = await openEngine({ kind: "postgres", fast: true });
  await migrate({ connectionString: engine.adminUrl });
  client = new pg.Client({ connectionString: engine.adminUrl });
  await client.connect();
  rotate = (keys, ...args) =>
    runScript("rotate-credentials.ts", args, { DATABASE_URL: engine.adminUrl, CREDENTIAL_KEYS: keys });
}, 60_000);
afterAll(async () => {
  await client?.end();
  await engine?.close();
});
beforeEach(async () => {
  await client.query("delete from sources");
});

/** Makes sources with credentials under a ring of keys; answers their ids. */
async function addSources(count: number, keys: string): Promise<number[]> {
  const vault = await readVault(keys);
  const ids: number[] = [];
  for (let number = 0; number < count; number++) {
    const { rows } = await client.query<{ id: number }>(
      "insert into sources (name) values (gen_random_uuid()) returning id",
    );
    const id = rows[0]?.id ?? 0;
    await store(id, await vault.seal(credentialsContext(id), secretOf(id)));
    ids.push(id);
  }
  return ids;
}

async function store(id: number, sealed: string): Promise<void> {
  await client.query("update sources set credentials = $2 where id = $1", [id, sealed]);
}

async function stored(): Promise<Map<number, string>> {
  const { rows } = await client.query<{ id: number; credentials: string }>(
    "select id, credentials::text from sources where credentials is not null order by id",
  );
  return new Map(rows.map(({ id, credentials }) => [id, credentials]));
}

async function expectOpen(ids: readonly number[], keys: string): Promise<void> {
  const [vault, rows] = await Promise.all([readVault(keys), stored()]);
  for (const id of ids) {
    expect(await vault.open(credentialsContext(id), rows.get(id) ?? "")).toBe(secretOf(id));
  }
}

describe("rotate-credentials", { timeout: 60_000 }, () => {
  test("seals all credentials under the current master key, after which the older one is not needed", async () => {
    const ids = [...(await addSources(3, older)), ...(await addSources(2, newer))];
    await client.query("insert into sources (name) values ('without credentials')");
    const before = await stored();

    const dry = await rotate(ring, "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toBe("to be re-sealed: 3, under the current key already: 2, changed meanwhile: 0, refused: 0\n");
    expect(await stored()).toEqual(before);

    const first = await rotate(ring);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toBe("re-sealed: 3, under the current key already: 2, changed meanwhile: 0, refused: 0\n");
    await expectOpen(ids, newer);
    const after = await stored();
    expect(ids.slice(3).map((id) => after.get(id))).toEqual(ids.slice(3).map((id) => before.get(id)));

    expect((await rotate(newer)).stdout).toContain("re-sealed: 0, under the current key already: 5,");
    expect(await stored()).toEqual(after);
  });

  test("names the sources whose credentials do not open, leaves them, and does the others", async () => {
    const [lost, moved, damaged, good] = await addSources(4, older);
    const [gone] = await addSources(1, freshSecret("gone"));
    const vault = await readVault(older);
    await store(moved ?? 0, (await stored()).get(lost ?? 0) ?? "");
    await store(damaged ?? 0, '{"password":"in clear"}');
    await store(lost ?? 0, await vault.seal(credentialsContext(0), "x"));
    const before = await stored();

    const { code, stdout, stderr } = await rotate(ring);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: "re-sealed: 1, under the current key already: 0, changed meanwhile: 0, refused: 4\n",
    });
    expect([...stderr.matchAll(/source (\d+) do not open/g)].map(([, id]) => Number(id))).toEqual([
      lost,
      moved,
      damaged,
      gone,
    ]);
    expect(stderr).toContain('its master key "gone" is not among those at hand');
    expect(stderr).not.toMatch(/in clear|token of/);
    await expectOpen([good ?? 0], newer);
    const after = await stored();
    for (const id of [lost, moved, damaged, gone]) {
      expect(after.get(id ?? 0)).toBe(before.get(id ?? 0));
    }
  });

  test("goes on where a run was broken off, batch by batch, and leaves what somebody writes meanwhile", async () => {
    const ids = await addSources(7, older);
    await using target = await openTarget({ DATABASE_URL: engine.adminUrl }, "");
    const vault = await readVault(ring);
    let statements = 0;
    const broken: Database = {
      execute: async (statement) => {
        statements += 1;
        if (statements === 4) throw new Error("the connection is lost");
        return target.database.execute(statement);
      },
    };
    await expect(rotateCredentials(broken, vault, { dryRun: false, batchSize: 2 })).rejects.toThrow("is lost");
    await expectOpen(ids.slice(0, 2), newer);
    await expectOpen(ids.slice(2), older);

    const taken = ids[2] ?? 0;
    const written = await (await readVault(older)).seal(credentialsContext(taken), "written meanwhile");
    const disturbed: Database = {
      execute: async (statement) => {
        const rows = await target.database.execute<never>(statement);
        await target.database.execute(sql`update sources set credentials = ${written}::jsonb where id = ${taken}`);
        return rows;
      },
    };
    const { resealed, current, changed, refused } = await rotateCredentials(disturbed, vault, {
      dryRun: false,
      batchSize: 100,
    });
    expect({ resealed, current, changed, refused }).toEqual({ resealed: 4, current: 2, changed: 1, refused: [] });
    expect(await vault.open(credentialsContext(taken), (await stored()).get(taken) ?? "")).toBe("written meanwhile");
  });

  test("lets two runs at once seal each source once", async () => {
    const ids = await addSources(60, older);
    await using one = await openTarget({ DATABASE_URL: engine.adminUrl }, "");
    await using other = await openTarget({ DATABASE_URL: engine.adminUrl }, "");
    const vault = await readVault(ring);
    const runs = await Promise.all(
      [one, other].map(({ database }) => rotateCredentials(database, vault, { dryRun: false, batchSize: 7 })),
    );
    expect(runs.reduce((sum, { resealed }) => sum + resealed, 0)).toBe(60);
    await expectOpen(ids, newer);
  });

  test("works on the local stack, whose data folder gets the keys that it lacks", async () => {
    const { folder, remove } = await temporaryFolder();
    onTestFinished(remove);
    const args = ["--database-url", engine.adminUrl, "--data-dir", folder, "--no-sample", "--port", "0"];
    const file = join(folder, "secrets.json");
    writeFileSync(
      file,
      JSON.stringify({ api_key_peppers: freshSecret("p"), cursor_secret: freshSecret("").slice(1), databases: {} }),
    );
    await (await startServe(...args)).end("SIGTERM");
    const secrets: Record<string, unknown> = JSON.parse(readFileSync(file, "utf8"));
    const [before, signing] = [String(secrets["credential_keys"]), secrets["signing_keys"]];
    expect([before, signing]).toEqual(Array(2).fill(expect.stringMatching(/^local=[\w-]{43}$/)));
    const ids = await addSources(2, before);

    writeFileSync(file, JSON.stringify({ ...secrets, credential_keys: `${newer},${before}` }));
    const serve = await startServe(...args);
    const run = await runScript("rotate-credentials.ts", ["--data-dir", folder]);
    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("re-sealed: 2,") });
    await expectOpen(ids, newer);
    const published = await serve.get("/.well-known/jwks.json", null);
    expect([published.status, await published.json()]).toEqual([
      200,
      { keys: [expect.objectContaining({ use: "sig" })] },
    ]);
    await serve.end("SIGTERM");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ signing_keys: signing });
  });

  test("says what is missing or malformed, and never shows a key", async () => {
    const unset = await runScript("rotate-credentials.ts", [], { DATABASE_URL: engine.adminUrl });
    expect(unset).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("set CREDENTIAL_KEYS") });
    const { code, stderr } = await rotate(`${older},${older}`);
    expect([code, stderr]).toEqual([1, expect.stringContaining("error: CREDENTIAL_KEYS is id=secret")]);
    expect(stderr).not.toContain(older.slice(6, 20));
    expect(await rotate(ring, "--force")).toMatchObject({ code: 1, stderr: expect.stringContaining("--force") });
  });
});
