import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";
import { parseKeysCommand } from "../../scripts/stack/keys/options.ts";
import { UsageError } from "../../scripts/stack/usage-error.ts";
import { runScript, startServe, temporaryFolder } from "./serve-process.ts";

const items = "/api/v1/configuration-items";
const keyList = z.array(
  z.object({ id: z.guid(), name: z.string(), tier: z.string(), revoked_at: z.string().nullable() }),
);

describe("keys", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let engine: Engine;
  let start: () => ReturnType<typeof startServe>;
  let keys: (...args: string[]) => ReturnType<typeof runScript>;
  let remoteKeys: (...args: string[]) => ReturnType<typeof runScript>;

  beforeAll(async () => {
    data = await temporaryFolder();
    engine = await openEngine({ kind: "postgres", fast: true });
    start = () =>
      startServe("--database-url", engine.adminUrl, "--data-dir", data.folder, "--no-sample", "--port", "0");
    keys = (...args) => runScript("keys.ts", [...args, "--data-dir", data.folder]);
    remoteKeys = (...args) => {
      const secrets: unknown = JSON.parse(readFileSync(join(data.folder, "secrets.json"), "utf8"));
      const { api_key_peppers: peppers } = z.object({ api_key_peppers: z.string() }).parse(secrets);
      return runScript("keys.ts", args, { DATABASE_URL: engine.adminUrl, API_KEY_PEPPERS: peppers });
    };
  }, 60_000);
  afterAll(async () => {
    await engine.close();
    await data.remove();
  });

  test("are made, listed and revoked, on the local stack and by a database's URL", { timeout: 60_000 }, async () => {
    const serve = await start();
    const local = await keys("create", "--name", "dashboard", "--tier", "readonly", "--quiet");
    expect(local.stdout).toMatch(/^ps_ro_\w+\n$/);
    const remote = await remoteKeys("create", "--name", "ann", "--tier", "user", "--user", "ann", "--rate-limit", "7");
    expect(remote.stdout).toMatch(/^ps_usr_\w+\n\nid [-0-9a-f]+, tier user\./);
    const [dashboard, ann] = [local.stdout.trim(), remote.stdout.split("\n")[0]];

    expect((await serve.get(items, dashboard)).status).toBe(200);
    const answer = await serve.get(items, ann);
    expect([answer.status, answer.headers.get("X-RateLimit-Limit")]).toEqual([200, "7"]);

    const listed = keyList.parse(JSON.parse((await keys("list", "--json")).stdout));
    expect(listed.map(({ name, tier }) => [name, tier])).toEqual([
      ["local stack", "admin"],
      ["dashboard", "readonly"],
      ["ann", "user"],
    ]);
    const id = listed.find(({ name }) => name === "dashboard")?.id ?? "";
    expect(await keys("revoke", id)).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
    expect(await remoteKeys("revoke", id)).toMatchObject({ code: 1, stderr: expect.stringContaining("no key") });
    expect((await remoteKeys("list")).stdout).toContain("dashboard");
    await serve.end("SIGTERM");

    const fresh = await start();
    expect((await fresh.get(items, dashboard)).status).toBe(401);
    expect((await fresh.get(items, ann)).status).toBe(200);
    await fresh.end("SIGTERM");
    expect(await keys("list")).toMatchObject({ code: 1, stderr: expect.stringContaining("no local stack runs") });
  });

  test("come with a clear error for what is not understood", { timeout: 30_000 }, async () => {
    const create = ["create", "--name", "x"];
    for (const args of [
      [],
      ["make"],
      ["create"],
      [...create, "--tier", "root"],
      [...create, "--tier", "user"],
      ["revoke", "7"],
      ["list", "--quiet"],
    ]) {
      expect(() => parseKeysCommand(args)).toThrow(UsageError);
    }
    const { code, stdout, stderr } = await keys(...create, "--expires", "2020-01-01T00:00:00Z");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: --expires .*\nSee `npm run keys -- --help`\.\n$/);
  });

  const fresh = ["pepper", "master-key", "signing-key"];
  test.each(fresh)("a fresh %s is one that a Worker takes", { timeout: 30_000 }, async (verb) => {
    const { stdout } = await runScript("keys.ts", [verb]);
    expect(stdout).toMatch(/^\d{12}=[\w-]{43}\n$/);
  });
});
