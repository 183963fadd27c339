import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { adminKey } from "../../scripts/stack/admin-key.ts";
import { variablesOf } from "../../scripts/stack/bindings.ts";
import { buildWorker } from "../../scripts/stack/build-worker.ts";
import { openDatabase } from "../../scripts/stack/database.ts";
import { openSecrets } from "../../scripts/stack/secrets.ts";
import type { WorkerServer } from "../../scripts/stack/worker-server.ts";
import { startWorkerd } from "../../scripts/stack/workerd.ts";
import { connect } from "../../src/db/client.ts";
import { createKey } from "../../src/core/identity/service.ts";
import { readPeppers } from "../../src/env.ts";
import { createSigner, signingKey } from "../../src/lib/message-signature.ts";
import type { Signer } from "../../src/lib/message-signature.ts";
import { startCollector } from "./collector-process.ts";
import type { CollectorProcess } from "./collector-process.ts";
import { temporaryFolder } from "./serve-process.ts";

/** A Muster in processes of its own, on a real PostgreSQL. */
export interface RunningMuster {
  readonly worker: WorkerServer;
  /** A key of the tier service, as a collector has one. */
  readonly serviceKey: string;
  /** Signs with Muster's own key. */
  readonly signer: Signer;
  /** Asks as an administrator and expects the status. */
  ask(method: string, path: string, status: number, body?: object): Promise<Record<string, unknown>>;
}

/** A source that a collector of its own collects from a copy of a folder. */
export interface Estate {
  readonly folder: string;
  readonly collector: CollectorProcess;
  readonly collectorId: number;
  readonly sourceId: number;
  trigger(): Promise<void>;
  source(): Promise<Source>;
  /** The source once it has a report that is not the one of `before`. */
  reported(before?: Source): Promise<Source>;
  /** How many of its items have the status, and the first 1,000 names. */
  items(status: "active" | "inactive"): Promise<{ total: number; names: string[] }>;
  /** Keeps those objects of every file that a condition holds for. */
  keep(condition: (object: KubernetesObject, index: number) => boolean): void;
  /** Everything is as it was. */
  restore(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const sourceSchema = z.looseObject({
  last_collection: z.string().nullable(),
  last_error: z.string().nullable(),
  health_status: z
    .looseObject({ status: z.string(), message: z.string(), last_check: z.string(), consecutive_errors: z.number() })
    .partial()
    .nullable(),
});
const objectSchema = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });
const listSchema = z.looseObject({ items: z.array(objectSchema) });
const pageSchema = z.looseObject({ total: z.number(), items: z.array(z.looseObject({ name: z.string() })) });

type Source = z.infer<typeof sourceSchema>;
type KubernetesObject = z.infer<typeof objectSchema>;

/** What is stored for a source, and must not show anywhere. */
const token = "hunter2-is-the-token-of-a-source";

/** Starts Muster; `closing` ends it. */
export async function startMuster(closing: AsyncDisposableStack): Promise<RunningMuster> {
  const { folder: dataDir, remove } = await temporaryFolder();
  closing.defer(remove);
  const options = { engine: "postgres", databaseUrl: undefined, dataDir, port: 0 } as const;
  const database = await openDatabase({ ...options, sample: false, rateLimit: 0, json: true }, closing);
  const secrets = openSecrets(dataDir);
  const worker = await startWorkerd(await buildWorker(closing), {
    variables: variablesOf(database, secrets, 0),
    port: 0,
    dataDir,
    closing,
    signal: new AbortController().signal,
  });
  const db = connect(database.ownerUrl, { endpoint: database.endpoint });
  const [pepper] = await readPeppers(secrets.apiKeyPeppers);
  const service = await createKey({ db }, pepper, { name: "collector", tier: "service" });
  const admin = await adminKey(database, secrets);
  const [, seed = ""] = secrets.signingKeys.split("=");
  return {
    worker,
    serviceKey: service.key,
    signer: createSigner(await signingKey(Buffer.from(seed, "base64url"))),
    async ask(method, path, status, body) {
      const response = await fetch(`${worker.url}/api/v1${path}`, {
        method,
        headers: { "X-API-Key": admin, ...(body && { "Content-Type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      expect({ path, status: response.status, text }).toMatchObject({ status });
      expect(text).not.toContain(token);
      return JSON.parse(text);
    },
  };
}

/** Sets up a collector and its one source, and copies the folder that it collects. */
export async function openEstate(
  muster: RunningMuster,
  name: string,
  original: string,
  schedule: object = { enabled: false },
): Promise<Estate> {
  const { folder, remove } = await temporaryFolder();
  const cluster = join(folder, "cluster");
  const restore = () => cpSync(original, cluster, { recursive: true });
  restore();
  const configuration = { muster_url: muster.worker.url, sources: [{ name, folder: "cluster" }] };
  const collector = await startCollector(folder, configuration, muster.serviceKey, muster.signer);
  const made = await muster.ask("POST", "/collectors", 201, { name, type: "kubernetes", endpoint: collector.url });
  const collectorId = Number(made.id);
  const body = { name, endpoint: "https://k8s.example.com:6443", token, schedule_config: schedule };
  const sourceId = Number((await muster.ask("POST", `/collectors/${collectorId}/sources`, 201, body)).id);
  const source = async () => sourceSchema.parse(await muster.ask("GET", `/sources/${sourceId}`, 200));
  return {
    folder: cluster,
    collector,
    collectorId,
    sourceId,
    source,
    restore,
    async trigger() {
      await muster.ask("POST", `/collectors/${collectorId}/trigger`, 202);
    },
    async reported(before) {
      const last = before?.health_status?.last_check;
      const lastCheck = async () => (await source()).health_status?.last_check ?? last;
      await expect.poll(lastCheck, { timeout: 30_000 }).not.toBe(last);
      return source();
    },
    async items(status) {
      const query = `status=${status}&filter=source_id:eq:${sourceId}&limit=1000`;
      const { total, items } = pageSchema.parse(await muster.ask("GET", `/configuration-items?${query}`, 200));
      return { total, names: items.map((item) => item.name) };
    },
    keep(condition) {
      for (const file of readdirSync(cluster)) {
        const list = listSchema.parse(JSON.parse(readFileSync(join(cluster, file), "utf8")));
        writeFileSync(join(cluster, file), JSON.stringify({ ...list, items: list.items.filter(condition) }));
      }
    },
    async [Symbol.asyncDispose]() {
      await collector.end();
      await remove();
      for (const secret of [token, muster.serviceKey]) {
        if (collector.output().includes(secret)) throw new Error("a credential is in the collector's output");
      }
    },
  };
}
