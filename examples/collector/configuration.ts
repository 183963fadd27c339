import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isObject } from "../../scripts/import/json-text.ts";
import { findTarget } from "../../scripts/import/target.ts";
import type { Target } from "../../scripts/import/target.ts";

/** What one source is read from: a folder of files, or what a command prints. */
export type SourceInput = { readonly folder: string } | { readonly command: readonly string[] };

export interface ConfiguredSource {
  /** As Muster calls it. */
  readonly name: string;
  readonly input: SourceInput;
  /** What is collected of it; everything when null. */
  readonly types: readonly string[] | null;
  readonly namespaces: readonly (string | null)[] | null;
  /** When it is collected without being asked, and its id in Muster, which otherwise comes with the trigger. */
  readonly schedule: { readonly sourceId: number; readonly everySeconds: number } | null;
}

export interface Configuration {
  readonly host: string;
  readonly port: number;
  /** What Muster was given as the collector's endpoint, when that is not where it listens: signatures cover it. */
  readonly publicUrl: string | null;
  readonly muster: Target;
  /** Of what Muster knows of a source, how much may be gone before a person has to look. */
  readonly maxDropPercent: number;
  /** How long a collection may take, waiting for a Muster that is away or busy included. */
  readonly timeoutSeconds: number;
  /** How long collections under way may take to end when the collector is told to. */
  readonly graceSeconds: number;
  readonly sources: readonly ConfiguredSource[];
}

/** The configuration cannot be used; the message says what to change. */
export class ConfigurationError extends Error {}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the configuration from a JSON file. PORT, PUBLIC_URL and MUSTER_URL override it, MUSTER_API_KEY or the file named by `api_key_file` holds the
 * key; paths are relative to the file. Throws ConfigurationError.
 */
export async function readConfiguration(file: string, env: NodeJS.ProcessEnv): Promise<Configuration> {
  const folder = dirname(resolve(file));
  const fields = knownFields(parse(await read(file), file), file, [
    "host",
    "port",
    "public_url",
    "muster_url",
    "api_key_file",
    "max_drop_percent",
    "timeout_seconds",
    "grace_seconds",
    "sources",
  ]);
  const keyFile = optional(fields, "api_key_file", isText);
  const key = env.MUSTER_API_KEY || (keyFile === null ? "" : (await read(resolve(folder, keyFile))).trim());
  if (key === "") throw new ConfigurationError("set MUSTER_API_KEY, or api_key_file in the configuration");
  const url = env.MUSTER_URL || required(fields, "muster_url", isText);
  const listed = required(fields, "sources", Array.isArray);
  const sources = listed.map((source, index) => readSource(source, `sources[${index}]`, folder));
  if (new Set(sources.map(({ name }) => name)).size < sources.length)
    throw new ConfigurationError("two sources have the same name");
  return {
    host: optional(fields, "host", isText) ?? "127.0.0.1",
    port: readPort(env.PORT ? Number(env.PORT) : (fields.port ?? 8085)),
    publicUrl: optional({ public_url: env.PUBLIC_URL || fields.public_url }, "public_url", isEndpoint),
    muster: await findTarget({ url, key }, {}, "").catch((error: Error) => {
      throw new ConfigurationError(error.message);
    }),
    maxDropPercent: optional(fields, "max_drop_percent", isPercentage) ?? 20,
    timeoutSeconds: optional(fields, "timeout_seconds", isSeconds) ?? 300,
    graceSeconds: optional(fields, "grace_seconds", isSeconds) ?? 10,
    sources,
  };
}

function readSource(value: unknown, where: string, folder: string): ConfiguredSource {
  const fields = knownFields(value, where, ["name", "folder", "command", "types", "namespaces", "schedule"]);
  const name = required(fields, "name", isText);
  const path = optional(fields, "folder", isText);
  const command = optional(fields, "command", isTexts);
  if ((path === null) === (command === null))
    throw new ConfigurationError(`the source "${name}" needs either a folder or a command`);
  return {
    name,
    input: command === null ? { folder: resolve(folder, path ?? "") } : { command },
    types: optional(fields, "types", isTexts),
    namespaces: optional(fields, "namespaces", isNamespaces),
    schedule: fields.schedule === undefined ? null : readSchedule(fields.schedule, `the schedule of "${name}"`),
  };
}

function readSchedule(value: unknown, where: string): ConfiguredSource["schedule"] {
  const fields = knownFields(value, where, ["source_id", "every_seconds"]);
  return {
    sourceId: required(fields, "source_id", isCounted),
    everySeconds: required(fields, "every_seconds", isSeconds),
  };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigurationError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new ConfigurationError(`${file} is not JSON`);
  }
}

function knownFields(value: unknown, where: string, known: readonly string[]): Fields {
  if (!isObject(value)) throw new ConfigurationError(`${where} is not an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ConfigurationError(`${where} has no "${unknown}"; it has ${known.join(", ")}`);
  return value;
}

function required<T>(fields: Fields, name: string, is: (value: unknown) => value is T): T {
  const value = optional(fields, name, is);
  if (value === null) throw new ConfigurationError(`"${name}" is missing`);
  return value;
}

function optional<T>(fields: Fields, name: string, is: (value: unknown) => value is T): T | null {
  const value = fields[name];
  if (value === undefined) return null;
  if (!is(value)) throw new ConfigurationError(`"${name}" is not what is expected there`);
  return value;
}

function readPort(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new ConfigurationError('"port" is not one');
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

function isNamespaces(value: unknown): value is (string | null)[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => name === null || isText(name));
}

function isPercentage(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 100;
}

function isCounted(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

/** A timer takes at most 24 days. */
function isSeconds(value: unknown): value is number {
  return isCounted(value) && value <= 24 * 24 * 3600;
}

function isEndpoint(value: unknown): value is string {
  return isText(value) && URL.canParse(value) && ["http:", "https:"].includes(new URL(value).protocol);
}
