import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../scripts/local-neon/engines/engine.ts";
import { startLocalNeon } from "../scripts/local-neon/server.ts";
import { adminKey } from "../scripts/stack/admin-key.ts";
import { variablesOf } from "../scripts/stack/bindings.ts";
import { buildWorker } from "../scripts/stack/build-worker.ts";
import type { LocalDatabase } from "../scripts/stack/database.ts";
import { choosePort } from "../scripts/stack/ports.ts";
import { openSecrets } from "../scripts/stack/secrets.ts";
import { startWorkerd } from "../scripts/stack/workerd.ts";

/** The built Worker in bare workerd before a database. */
export interface BenchWorker {
  readonly url: string;
  readonly key: string;
  /** The process. */
  readonly pid: number;
}

/** Builds and starts the Worker, refusing no request. Whatever it started, `closing` ends. */
export async function startBenchWorker(
  engine: Engine,
  dataDir: string,
  closing: AsyncDisposableStack,
): Promise<BenchWorker> {
  const build = await buildWorker(closing);
  const endpoint = await startLocalNeon({ engine });
  closing.defer(() => endpoint.close());
  const { username, host, pathname } = new URL(engine.adminUrl);
  const urlOf = (role: string) => `postgres://${role}:local@127.0.0.1${pathname}`;
  const database: LocalDatabase = {
    name: `${host}${pathname}`,
    endpoint: endpoint.url,
    apiUrl: urlOf("muster_api"),
    jobsUrl: urlOf("muster_jobs"),
    ownerUrl: urlOf(username),
    ended: new Promise(() => undefined),
  };
  const secrets = openSecrets(dataDir);
  const key = await adminKey(database, secrets);
  const port = await choosePort(0);
  const started = await startWorkerd(build, {
    variables: variablesOf(database, secrets, 0),
    port,
    dataDir,
    closing,
    signal: new AbortController().signal,
  });
  return { url: started.url, key, pid: processWith(`--socket-addr=muster=127.0.0.1:${port}`) };
}

/** Resident memory of a process, and the most it ever was, in MB. */
export function residentMemory(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
}

/** CPU seconds that a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function processWith(argument: string): number {
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (
        readFileSync(join("/proc", name, "cmdline"), "utf8")
          .split("\0")
          .includes(argument)
      )
        return Number(name);
    } catch {
      continue; // it ended meanwhile
    }
  }
  throw new Error("the Worker's process is not to be found: memory is measured on Linux only");
}
