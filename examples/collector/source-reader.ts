import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import type { Reading } from "../../scripts/import/format.ts";
import { findInputs } from "../../scripts/import/inputs.ts";
import { kubernetes } from "../../scripts/import/kubernetes.ts";
import type { SourceInput } from "./configuration.ts";

/** The source could not be read to its end; the message says why. */
class SourceError extends Error {}

const maxComplaint = 300;

/**
 * Yields every object of a source, and what in it is none. It was read completely only when this ends without throwing: throws SourceError, or
 * AbortError when the signal fires.
 */
export async function* readSource(input: SourceInput, signal: AbortSignal): AsyncGenerator<Reading> {
  if ("folder" in input) yield* readFolder(input.folder, signal);
  else yield* readCommand(input.command, signal);
}

async function* readFolder(folder: string, signal: AbortSignal): AsyncGenerator<Reading> {
  try {
    const { inputs } = await findInputs([folder], kubernetes.extension);
    for (const { open, label } of inputs) yield* kubernetes.read(open(signal), label);
  } catch (error) {
    signal.throwIfAborted();
    throw new SourceError(`the folder cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The command runs without a shell, and does not see our key. */
async function* readCommand(command: readonly string[], signal: AbortSignal): AsyncGenerator<Reading> {
  const [program = "", ...args] = command;
  const { MUSTER_API_KEY: _key, ...env } = process.env;
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], signal });
  const ended = once(child, "close");
  ended.catch(() => undefined); // told below, once what it printed is read
  const complaint = beginningOf(child.stderr);
  try {
    yield* kubernetes.read(child.stdout, program);
    const [code, killedBy] = await ended;
    if (code !== 0) throw new SourceError(`${program} ended with ${killedBy ?? `exit code ${code}`}: ${complaint()}`);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    signal.throwIfAborted();
    throw new SourceError(`${program} cannot be run: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    child.kill();
  }
}

/** What a stream began with, as far as it has come. */
function beginningOf(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(0, maxComplaint)));
  return () => text.trim();
}
