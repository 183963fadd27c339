import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Signer } from "../../src/lib/message-signature.ts";
import { signerOf } from "../support/muster-signature.ts";
import { startCollector } from "./collector-process.ts";
import type { CollectorProcess } from "./collector-process.ts";
import { startFakeMuster } from "./fake-muster.ts";
import type { FakeMuster } from "./fake-muster.ts";

/** A collector before a fake Muster, with a folder to collect. */
export interface CollectorBench {
  /** Holds `dump/` and `dump/deep/`. */
  readonly folder: string;
  readonly muster: FakeMuster;
  readonly signer: Signer;
  start(sources: readonly object[], configuration?: object): Promise<CollectorProcess>;
  /** Writes objects to a file in `dump/`. */
  write(name: string, ...objects: object[]): void;
  calls(): string[];
  /** The report on a source, once it is there. */
  report(sourceId?: number): Promise<Record<string, unknown>>;
  /** Ends all. Throws when the collector wrote its key, or the credentials of triggerBody. */
  close(): Promise<void>;
}

export const benchKey = "ps_svc_not-a-real-key";

/** Makes a bench; the collector is not started yet. */
export async function openBench(): Promise<CollectorBench> {
  const folder = mkdtempSync(join(tmpdir(), "muster-collector-"));
  mkdirSync(join(folder, "dump/deep"), { recursive: true });
  const signer = await signerOf(1);
  const muster = await startFakeMuster(signer);
  let collector: CollectorProcess | undefined;
  return {
    folder,
    muster,
    signer,
    async start(sources, configuration = {}) {
      collector = await startCollector(folder, { muster_url: muster.url, sources, ...configuration }, benchKey, signer);
      return collector;
    },
    write(name, ...objects) {
      writeFileSync(join(folder, "dump", name), objects.map((object) => JSON.stringify(object)).join("\n"));
    },
    calls: () => muster.received.map(({ call }) => call),
    async report(sourceId = 1) {
      const call = `PUT /api/v1/sources/${sourceId}/health`;
      const find = () => muster.received.find((request) => request.call === call);
      await expect.poll(find, { timeout: 15_000 }).toBeDefined();
      return JSON.parse(find()?.body ?? "");
    },
    async close() {
      await collector?.end("SIGKILL");
      rmSync(folder, { recursive: true });
      await muster.close();
      const output = collector?.output() ?? "";
      if (/hunter2|not-a-real-key/.test(output)) throw new Error(`a credential shows: ${output}`);
    },
  };
}

/** A pod as kubectl prints it. */
export function pod(name: string, namespace = "default"): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace } };
}
