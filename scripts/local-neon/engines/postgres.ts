import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Engine } from "./engine.ts";
import { postgresBinaries } from "./postgres-binaries.ts";
import { dataFolder, openCluster, temporaryFolder } from "./postgres-cluster.ts";
import { startServer } from "./postgres-process.ts";
import { commandLine, isAlive } from "./process-identity.ts";
import { unprivilegedIdentity } from "./unprivileged.ts";

/** Where and how PostgreSQL runs. */
export interface PostgresOptions {
  /** Folder for cluster, password and log; made on the first start, kept between starts. Without one the data is gone on close. */
  readonly dataDir?: string;
  /** Trades durability for speed: for data that may be lost, as in tests. */
  readonly fast?: boolean;
  /** Preferred port; another is chosen when it is taken. */
  readonly port?: number;
}

const MAX_CONNECTIONS = 100;
const FAST_SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
const STOPPING_DEADLINE_MS = 15_000;
const POLL_MS = 50;

/**
 * Starts PostgreSQL 18 from the binaries that npm installed, on 127.0.0.1, with its data in the given folder. As root it
 * runs under an unprivileged user. Throws when the binaries are missing or another server uses the folder.
 */
export async function openPostgres({ dataDir, fast = false, port }: PostgresOptions): Promise<Engine> {
  const identity = unprivilegedIdentity();
  const native = await postgresBinaries(identity);
  const folder = dataDir === undefined ? await temporaryFolder(identity) : await dataFolder(dataDir, identity);
  const discard = () => (dataDir === undefined ? rm(folder, { recursive: true }) : undefined);
  try {
    const { data, password } = await openCluster(folder, native, identity, fast);
    await refuseSecondServer(data);
    const settings = [`max_connections=${MAX_CONNECTIONS}`, ...(fast ? FAST_SETTINGS : [])];
    const server = await startServer({ native, folder, data, password, identity, port, settings });
    const close = async () => {
      await server.stop();
      await discard();
    };
    return { kind: "postgres", adminUrl: server.url, maxConnections: MAX_CONNECTIONS, close };
  } catch (error) {
    await discard();
    throw error;
  }
}

// PostgreSQL tells a dead server's postmaster.pid from a live one's, except when the id now belongs to another program of the
// same user: common in containers. Its own check of shared memory still finds processes that outlived their server.
async function refuseSecondServer(data: string): Promise<void> {
  const pidFile = join(data, "postmaster.pid");
  const deadline = Date.now() + STOPPING_DEADLINE_MS;
  while (existsSync(pidFile)) {
    const [first = "", , , , , , , status = ""] = readFileSync(pidFile, "utf8").split("\n");
    const pid = Number(first);
    if (!(pid > 0) || !isAlive(pid)) return;
    if (!/postgres/.test(commandLine(pid) ?? "postgres")) return rm(pidFile);
    if (status.trim() !== "stopping" || Date.now() > deadline) {
      throw new Error(`${data} is in use by a running PostgreSQL server (process ${pid}); stop it first`);
    }
    await pause(POLL_MS);
  }
}
