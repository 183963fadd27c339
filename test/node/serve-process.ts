import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";

const projectFolder = join(import.meta.dirname, "../..");
const announcement = z.strictObject({ url: z.url(), admin_key: z.string() });

/** `serve --json` as a process of its own. */
export interface ServeProcess {
  readonly url: string;
  readonly adminKey: string;
  readonly pid: number;
  /** Asks with the admin key, or another, or none. */
  get(path: string, key?: string | null): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  /** Sends a signal, or waits without one, and answers how it ended and all it wrote. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts the stack and resolves with its first line on standard output. Throws with its complaint when it ends first. */
export function startServe(...args: string[]): Promise<ServeProcess> {
  return start(process.execPath, [join(projectFolder, "scripts/serve.ts"), "--json", ...args]);
}

/** The same through npm, as the README says it. */
export function npmServe(...args: string[]): Promise<ServeProcess> {
  return start("npm", ["run", "--silent", "serve", "--", "--json", ...args]);
}

async function start(command: string, args: readonly string[]): Promise<ServeProcess> {
  const child = spawn(command, args, { cwd: projectFolder, stdio: ["ignore", "pipe", "pipe"] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, "exit");
  const line = await new Promise<string>((done, fail) => {
    child.stdout.once("data", (chunk: Buffer) => done(chunk.toString()));
    void Promise.all([ended, output]).then(([, [, stderr]]) => fail(new Error(stderr)));
  });
  const { url, admin_key: adminKey } = announcement.parse(JSON.parse(line));
  const headers = (key: string | null) => (key === null ? {} : { "X-API-Key": key });
  return {
    url,
    adminKey,
    pid: child.pid ?? 0,
    get: (path, key = adminKey) => fetch(url + path, { headers: headers(key) }),
    post: (path, body) =>
      fetch(url + path, {
        method: "POST",
        headers: { ...headers(adminKey), "Content-Type": "application/json" },
        body: JSON.stringify(body),
      }),
    async end(signal) {
      if (signal) child.kill(signal);
      await ended;
      const [stdout, stderr] = await output;
      return { code: child.exitCode, stdout, stderr };
    },
  };
}

/** Runs a script of the project to its end. */
export async function runScript(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { DATABASE_URL: _url, API_KEY_PEPPERS: _peppers, CREDENTIAL_KEYS: _keys, ...own } = process.env;
  const child = spawn(process.execPath, [join(projectFolder, "scripts", script), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...own, ...env },
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: child.exitCode, stdout, stderr };
}

/** A folder for one test's data that PostgreSQL reaches too, when it runs as another user; and how to remove it. */
export async function temporaryFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "muster-test-"));
  await chmod(folder, 0o711);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The processes that a process started, and those that they did, with their command lines. Linux only. */
export function descendants(pid: number): { pid: number; command: string }[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
  return children.flatMap((child) => [
    { pid: child, command: read(`/proc/${child}/cmdline`).replaceAll("\0", " ") },
    ...descendants(child),
  ]);
}

/** Which of these processes still run; one that only waits to be reaped does not. */
export function running(pids: readonly number[]): number[] {
  return pids.filter((pid) => existsSync(`/proc/${pid}`) && fieldsOf(String(pid))[0] !== "Z");
}

function parentOf(pid: string): number {
  return Number(fieldsOf(pid)[1]);
}

// The command name may hold spaces and brackets, so fields are counted after its last bracket.
function fieldsOf(pid: string): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // the process has gone meanwhile
  }
}
