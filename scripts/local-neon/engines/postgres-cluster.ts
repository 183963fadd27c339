import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chown,
  link,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { program } from "./postgres-binaries.ts";
import { isReachable, sharedFolder } from "./unprivileged.ts";
import type { Identity } from "./unprivileged.ts";

/** The superuser of every database cluster made here. */
export const OWNER = "postgres";

/** The environment of PostgreSQL's programs: nothing of ours leaks in, and messages are in English. */
export const SERVER_ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  SystemRoot: process.env["SystemRoot"],
  LANG: "C",
  TZ: "UTC",
};

/**
 * The folder the server may keep its data in: the wanted one if its user can reach it, else a stable one in a shared place,
 * which is said on stderr. The folder exists afterwards and belongs to that user. Throws when it belongs to another.
 */
export async function dataFolder(wanted: string, identity: Identity | undefined): Promise<string> {
  const absolute = resolve(wanted);
  await mkdir(dirname(absolute), { recursive: true });
  const parent = await realpath(dirname(absolute));
  if (!identity || isReachable(parent, identity)) return ownFolder(join(parent, basename(absolute)), identity);
  const hash = createHash("sha256").update(absolute).digest("hex").slice(0, 16);
  const folder = join(sharedFolder(), `muster-postgres-data-${hash}`);
  process.stderr.write(
    `PostgreSQL runs as uid ${identity.uid}, which cannot reach ${absolute}: data is in ${folder}\n`,
  );
  return ownFolder(folder, identity);
}

/** A new folder for data that is not kept, which the server's user reaches. */
export async function temporaryFolder(identity: Identity | undefined): Promise<string> {
  const usual = await realpath(tmpdir());
  const parent = identity && !isReachable(usual, identity) ? sharedFolder() : usual;
  return ownFolder(await mkdtemp(join(parent, "muster-postgres-")), identity);
}

/** Makes the cluster on the first start, with a random password kept beside it, and returns folder and password. */
export async function openCluster(
  folder: string,
  native: string,
  identity: Identity | undefined,
  fast: boolean,
): Promise<{ data: string; password: string }> {
  const data = join(folder, "cluster");
  const password = await passwordOf(join(folder, "password"));
  if (existsSync(data)) return { data, password };
  const draft = join(folder, `cluster.${randomUUID()}`);
  const passwordFile = join(folder, `password.${randomUUID()}`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (identity) await chown(passwordFile, identity.uid, identity.gid);
  try {
    await initialise(draft, passwordFile, folder, native, identity, fast);
    // A start that was killed half-way, or another one at the same time, never leaves half a cluster under this name.
    await rename(draft, data).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(passwordFile);
  }
  return { data, password };
}

async function ownFolder(folder: string, identity: Identity | undefined): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const wanted = identity?.uid ?? process.getuid?.();
  const { uid } = await stat(folder);
  if (wanted === undefined || uid === wanted) return folder;
  const isOurs = uid === process.getuid?.() && (await readdir(folder)).length === 0;
  if (!identity || !isOurs) {
    throw new Error(
      `${folder} belongs to uid ${uid}, but PostgreSQL would run as uid ${wanted}; choose another folder`,
    );
  }
  await chown(folder, identity.uid, identity.gid);
  return folder;
}

// Linked into place, so that a second start at the same time never reads a file that is still empty.
async function passwordOf(file: string): Promise<string> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, randomBytes(24).toString("base64url"), { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(draft);
  return readFile(file, "utf8");
}

async function initialise(
  draft: string,
  passwordFile: string,
  cwd: string,
  native: string,
  identity: Identity | undefined,
  fast: boolean,
): Promise<void> {
  const locale = process.platform === "linux" ? "C.UTF-8" : "C"; // other systems' C libraries do not know C.UTF-8
  const options = [`--pgdata=${draft}`, `--username=${OWNER}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  options.push("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", `--locale=${locale}`);
  options.push("--no-instructions", ...(fast ? ["--no-sync"] : []));
  const child = spawn(program(native, "initdb"), options, {
    ...identity,
    cwd,
    env: SERVER_ENVIRONMENT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exit = new Promise<number | null>((done, fail) => child.once("error", fail).once("exit", done));
  const [code, complaint] = await Promise.all([exit, text(child.stderr)]);
  if (code !== 0) throw new Error(`initdb could not make ${draft}: ${complaint.trim()}`);
}
