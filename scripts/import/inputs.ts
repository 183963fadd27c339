import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal } from "node:stream";
import { UsageError } from "./options.ts";

/** A file or standard input, opened when its turn comes; the signal ends reading with an AbortError. */
export interface Input {
  readonly label: string;
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/**
 * Finds the inputs behind the arguments: `-` is standard input, a folder stands for its files with the extension, in the order of their paths.
 * `skipped` counts the other files in folders. Throws UsageError when an argument does not exist.
 */
export async function findInputs(
  paths: readonly string[],
  extension: string,
): Promise<{ inputs: Input[]; skipped: number }> {
  const inputs: Input[] = [];
  let skipped = 0;
  if (paths.filter((path) => path === "-").length > 1) throw new UsageError("standard input (-) can be read only once");
  for (const path of paths) {
    if (path === "-") inputs.push({ label: "-", open: (signal) => addAbortSignal(signal, process.stdin) });
    else if (await isFolder(path)) {
      const files = await filesIn(path);
      const wanted = files.filter((file) => file.toLowerCase().endsWith(extension));
      inputs.push(...wanted.map(fileInput));
      skipped += files.length - wanted.length;
    } else inputs.push(fileInput(path));
  }
  return { inputs, skipped };
}

function fileInput(path: string): Input {
  return { label: path, open: (signal) => createReadStream(path, { highWaterMark: 1024 * 1024, signal }) };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Links to files are followed, links to folders are not: they may lead in circles. */
async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() || (entry.isSymbolicLink() && !(await isFolder(path)))) files.push(path);
  }
  return files.toSorted();
}
