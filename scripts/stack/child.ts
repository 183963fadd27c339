import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

/** What to run, and what it may see. */
export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Standard output and standard error: ours, or to be read from `output`. */
  readonly output: "stderr" | "pipe";
}

/** A process of ours, with its descendants. */
export interface Child {
  readonly pid: number | undefined;
  readonly output: readonly Readable[];
  /** File descriptor 3 of the process. */
  readonly control: Readable;
  /** Resolves when it ends, with how; stopping it is an end as well. */
  readonly ended: Promise<string>;
  /** Ends it, by force after a while, and everything it started. */
  stop(): Promise<void>;
}

const stopDeadlineMs = 5000;

/** Starts a process in a group of its own, that neither Ctrl-C in the terminal nor our own death leaves behind. */
export function startChild({ name, command, args, env, cwd, output }: ChildOptions): Child {
  const stream = output === "pipe" ? "pipe" : process.stderr;
  const child = spawn(command, args, {
    env,
    cwd,
    stdio: ["ignore", stream, stream, "pipe"],
    // Ctrl-C reaches our whole group: the child is to outlive the last requests and be stopped by us.
    detached: process.platform !== "win32",
  });
  let isRunning = true;
  const ended = new Promise<string>((done) => {
    child.once("error", (error) => done(`${name} could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      signalGroup(child, "SIGKILL"); // what it left behind, before its id can be given to a stranger
      done(`${name} ended (${signal ?? `exit code ${code}`})`);
    });
  }).finally(() => (isRunning = false));
  const watchdog = watch(child);
  return {
    pid: child.pid,
    output: [child.stdout, child.stderr].filter((readable) => readable !== null),
    control: child.stdio[3] as Readable, // stdio asked for a pipe that we only read
    ended,
    async stop() {
      if (isRunning) signalGroup(child, "SIGTERM");
      const impatience = setTimeout(() => signalGroup(child, "SIGKILL"), stopDeadlineMs);
      await ended;
      clearTimeout(impatience);
      if (watchdog && watchdog.exitCode === null && watchdog.signalCode === null) await once(watchdog, "exit");
    },
  };
}

// Our death, even by SIGKILL, closes the pipe, and the watchdog then ends the group. Windows has no such shell.
function watch(child: ChildProcess): ChildProcess | undefined {
  if (process.platform === "win32" || child.pid === undefined) return undefined;
  const script = 'read -r _; kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1"';
  const watchdog = spawn("/bin/sh", ["-c", script, "sh", String(child.pid)], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.once("error", (error) => process.stderr.write(`workers may outlive this process: ${error.message}\n`));
  // A process that ended by itself must not leave a watchdog that would signal a stranger with its id.
  child.once("exit", () => watchdog.kill("SIGKILL"));
  return watchdog;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (process.platform === "win32") {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone) throw error;
  }
}
