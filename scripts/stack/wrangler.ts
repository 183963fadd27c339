import { createRequire } from "node:module";
import { join } from "node:path";
import { z } from "zod";
import { projectFolder } from "./project.ts";

/** wrangler's program, to be run by Node. */
export const wranglerProgram = join(projectFolder, "node_modules/wrangler/bin/wrangler.js");

/** What wrangler.toml says about the Worker, as far as the local stack has to know. */
export interface WorkerSettings {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly crons: readonly string[];
  /** Durable Object namespaces: the binding's name and the class. */
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  readonly vars: Readonly<Record<string, string>>;
}

// wrangler's own types lean on packages that are not installed, and bring the Worker's globals into Node's.
const programSchema = z.object({
  unstable_readConfig: z.custom<(from: { config: string }) => unknown>((value) => typeof value === "function"),
});

const configSchema = z.object({
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  triggers: z.object({ crons: z.array(z.string()).default([]) }),
  durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
  vars: z.record(z.string(), z.string()),
});

/** Reads wrangler.toml with wrangler itself. Costs a second. Throws for what the local stack could not run. */
export function readWorkerSettings(): WorkerSettings {
  const { unstable_readConfig: readConfig } = programSchema.parse(createRequire(import.meta.url)("wrangler"));
  const config = configSchema.parse(readConfig({ config: join(projectFolder, "wrangler.toml") }));
  return {
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    crons: config.triggers.crons,
    objects: config.durable_objects.bindings.map(({ name, class_name: className }) => ({ binding: name, className })),
    vars: config.vars,
  };
}

/** The environment for wrangler: it asks nothing, reports nothing, looks for no newer version, and keeps to `folder`. */
export function wranglerEnvironment(folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: "true",
    DO_NOT_TRACK: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_HIDE_BANNER: "true",
    XDG_CONFIG_HOME: folder, // no account is needed, and a home folder that can be written to neither
    WRANGLER_WRITE_LOGS: "false",
    WRANGLER_REGISTRY_PATH: join(folder, "registry"),
    WRANGLER_CACHE_DIR: join(folder, "cache"),
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "true", // from the file we name, that is
    NO_COLOR: "1",
  };
}
