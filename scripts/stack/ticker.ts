import { Cron } from "croner";
import type { WorkerServer } from "./worker-server.ts";

const sightings = "*/5 * * * *";
const minuteMs = 60_000;

/** Something to be done on a schedule, with the minute it was due at. */
type Tick = (at: Date, signal: AbortSignal) => Promise<void>;

/**
 * Does what the platform does in production and sources do in an estate: fires the Worker's cron schedule (UTC), and
 * reports the sample again every five minutes. A tick that takes longer than its interval is not run twice at once; a
 * failure is told on stderr. Returns how to stop, which waits for what is running.
 */
export function startTicker(worker: WorkerServer, seeSample: Tick | undefined): () => Promise<void> {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const start = (expression: string, tick: Tick) =>
    new Cron(expression, { timezone: "UTC", protect: true }, async (job) => {
      const due = Math.floor((job.currentRun() ?? new Date()).getTime() / minuteMs) * minuteMs;
      const run = tick(new Date(due), stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) process.stderr.write(`tick "${expression}": ${String(error)}\n`);
      });
      running.add(run);
      await run;
      running.delete(run);
    });
  const jobs = worker.crons.map((cron) => start(cron, (at, signal) => worker.runCron(cron, at, signal)));
  if (seeSample) jobs.push(start(sightings, seeSample));
  return async () => {
    for (const job of jobs) job.stop();
    stopping.abort();
    await Promise.all(running);
  };
}
