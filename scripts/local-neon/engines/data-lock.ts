import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isAlive, processBirth } from "./process-identity.ts";

/**
 * Claims a data folder for this process by a lock file that names it, and returns the release.
 * A lock left behind by a process that is gone is taken over. Throws, naming the process, when the folder is in use.
 */
export function lockData(lockFile: string): () => void {
  const own = JSON.stringify({ pid: process.pid, birth: processBirth(process.pid) });
  const claim = `${lockFile}.${randomUUID()}`;
  writeFileSync(claim, own, { mode: 0o600 });
  try {
    while (!link(claim, lockFile)) {
      const held = readLock(lockFile);
      if (held === undefined) continue; // released between the two calls
      const pid = holder(held);
      if (pid !== undefined) throw new Error(`${lockFile}: the data is in use by process ${pid}; stop it first`);
      removeStale(lockFile, held);
    }
  } finally {
    rmSync(claim);
  }
  return () => rmSync(lockFile, { force: true });
}

// Linking is the atomic "create with this content": a reader never sees a half-written lock.
function link(claim: string, lockFile: string): boolean {
  try {
    linkSync(claim, lockFile);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  }
}

function readLock(lockFile: string): string | undefined {
  try {
    return readFileSync(lockFile, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

function holder(held: string): number | undefined {
  const [, pid = "0", birth = ""] = /^\{"pid":(\d+),"birth":"(.*)"\}$/.exec(held) ?? [];
  const number = Number(pid);
  return number > 0 && isAlive(number) && processBirth(number) === birth ? number : undefined;
}

// Another process may replace the stale lock at the same moment: what was moved away is looked at again, and put back if fresh.
function removeStale(lockFile: string, stale: string): void {
  const aside = `${lockFile}.${randomUUID()}`;
  try {
    renameSync(lockFile, aside);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== stale) link(aside, lockFile);
  rmSync(aside);
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
