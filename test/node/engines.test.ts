import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../scripts/local-neon/engines/engine.ts";
import { startLocalNeon } from "../../scripts/local-neon/server.ts";
import { openEngine } from "../../scripts/local-neon/start-database.ts";

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(await realpath(tmpdir()), "muster-engines-"));
  await chmod(home, 0o755);
});

afterAll(() => rm(home, { recursive: true, force: true }));

describe.each(["postgres", "pglite"] as const)("%s", (kind) => {
  test("keeps its data when it is closed and opened again", async () => {
    const dataDir = join(home, `${kind}-restart`);
    await using(await openEngine({ kind, dataDir }), (engine) => query(engine, "CREATE TABLE kept AS SELECT 1 AS id"));
    await using(await openEngine({ kind, dataDir }), async (engine) => {
      expect(await query(engine, "SELECT * FROM kept")).toEqual([{ id: 1 }]);
    });
  }, 60_000);

  test("refuses a folder that is in use, naming the process", async () => {
    const dataDir = join(home, `${kind}-restart`);
    await using(await openEngine({ kind, dataDir }), async (engine) => {
      await expect(openEngine({ kind, dataDir })).rejects.toThrow(/in use by .*process \d+/);
      expect(await query(engine, "SELECT * FROM kept")).toEqual([{ id: 1 }]);
    });
  }, 60_000);

  test("finds what was committed after the process that ran it was killed", async () => {
    const dataDir = join(home, `${kind}-killed`);
    const { url, kill } = await openInChild(kind, dataDir);
    await queryUrl(url, "CREATE TABLE kept AS SELECT 2 AS id");
    await kill();
    // Nothing of the killed process may go on serving the folder.
    await expect
      .poll(
        () =>
          queryUrl(url, "SELECT 1").then(
            () => "serves",
            () => "gone",
          ),
        { timeout: 20_000 },
      )
      .toBe("gone");
    await using(await openEngine({ kind, dataDir }), async (engine) => {
      expect(await query(engine, "SELECT * FROM kept")).toEqual([{ id: 2 }]);
    });
  }, 60_000);
});

test("pglite ends cleanly by an error it cannot survive, and its folder can be opened again", async () => {
  const dataDir = join(home, "pglite-fatal");
  const engine = await openEngine({ kind: "pglite", dataDir });
  await query(engine, "CREATE TABLE kept AS SELECT 4 AS id");
  await expect(query(engine, "COPY kept FROM STDIN")).rejects.toThrow(/terminat|EOF/);
  await expect(query(engine, "SELECT 1")).rejects.toThrow(/ECONNREFUSED|terminated|ECONNRESET/);
  await engine.close();
  await using(await openEngine({ kind: "pglite", dataDir }), async (again) => {
    expect(await query(again, "SELECT * FROM kept")).toEqual([{ id: 4 }]);
  });
}, 60_000);

describe("postgres", () => {
  test("starts over a server that was killed, and over the pid file of another program", async () => {
    const dataDir = join(home, "postgres-stale");
    const first = await openEngine({ kind: "postgres", dataDir });
    await query(first, "CREATE TABLE kept AS SELECT 3 AS id");
    const pidFile = join(String((await query(first, "SHOW data_directory"))[0]?.["data_directory"]), "postmaster.pid");
    const [pid = ""] = (await readFile(pidFile, "utf8")).split("\n");
    process.kill(Number(pid), "SIGKILL");
    await first.close();
    await using(await openEngine({ kind: "postgres", dataDir, fast: true }), async (engine) => {
      expect(await query(engine, "SELECT * FROM kept")).toEqual([{ id: 3 }]);
    });
    await writeFile(pidFile, `${process.pid}\n${dataDir}\n0\n1\n\n127.0.0.1\n\nready   \n`, { mode: 0o644 });
    await using(await openEngine({ kind: "postgres", dataDir, fast: true }), (engine) => query(engine, "SELECT 1"));
  }, 60_000);

  test("takes another port when the preferred one is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as AddressInfo; // listening on a host and port
    await using(await openEngine({ kind: "postgres", fast: true, port }), async (engine) => {
      expect(new URL(engine.adminUrl).port).not.toBe(String(port));
      await query(engine, "SELECT 1");
    });
    blocker.close();
  }, 60_000);

  test("runs for a folder that only its owner may enter, root included", async () => {
    const locked = join(home, "locked");
    await mkdir(locked, { mode: 0o700 });
    const dataDir = join(locked, ".muster", "postgres");
    const places: unknown[] = [];
    for (let start = 0; start < 2; start++) {
      await using(await openEngine({ kind: "postgres", dataDir, fast: true }), async (engine) => {
        places.push((await query(engine, "SHOW data_directory"))[0]?.["data_directory"]);
      });
    }
    expect(places[0]).toBe(places[1]);
    await rm(join(String(places[0]), ".."), { recursive: true });
  }, 60_000);

  test("serves the endpoint on, for the next call, after the database was away", async () => {
    const dataDir = join(home, "postgres-away");
    const first = await openEngine({ kind: "postgres", dataDir, fast: true });
    const endpoint = await startLocalNeon({ engine: first });
    const call = () =>
      fetch(endpoint.url, {
        method: "POST",
        headers: { "Neon-Connection-String": "postgres://postgres@db/postgres" },
        body: '{"query":"SELECT 1"}',
      });
    expect((await call()).status).toBe(200);
    await first.close();
    const away = await call();
    expect([away.status, await away.text()]).toEqual([500, expect.stringMatching(/could not connect|terminat/)]);
    const port = Number(new URL(first.adminUrl).port);
    await using(await openEngine({ kind: "postgres", dataDir, fast: true, port }), async () => {
      expect((await call()).status).toBe(200);
      await endpoint.close();
    });
  }, 60_000);
});

async function using(engine: Engine, work: (engine: Engine) => Promise<unknown>): Promise<void> {
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

/** Opens the engine in a process of its own, which a test may kill without warning. */
async function openInChild(
  kind: "postgres" | "pglite",
  dataDir: string,
): Promise<{ url: string; kill: () => Promise<void> }> {
  const module = pathToFileURL(join(import.meta.dirname, "../../scripts/local-neon/start-database.ts")).href;
  const script = `import { openEngine } from ${JSON.stringify(module)};
    console.log((await openEngine(${JSON.stringify({ kind, dataDir })})).adminUrl);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [url]: string[] = await once(createInterface(child.stdout), "line");
  return {
    url: url ?? "",
    kill: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

function query(engine: Engine, text: string): Promise<Record<string, unknown>[]> {
  return queryUrl(engine.adminUrl, text);
}

async function queryUrl(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on("error", () => undefined); // a server that ends under the connection is what some tests are about
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
