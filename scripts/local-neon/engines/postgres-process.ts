import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { program } from "./postgres-binaries.ts";
import { OWNER, SERVER_ENVIRONMENT } from "./postgres-cluster.ts";
import type { Identity } from "./unprivileged.ts";

/** What a server needs to start. */
export interface ServerOptions {
  readonly native: string;
  readonly folder: string;
  readonly data: string;
  readonly password: string;
  readonly identity: Identity | undefined;
  /** Preferred port; another is chosen when it is taken. */
  readonly port: number | undefined;
  /** Server settings, `name=value`. */
  readonly settings: readonly string[];
}

/** A server that answers. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 120_000; // recovery after a crash replays the log first
const POLL_MS = 20;

/** Starts the server and resolves once it answers. Throws with the end of its log when it does not. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (let wanted = options.port; ; wanted = undefined) {
    const port = await freePort(wanted);
    if (wanted !== undefined && port !== wanted)
      process.stderr.write(`Port ${wanted} is taken: PostgreSQL uses ${port}\n`);
    const child = launch(options, port);
    const url = `postgres://${OWNER}:${options.password}@127.0.0.1:${port}/postgres`;
    if (await answers(child, url, deadline)) {
      const watchdog = watch(child, options.identity);
      return { url, stop: () => stop(child, watchdog, options) };
    }
    const log = readFileSync(join(options.folder, "server.log"), "utf8");
    const isTransient = /could not bind|pre-existing shared memory block/.test(log);
    if (!isTransient || Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${log.slice(-2000).trim()}`);
    await pause(POLL_MS);
  }
}

function launch({ native, folder, data, identity, settings }: ServerOptions, port: number): ChildProcess {
  const fixed = [
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
  ];
  const options = [...fixed, ...settings].flatMap((setting) => ["-c", setting]);
  const log = openSync(join(folder, "server.log"), "w", 0o600);
  try {
    return spawn(program(native, "postgres"), ["-D", data, ...options], {
      ...identity,
      cwd: folder,
      env: SERVER_ENVIRONMENT,
      stdio: ["ignore", log, log],
      // Ctrl-C in the terminal reaches our whole group: the server is to outlive the last requests and be stopped by us.
      detached: process.platform !== "win32",
    });
  } finally {
    closeSync(log);
  }
}

async function answers(child: ChildProcess, url: string, deadline: number): Promise<boolean> {
  const launched = new Promise<void>((done, fail) => child.once("spawn", done).once("error", fail));
  await launched;
  while (child.exitCode === null && child.signalCode === null) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    client.on("error", () => undefined); // a connection lost while starting is tried again below
    try {
      await client.connect();
      await client.end();
      return true;
    } catch (error) {
      const isRefused = error instanceof pg.DatabaseError && error.code !== "57P03"; // 57P03: still starting
      if (isRefused || Date.now() > deadline) {
        child.kill("SIGQUIT");
        throw error;
      }
      await pause(POLL_MS);
    }
  }
  return false;
}

// Our death, even by SIGKILL, closes the pipe, and the watchdog then stops the server. Windows has no such shell.
function watch(child: ChildProcess, identity: Identity | undefined): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const script = 'read -r _; kill -INT "$1"';
  const watchdog = spawn("/bin/sh", ["-c", script, "sh", String(child.pid)], {
    ...identity,
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.once("error", (error) => process.stderr.write(`PostgreSQL will not stop by itself: ${error.message}\n`));
  // A server that ended by itself must not leave a watchdog that would signal a stranger with its process id.
  child.once("exit", () => watchdog.kill("SIGKILL"));
  return watchdog;
}

const STOP_DEADLINE_MS = 15_000;

async function stop(child: ChildProcess, watchdog: ChildProcess | undefined, options: ServerOptions): Promise<void> {
  const exits = [child, ...(watchdog ? [watchdog] : [])].map(exitOf);
  if (process.platform === "win32") {
    spawn(program(options.native, "pg_ctl"), ["stop", "-m", "fast", "-D", options.data], { env: SERVER_ENVIRONMENT });
  } else {
    child.kill("SIGINT");
  }
  const impatience = setTimeout(() => child.kill("SIGQUIT"), STOP_DEADLINE_MS);
  await Promise.all(exits);
  clearTimeout(impatience);
}

async function exitOf(child: ChildProcess): Promise<void> {
  const isRunning = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  if (isRunning) await once(child, "exit");
}

/** A port that was free a moment ago on 127.0.0.1: the preferred one if possible. */
async function freePort(preferred: number | undefined): Promise<number> {
  const server = createServer();
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (preferred !== undefined && error.code === "EADDRINUSE") done(freePort(undefined));
      else fail(error);
    });
    server.listen(preferred ?? 0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => done(port));
    });
  });
}
