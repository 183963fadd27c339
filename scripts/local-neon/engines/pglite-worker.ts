import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import type { Extensions } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { startTurnstile } from "./turnstile.ts";

// The thread PGlite runs in, so that a long statement does not stop the process that serves it. Told where the data is,
// it answers with its port; on any message it closes the database and ends.

const { dataDir } = workerData as { dataDir: string | undefined }; // set by openPglite

if (dataDir !== undefined && !existsSync(dataDir)) await initialise(dataDir);
const db = await PGlite.create({
  dataDir: dataDir ?? "memory://",
  extensions: { pg_trgm, ...(await vectorExtension()) },
});
// Its own limit of connections is not used: connections that overlapped would share one session and mix their messages.
const inner = new PGLiteSocketServer({ db, port: 0, host: "127.0.0.1", maxConnections: 100 });
await inner.start();
const turnstile = await startTurnstile(Number(inner.getServerConn().split(":").at(-1)), cleanSession);

parentPort?.postMessage(turnstile.port);
parentPort?.once("message", () => void close());

// A first start that is killed half-way must not leave half a cluster under the final name.
async function initialise(folder: string): Promise<void> {
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await (await PGlite.create({ dataDir: draft })).close();
  await rename(draft, folder);
}

async function vectorExtension(): Promise<Extensions> {
  try {
    const { vector } = await import("@electric-sql/pglite-pgvector");
    return { vector };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return {}; // optional
    throw error;
  }
}

// All connections share PGlite's one session: the next client must find nothing of the last one's.
async function cleanSession(): Promise<void> {
  if (db.isInTransaction()) await db.exec("ROLLBACK");
  await db.exec("DISCARD ALL");
}

async function close(): Promise<void> {
  await turnstile.close();
  await inner.stop();
  await db.close();
  parentPort?.close();
}
