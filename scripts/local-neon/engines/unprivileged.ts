import { existsSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";

/** The user a server process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom PostgreSQL has to run as, because it refuses root: `nobody`, else any other user of the system.
 * Undefined when we are not root (or on Windows): then it runs as ourselves. Throws when root is the only user.
 */
export function unprivilegedIdentity(): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((user) => user.uid > 0 && user.gid > 0);
  const user = users.find((candidate) => candidate.name === "nobody") ?? users[0];
  if (!user) throw new Error("PostgreSQL refuses to run as root and /etc/passwd has no other user; use PGlite instead");
  return { uid: user.uid, gid: user.gid };
}

/** Whether this user may pass through every folder down to and including the given one. */
export function isReachable(folder: string, identity: Identity): boolean {
  const { mode, uid, gid } = statSync(folder);
  const groupBit = gid === identity.gid ? 0o010 : 0o001;
  const bit = uid === identity.uid ? 0o100 : groupBit;
  if ((mode & bit) === 0) return false;
  const parent = dirname(folder);
  return parent === folder || isReachable(parent, identity);
}

/** A folder that every user reaches and that survives a restart where the system has one. */
export function sharedFolder(): string {
  return existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
}
