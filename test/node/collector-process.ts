import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Signer } from "../../src/lib/message-signature.ts";

const main = join(import.meta.dirname, "../../examples/collector/main.ts");

/** The reference collector as a process of its own. */
export interface CollectorProcess {
  readonly url: string;
  /** All that it wrote so far. */
  output(): string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Posts to it, signed unless other headers are given. */
  trigger(body: object, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Sends a signal and answers how it ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Writes the configuration to a file in the folder, starts the collector on any free port and resolves once it listens. */
export async function startCollector(
  folder: string,
  configuration: object,
  apiKey: string,
  signer?: Signer,
): Promise<CollectorProcess> {
  const file = join(folder, "collector.json");
  writeFileSync(file, JSON.stringify({ port: 0, ...configuration }));
  const child = spawn(process.execPath, [main, file], {
    env: { PATH: process.env.PATH, MUSTER_API_KEY: apiKey },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let output = "";
  const url = await new Promise<string>((done, fail) => {
    function take(chunk: Buffer): void {
      output += chunk.toString();
      const listening = /for Muster (\S+)/.exec(output)?.[1];
      if (listening !== undefined) done(listening);
    }
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    void ended.then(() => fail(new Error(output)));
  });
  return {
    url,
    output: () => output,
    get: (path, headers = {}) => fetch(url + path, { headers }),
    async trigger(value, headers) {
      const body = JSON.stringify(value);
      const signature = headers ?? (await signer?.sign({ method: "POST", url: `${url}/trigger`, body }, new Date()));
      return fetch(`${url}/trigger`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...signature },
        body,
      });
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

/** The body of a trigger for sources 1, 2… of these names, with credentials that must not show anywhere. */
export function triggerBody(collectionId: string, names: readonly string[], config: object = {}): object {
  const sources = names.map((name, index) => ({
    id: index + 1,
    name,
    endpoint: "https://k8s.example.com",
    username: "admin",
    credentials: { password: "hunter2", token: "hunter2" },
    config,
    schedule_config: {},
  }));
  const collector = { id: 1, name: "kubernetes", type: "kubernetes", config: {} };
  return { collection_id: collectionId, reason: "manual", collector, sources };
}
