import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where SQL over HTTP is spoken; `/databases` and `/statistics` are beside it. */
    databaseEndpoint: string;
  }
}

/**
 * Starts a real PostgreSQL with a migrated template and the local Neon endpoint before it; answers what stops them.
 * They run in a process of their own: plain Node, without the bundler, and with an event loop that no test holds up.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const database = fork(join(import.meta.dirname, "database-process.ts"));
  const ended = once(database, "exit");
  const started = once(database, "message");
  const url: unknown = await Promise.race([started.then(([message]) => message), ended.then(() => undefined)]);
  if (typeof url !== "string") {
    throw new Error("the test database did not start; its output says why");
  }
  project.provide("databaseEndpoint", url);
  return async () => {
    database.disconnect();
    await ended;
  };
}
