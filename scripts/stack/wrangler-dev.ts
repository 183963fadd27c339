import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { projectFolder } from "./project.ts";
import { expectCronDone, untilHealthy, type WorkerServer, type WorkerStart } from "./worker-server.ts";
import { readWorkerSettings, wranglerEnvironment, wranglerProgram } from "./wrangler.ts";

/** A Worker under wrangler dev. */
export interface DevServer extends WorkerServer {
  /** Lets what wrangler says through to stderr, from its first word. */
  showOutput(): void;
}

/** Runs the Worker from its source, reloaded when that changes, without a login. Throws when it does not start. */
export async function startWranglerDev(start: WorkerStart): Promise<DevServer> {
  const { variables, port, dataDir, closing, signal } = start;
  const { crons } = readWorkerSettings();
  const folder = join(dataDir, "wrangler");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const envFile = join(folder, "variables.env");
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
  await writeFile(envFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  closing.defer(() => rm(envFile, { force: true }));
  const child = startChild({
    name: "wrangler dev",
    command: process.execPath,
    args: [
      wranglerProgram,
      "dev",
      "--local",
      "--ip=127.0.0.1",
      `--port=${port}`,
      "--inspector-port=0",
      `--env-file=${envFile}`,
      `--persist-to=${folder}`,
      "--show-interactive-dev-session=false",
    ],
    env: wranglerEnvironment(folder),
    cwd: projectFolder,
    output: "pipe",
  });
  closing.defer(() => child.stop());
  const showOutput = holdBack(child);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilHealthy(url, child.ended, signal);
  } catch (error) {
    showOutput();
    throw error;
  }
  return {
    url,
    crons,
    ended: child.ended,
    showOutput,
    async runCron(cron, at, until) {
      const query = new URLSearchParams({ cron, time: String(at.getTime()) });
      await expectCronDone(await fetch(`${url}/cdn-cgi/local/scheduled?${query}`, { signal: until }), cron);
    },
  };
}

function holdBack(child: Child): () => void {
  let held: Buffer[] | undefined = [];
  for (const stream of child.output) {
    stream.on("data", (chunk: Buffer) => (held ? held.push(chunk) : process.stderr.write(chunk)));
  }
  return () => {
    for (const chunk of held ?? []) process.stderr.write(chunk);
    held = undefined;
  };
}
