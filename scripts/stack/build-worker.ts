import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { z } from "zod";
import { startChild } from "./child.ts";
import { cronTrigger } from "./cron-trigger.ts";
import { defaultDataDir, projectFolder } from "./project.ts";
import { workerdConfig } from "./workerd-config.ts";
import { readWorkerSettings, wranglerEnvironment, wranglerProgram } from "./wrangler.ts";

/** A built Worker: a folder with workerd's configuration and all it embeds. */
export interface WorkerBuild {
  readonly config: string;
  readonly crons: readonly string[];
}

const inputs = ["src", "docs/openapi.json", "package-lock.json", "tsconfig.json", "wrangler.toml", "scripts/stack"];
const keepForMs = 60 * 60 * 1000;
const triggerModule = "cron-trigger.js";

/**
 * Builds the Worker as a deploy would, unless that was done for this source before. Throws with wrangler's words when it
 * cannot be built.
 */
export async function buildWorker(closing: AsyncDisposableStack): Promise<WorkerBuild> {
  const builds = join(defaultDataDir, "build");
  const folder = join(builds, hashOf(inputs.map((input) => join(projectFolder, input))));
  if (existsSync(folder)) {
    await utimes(folder, new Date(), new Date()); // what is in use is young
  } else {
    await removeOld(builds);
    const draft = `${folder}.${process.pid}`;
    try {
      await build(draft, closing);
      await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // another start was faster
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  const crons = z.array(z.string()).parse(JSON.parse(readFileSync(join(folder, "crons.json"), "utf8")));
  return { config: join(folder, "muster.capnp"), crons };
}

async function build(folder: string, closing: AsyncDisposableStack): Promise<void> {
  process.stderr.write("Building the Worker\n");
  await mkdir(folder, { recursive: true });
  await bundle(folder, closing);
  const settings = readWorkerSettings();
  const modules = (await readdir(folder)).filter((name) => extname(name) === ".js");
  if (modules.length !== 1 || modules[0] === undefined) {
    throw new Error(`the Worker was expected to be one module, not ${modules.join(", ") || "none"}`);
  }
  await writeFile(join(folder, triggerModule), cronTrigger);
  await writeFile(join(folder, "muster.capnp"), workerdConfig(settings, modules[0], triggerModule));
  await writeFile(join(folder, "crons.json"), JSON.stringify(settings.crons));
}

async function bundle(folder: string, closing: AsyncDisposableStack): Promise<void> {
  const child = startChild({
    name: "wrangler",
    command: process.execPath,
    args: [wranglerProgram, "deploy", "--dry-run", "--outdir", folder],
    env: wranglerEnvironment(join(defaultDataDir, "wrangler")),
    cwd: projectFolder,
    output: "pipe",
  });
  closing.defer(() => child.stop());
  let output = "";
  for (const stream of child.output) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const end = await child.ended;
  if (!end.endsWith("(exit code 0)")) throw new Error(`the Worker could not be built: ${end}\n${output.trim()}`);
}

async function removeOld(builds: string): Promise<void> {
  if (!existsSync(builds)) return;
  for (const name of await readdir(builds)) {
    const folder = join(builds, name);
    if (Date.now() - (await stat(folder)).mtimeMs > keepForMs) await rm(folder, { recursive: true, force: true });
  }
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of paths.flatMap(filesIn)) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 16);
}

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}
