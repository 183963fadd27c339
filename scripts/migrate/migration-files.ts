import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A file of drizzle-kit's folder, in the order of its journal. */
export interface Migration {
  readonly tag: string;
  readonly file: string;
  /** SHA-256 of the text, whatever its line ends. */
  readonly hash: string;
  readonly statements: readonly string[];
  /** False for a file that says it cannot run inside a transaction. */
  readonly transactional: boolean;
}

const BREAKPOINT = "--> statement-breakpoint";
const NO_TRANSACTION = "-- muster: no-transaction";

/** Reads every migration the journal lists. Throws when the journal or a file is missing. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = join(folder, "meta", "_journal.json");
  const tags = tagsOf(JSON.parse(await read(journal)), journal);
  return Promise.all(tags.map((tag) => readMigration(folder, tag)));
}

async function readMigration(folder: string, tag: string): Promise<Migration> {
  const file = join(folder, `${tag}.sql`);
  const text = (await read(file)).replaceAll("\r\n", "\n");
  return {
    tag,
    file,
    hash: createHash("sha256").update(text).digest("hex"),
    statements: text
      .split(BREAKPOINT)
      .map((statement) => statement.trim())
      .filter(Boolean),
    transactional: text.split("\n", 1)[0]?.trim() !== NO_TRANSACTION,
  };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} is missing or cannot be read`, { cause });
  }
}

function tagsOf(journal: unknown, file: string): string[] {
  const entries: unknown = typeof journal === "object" && journal && "entries" in journal ? journal.entries : undefined;
  if (!Array.isArray(entries)) throw new Error(`${file} has no entries`);
  return entries.map((entry: unknown) => {
    if (typeof entry === "object" && entry && "tag" in entry && typeof entry.tag === "string") return entry.tag;
    throw new Error(`${file} has an entry without a tag`);
  });
}
