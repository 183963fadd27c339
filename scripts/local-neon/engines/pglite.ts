import { fileURLToPath } from "node:url";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { lockData } from "./data-lock.ts";
import type { Engine } from "./engine.ts";

const LIMITS =
  "PGlite runs one statement at a time, without statement timeouts and without cancel; for load use PostgreSQL.\n";

let hasWarned = false;

/**
 * Starts PGlite (PostgreSQL 18 in WebAssembly) in a worker thread, reachable over TCP on 127.0.0.1 by one connection at a time.
 * Data is in the folder, or in memory and gone at the end without one. Throws when another process uses the folder.
 */
export async function openPglite(dataDir: string | undefined): Promise<Engine> {
  const folder = dataDir === undefined ? undefined : resolve(dataDir);
  if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unlock = folder === undefined ? () => undefined : lockData(join(folder, "lock"));
  if (!hasWarned) process.stderr.write(LIMITS);
  hasWarned = true;
  const { worker, port, exited } = await launch(folder === undefined ? undefined : join(folder, "cluster"), unlock);
  return {
    kind: "pglite",
    adminUrl: `postgres://postgres@127.0.0.1:${port}/postgres`,
    maxConnections: 1,
    ended: exited.then(() => "PGlite ended"),
    async close() {
      worker.postMessage("close");
      await exited;
    },
  };
}

async function launch(
  dataDir: string | undefined,
  onExit: () => void,
): Promise<{ worker: Worker; port: number; exited: Promise<void> }> {
  const worker = new Worker(fileURLToPath(import.meta.resolve("./pglite-worker.ts")), {
    workerData: { dataDir },
    execArgv: [],
  });
  const exited = new Promise<void>((done) => worker.once("exit", () => done())).then(onExit);
  const port = await new Promise<number>((done, fail) => {
    worker.once("message", done).once("error", fail);
    void exited.then(() => fail(new Error("PGlite ended before it was ready")));
  });
  worker.removeAllListeners("error");
  worker.on("error", (error) => process.stderr.write(`PGlite failed: ${String(error)}\n`));
  return { worker, port, exited };
}
