import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseOptions } from "../../scripts/stack/options.ts";
import { UsageError } from "../../scripts/stack/usage-error.ts";
import { descendants, npmServe, runScript, running, startServe, temporaryFolder } from "./serve-process.ts";

const isLinux = process.platform === "linux";

describe.each(["pglite", "postgres"] as const)("serve on %s", (engine) => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let options: string[];

  beforeAll(async () => {
    data = await temporaryFolder();
    options = ["--engine", engine, "--data-dir", data.folder, "--no-sample"];
  });
  afterAll(() => data.remove());

  test(
    "answers once it has written its one line, keeps its data, and leaves no process",
    { timeout: 60_000 },
    async () => {
      const first = await npmServe(...options, "--port", "0");
      expect((await first.get("/health", null)).status).toBe(200);
      expect((await first.get("/api/v1/configuration-items", null)).status).toBe(401);
      expect(await (await first.get("/api/v1/configuration-items")).json()).toMatchObject({ total: 0 });
      const item = { name: "printer", ci_type: "device" };
      expect((await first.post("/api/v1/configuration-items", item)).status).toBe(201);
      const local = join(data.folder, "local.json");
      expect(JSON.parse(readFileSync(local, "utf8"))).toMatchObject({ url: first.url, admin_key: first.adminKey });
      expect(["local.json", "secrets.json"].map((name) => statSync(join(data.folder, name)).mode & 0o777)).toEqual([
        0o600, 0o600,
      ]);
      const children = isLinux ? descendants(first.pid).map(({ pid }) => pid) : [];
      const { code, stdout } = await first.end("SIGTERM");
      expect(code).toBe(0);
      expect(stdout).toBe(`${JSON.stringify({ url: first.url, admin_key: first.adminKey })}\n`);
      expect(running(children)).toEqual([]);
      expect(existsSync(local)).toBe(false);

      const second = await startServe(...options, "--port", "0");
      expect(second.adminKey).toBe(first.adminKey);
      expect(await (await second.get("/api/v1/configuration-items")).json()).toMatchObject({ total: 1 });
      expect((await second.end("SIGINT")).code).toBe(0);
    },
  );
});

describe("serve", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let options: string[];

  beforeAll(async () => {
    data = await temporaryFolder();
    options = ["--engine", "postgres", "--data-dir", data.folder, "--no-sample"];
  });
  afterAll(() => data.remove());

  test.skipIf(!isLinux)("ends, naming it, when a part of it ends", { timeout: 30_000 }, async () => {
    const serve = await startServe(...options, "--port", "0");
    const workerd = descendants(serve.pid).find(({ command }) => /workerd serve/.test(command));
    process.kill(workerd?.pid ?? 0, "SIGKILL");
    const { code, stderr } = await serve.end();
    expect(code).toBe(1);
    expect(stderr).toContain("workerd ended (SIGKILL)");
  });

  test.skipIf(!isLinux)("is not outlived by its parts when it is killed", { timeout: 30_000 }, async () => {
    const serve = await startServe(...options, "--port", "0");
    const children = descendants(serve.pid).map(({ pid }) => pid);
    expect(children.length).toBeGreaterThan(0);
    await serve.end("SIGKILL");
    await expect.poll(() => running(children), { timeout: 10_000 }).toEqual([]);
  });

  test(
    "takes another port when the usual one is taken, but not when one was asked for",
    { timeout: 30_000 },
    async () => {
      const taken = createServer();
      // Where something else has the port, it is taken as well.
      await new Promise<void>((done) => taken.once("error", () => done()).listen(8787, "127.0.0.1", done));
      const serve = await startServe(...options);
      expect((await serve.get("/health", null)).status).toBe(200);
      expect(new URL(serve.url).port).not.toBe("8787");
      expect((await serve.end("SIGTERM")).code).toBe(0);
      const { code, stderr } = await runScript("serve.ts", [...options, "--port", "8787"]);
      taken.close();
      expect(code).toBe(1);
      expect(stderr).toContain("port 8787 is taken");
    },
  );

  test("refuses what it does not understand", { timeout: 30_000 }, async () => {
    for (const args of [["--prot", "1"], ["--port", "x"], ["--engine", "mysql"], ["--rate-limit", "-1"], ["x"]]) {
      expect(() => parseOptions(args, "npm run serve")).toThrow(UsageError);
    }
    expect(() => parseOptions(["--json"], "npm start")).toThrow(UsageError);
    const { code, stdout, stderr } = await runScript("serve.ts", ["--database-url", "mysql://x"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: --database-url .*\nSee `npm run serve -- --help`\.\n$/);
  });
});
