import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { z } from "zod";
import type { WorkerBuild } from "./build-worker.ts";
import { startChild } from "./child.ts";
import { expectCronDone, untilHealthy, type WorkerServer, type WorkerStart } from "./worker-server.ts";

const listening = z.object({ event: z.literal("listen"), socket: z.string(), port: z.number() });

/** Runs a built Worker in bare workerd; its Durable Objects are kept in the data folder. Throws when it does not start. */
export async function startWorkerd(build: WorkerBuild, start: WorkerStart): Promise<WorkerServer> {
  const { variables, port, dataDir, closing, signal } = start;
  const token = randomBytes(32).toString("base64url");
  const objects = join(dataDir, "gate");
  await mkdir(objects, { recursive: true, mode: 0o700 });
  const child = startChild({
    name: "workerd",
    command: workerdProgram(),
    args: [
      "serve",
      build.config,
      "--experimental", // what lets one Worker fire another's cron handler
      `--directory-path=objects=${objects}`,
      `--socket-addr=muster=127.0.0.1:${port}`,
      "--socket-addr=trigger=127.0.0.1:0",
      "--control-fd=3",
    ],
    env: { ...variables, TRIGGER_TOKEN: token },
    cwd: dataDir,
    output: "stderr",
  });
  closing.defer(() => child.stop());
  const ports = await portsOf(child.control, child.ended);
  const url = `http://127.0.0.1:${ports.muster}`;
  await untilHealthy(url, child.ended, signal);
  return {
    url,
    crons: build.crons,
    ended: child.ended,
    async runCron(cron, at, until) {
      const response = await fetch(`http://127.0.0.1:${ports.trigger}/`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
        body: JSON.stringify({ cron, scheduledTime: at.getTime() }),
        signal: until,
      });
      await expectCronDone(response, cron);
    },
  };
}

interface Ports {
  readonly muster: number;
  readonly trigger: number;
}

async function portsOf(control: Readable, ended: Promise<string>): Promise<Ports> {
  const ports = new Map<string, number>();
  const read = new Promise<Ports>((done) => {
    createInterface({ input: control }).on("line", (line) => {
      const message = listening.safeParse(JSON.parse(line));
      if (message.success) ports.set(message.data.socket, message.data.port);
      const [muster, trigger] = [ports.get("muster"), ports.get("trigger")];
      if (muster !== undefined && trigger !== undefined) done({ muster, trigger });
    });
  });
  return Promise.race([read, ended.then((how) => Promise.reject(new Error(how)))]);
}

function workerdProgram(): string {
  const require = createRequire(import.meta.url);
  return z.object({ default: z.string() }).parse(require("workerd")).default;
}
