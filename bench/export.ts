import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { type BenchWorker, cpuSeconds, residentMemory } from "./worker.ts";

const run = promisify(execFile);
const downloaded = z.object({
  status: z.number(),
  bytes: z.number(),
  firstByteMs: z.number(),
  ms: z.number(),
});
const sampleMs = 20;

/** What an export took. */
export interface ExportFigures extends z.infer<typeof downloaded> {
  /** Resident memory of the Worker, in MB: before, at most meanwhile, after. */
  readonly memory: { readonly before: number; readonly peak: number; readonly after: number };
  /** Seconds of CPU that the Worker used. */
  readonly workerCpu: number;
}

/** Downloads an export in a process of its own, while the Worker's memory is watched. */
export async function measureExport(worker: BenchWorker, query: string, accept: string): Promise<ExportFigures> {
  const before = residentMemory(worker.pid).now;
  const cpu = cpuSeconds(worker.pid);
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, residentMemory(worker.pid).now)), sampleMs);
  try {
    const { stdout } = await run(process.execPath, [
      join(import.meta.dirname, "download.ts"),
      `${worker.url}/api/v1/changes?${query}`,
      accept,
      worker.key,
    ]);
    const figures = downloaded.parse(JSON.parse(stdout));
    const after = residentMemory(worker.pid).now;
    return { ...figures, memory: { before, peak, after }, workerCpu: cpuSeconds(worker.pid) - cpu };
  } finally {
    clearInterval(watch);
  }
}

const columns =
  "id, changed_at, change_type, ci_id, name, namespace, ci_type, version, department, source_id, actor, request_id, reason, entries";

/** Milliseconds that `psql` takes to copy the same columns, as the log has them, to nowhere. */
export async function measureCopy(url: string): Promise<number> {
  const started = performance.now();
  const copy = `\\copy (SELECT ${columns} FROM changes ORDER BY changed_at DESC, id DESC) TO '/dev/null' (FORMAT csv, HEADER)`;
  await run("psql", [url, "-qc", copy]);
  return performance.now() - started;
}
