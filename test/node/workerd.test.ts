import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { variablesOf } from "../../scripts/stack/bindings.ts";
import { buildWorker } from "../../scripts/stack/build-worker.ts";
import { type LocalDatabase, openDatabase } from "../../scripts/stack/database.ts";
import { openSecrets } from "../../scripts/stack/secrets.ts";
import type { WorkerServer } from "../../scripts/stack/worker-server.ts";
import { startWorkerd } from "../../scripts/stack/workerd.ts";
import { connect } from "../../src/db/client.ts";
import { temporaryFolder } from "./serve-process.ts";

const closing = new AsyncDisposableStack();
const { signal } = new AbortController();
let database: LocalDatabase;
let worker: WorkerServer;

beforeAll(async () => {
  const { folder: dataDir, remove } = await temporaryFolder();
  closing.defer(remove);
  const options = { engine: "postgres", databaseUrl: undefined, dataDir, port: 0 } as const;
  database = await openDatabase({ ...options, sample: false, rateLimit: 0, json: true }, closing);
  const variables = variablesOf(database, openSecrets(dataDir), 0);
  worker = await startWorkerd(await buildWorker(closing), { variables, port: 0, dataDir, closing, signal });
}, 60_000);
afterAll(() => closing.disposeAsync());

test("bare workerd runs the jobs of the cron schedule", { timeout: 30_000 }, async () => {
  expect(worker.crons.length).toBeGreaterThan(0);
  for (const cron of worker.crons) await worker.runCron(cron, new Date(), signal);
  const owner = connect(database.ownerUrl, { endpoint: database.endpoint });
  const runs = await owner.execute<{ job: string; outcome: string }>(
    sql`select job, outcome from job_runs order by job`,
  );
  expect(runs.map(({ job }) => job)).toEqual(expect.arrayContaining(["ensure_partitions", "sweep"]));
  expect(runs.every(({ outcome }) => outcome === "succeeded")).toBe(true);
});

test("a limit of 0 refuses nobody", { timeout: 30_000 }, async () => {
  const answers = await Promise.all(Array.from({ length: 60 }, () => fetch(`${worker.url}/health`)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});
