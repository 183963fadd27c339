import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { lockData } from "../local-neon/engines/data-lock.ts";
import { adminKey } from "./admin-key.ts";
import { variablesOf } from "./bindings.ts";
import { type LocalDatabase, openDatabase } from "./database.ts";
import { announceLocal } from "./local-record.ts";
import type { StackOptions } from "./options.ts";
import { choosePort } from "./ports.ts";
import { prepareSample } from "./sample.ts";
import { openSecrets } from "./secrets.ts";
import { aborted, onStopSignal } from "./stop-signal.ts";
import { startTicker } from "./ticker.ts";
import type { WorkerServer, WorkerStart } from "./worker-server.ts";

/** A local stack that answers. */
export interface RunningStack<Server extends WorkerServer> {
  readonly worker: Server;
  readonly adminKey: string;
  readonly database: LocalDatabase;
}

/** The two kinds of stack differ in how the Worker runs and in what is said when it does. */
export interface StackKind<Server extends WorkerServer> {
  /** Begins what needs no database yet; what that started, `closing` ends. Answers how to start the Worker. */
  prepareWorker(closing: AsyncDisposableStack): (start: WorkerStart) => Promise<Server>;
  announce(stack: RunningStack<Server>): Promise<void> | void;
}

/**
 * Runs the local stack until a signal to stop, and answers the exit code: 0 then, 1 when a part of it ended by itself.
 * Whatever was started is gone afterwards. Throws when it cannot start.
 */
export async function runStack<Server extends WorkerServer>(
  options: StackOptions,
  kind: StackKind<Server>,
): Promise<number> {
  const signal = onStopSignal();
  await using closing = new AsyncDisposableStack();
  try {
    const stack = await startStack(options, kind, closing, signal);
    await kind.announce(stack);
    const end = await Promise.race([stack.worker.ended, stack.database.ended, aborted(signal)]);
    if (end === undefined) return 0;
    process.stderr.write(`error: ${end}\n`);
    return 1;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
}

async function startStack<Server extends WorkerServer>(
  options: StackOptions,
  kind: StackKind<Server>,
  closing: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<RunningStack<Server>> {
  const { dataDir } = options;
  const port = await choosePort(options.port);
  // Others may pass: as root, PostgreSQL runs as another user and has its own folder in here.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  closing.defer(lockData(join(dataDir, "lock")));
  const startWorker = kind.prepareWorker(closing);
  const secrets = openSecrets(dataDir);
  const database = await openDatabase(options, closing);
  signal.throwIfAborted();
  const key = await adminKey(database, secrets);
  const seeSample = options.sample ? await prepareSample(database, secrets, signal) : undefined;
  signal.throwIfAborted();
  const variables = variablesOf(database, secrets, options.rateLimit);
  const worker = await startWorker({ variables, port, dataDir, closing, signal });
  closing.defer(startTicker(worker, seeSample));
  const { endpoint, ownerUrl } = database;
  closing.defer(
    announceLocal(dataDir, {
      url: worker.url,
      admin_key: key,
      pid: process.pid,
      sql_endpoint: endpoint,
      owner_url: ownerUrl,
    }),
  );
  return { worker, adminKey: key, database };
}
