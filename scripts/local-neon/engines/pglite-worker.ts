import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import type { Extensions } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { startTurnstile } from "./turnstile.ts";
import type { Turn } from "./turnstile.ts";

// The thread PGlite runs in, so that a long statement does not stop the process that serves it. Told where the data is,
// it answers with its port; on any message it closes the database and ends.

const { dataDir } = workerData as { dataDir: string | undefined }; // set by openPglite

if (dataDir !== undefined && !existsSync(dataDir)) await initialise(dataDir);
const db = await PGlite.create({
  dataDir: dataDir ?? "memory://",
  extensions: { pg_trgm, ...(await vectorExtension()) },
});
endOnFatalError();
const turnstile = await startTurnstile(startTurn);

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

// All connections share PGlite's one session, so they take turns and the next finds nothing of the last one's. Each turn has a
// socket server of its own, so that clearing up after a client that vanished cannot reach into the next one's transaction.
async function startTurn(): Promise<Turn> {
  if (db.isInTransaction()) await db.exec("ROLLBACK");
  await db.exec("DISCARD ALL");
  const server = new PGLiteSocketServer({ db, port: 0, host: "127.0.0.1" });
  await server.start();
  return { port: Number(server.getServerConn().split(":").at(-1)), end: () => server.stop() };
}

// PGlite does not survive an error of the class FATAL, such as that of COPY FROM STDIN: the next statement would spin for ever.
function endOnFatalError(): void {
  const run = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = async (message, options) => {
    try {
      await run(message, options);
    } catch (error) {
      process.stderr.write(`PGlite ended by a fatal error and has to be started again: ${JSON.stringify(error)}\n`);
      process.exit(1); // of this thread only
    }
  };
}

async function close(): Promise<void> {
  await turnstile.close();
  await db.close();
  parentPort?.close();
}
