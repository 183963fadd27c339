import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isAlive } from "../local-neon/engines/process-identity.ts";

const recordSchema = z.object({
  url: z.string(),
  admin_key: z.string(),
  pid: z.number().int(),
  /** How the owner's statements reach the database: SQL over HTTP, and the role and database to name there. */
  sql_endpoint: z.string(),
  owner_url: z.string(),
});

/** What a running local stack says about itself in its data folder. */
export type LocalRecord = z.infer<typeof recordSchema>;

/** Tells the other commands that a stack runs here, and returns how to take that back. */
export function announceLocal(dataDir: string, record: LocalRecord): () => void {
  const file = fileIn(dataDir);
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
  return () => rmSync(file, { force: true });
}

/** The stack that runs with this data folder; undefined when none does, even if one was killed. */
export function findLocal(dataDir: string): LocalRecord | undefined {
  const file = fileIn(dataDir);
  if (!existsSync(file)) return undefined;
  const record = recordSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  return isAlive(record.pid) ? record : undefined;
}

function fileIn(dataDir: string): string {
  return join(dataDir, "local.json");
}
