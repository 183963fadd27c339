import { parseArgs } from "node:util";
import type { ImportFormat } from "./format.ts";
import { importFormats } from "./formats.ts";

/** The command cannot run as it was called; the message tells the user why. */
export class UsageError extends Error {}

/** How to end a sync. */
export interface SyncOptions {
  readonly maxDropPercent: number;
  readonly force: boolean;
}

export interface ImportOptions {
  readonly formatName: string;
  readonly format: ImportFormat;
  readonly paths: readonly string[];
  readonly source: string;
  /** A source that is there, by its id; goes before `source`. */
  readonly sourceId: number | undefined;
  /** How to end the sync that the import is; undefined when it is none. */
  readonly sync: SyncOptions | undefined;
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly concurrency: number;
  readonly tries: number;
  readonly maxWaitMs: number;
  readonly rejectsFile: string | undefined;
  readonly json: boolean;
  readonly dryRun: boolean;
}

export const helpText = `Usage: npm run import -- KIND FILE|FOLDER|- [more…] [options]

Reads configuration items and sends them to Muster in bulks. Running it again is safe: what is known and unchanged stays as it is.

Kinds:
${Object.entries(importFormats)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join("\n")}

A folder stands for its files of that kind, recursively; - is standard input.

Options:
  --source NAME      the source that reports the items, made on first use (default: the kind)
  --source-id N      the source by its id instead, such as one of a collector
  --sync             this is all there is of the source: what it does not see goes inactive at the end, unless something was
                     rejected or the import was broken off
  --max-drop-percent N  with --sync: hold when more than this share would go inactive, and at least 10 (default 20)
  --force            with --sync: whatever the share
  --url URL          where Muster runs (default: $MUSTER_URL, else the local instance if one runs)
  --key KEY          the API key (default: $MUSTER_API_KEY, else the local instance's)
  --concurrency N    bulks in flight at once, 1 to 8 (default 1)
  --tries N          tries per bulk when the far side is busy or away (default 8)
  --max-wait SECONDS the longest wait per bulk between those tries, in all (default 300)
  --rejects FILE     write every reject to FILE, one JSON object a line
  --json             print one JSON object instead of the table
  --dry-run          read and count, send nothing
  --help             this text

Exit status: 0 all landed, 2 something was rejected, 3 the sync was held, 1 stopped by an error, 130 interrupted.

Examples:
  kubectl get all,nodes,pv,pvc,configmaps -A -o json | npm run import -- kubernetes -
  npm run import -- kubernetes ./cluster-dump --source prod-eu --rejects rejects.ndjson
  npm run import -- kubernetes pods.json nodes.json --dry-run
  npm run import -- kubernetes whole-cluster.json --source prod-eu --sync
  MUSTER_URL=https://muster.example.com MUSTER_API_KEY=… npm run import -- kubernetes dump.json --concurrency 4`;

/** Reads the command line; "help" when help is asked for. Throws UsageError for anything it does not understand. */
export function parseOptions(args: readonly string[]): ImportOptions | "help" {
  const { values, positionals } = parse(args);
  if (values.help === true) return "help";
  const [formatName, ...paths] = positionals;
  const known = Object.keys(importFormats).join(", ");
  if (formatName === undefined) throw new UsageError(`what kind of import? There is: ${known}`);
  const format = Object.hasOwn(importFormats, formatName) ? importFormats[formatName] : undefined;
  if (format === undefined) throw new UsageError(`there is no import of "${formatName}". There is: ${known}`);
  if (paths.length === 0) throw new UsageError("name a file or a folder to import, or - for standard input");
  const source = values.source ?? formatName;
  if (values.source !== undefined && values["source-id"] !== undefined)
    throw new UsageError("--source and --source-id exclude each other");
  if (values.sync !== true && (values.force === true || values["max-drop-percent"] !== undefined))
    throw new UsageError("--force and --max-drop-percent are about a --sync");
  if (source.trim() === "" || source.length > 255) throw new UsageError("--source needs a name of 1 to 255 characters");
  return {
    formatName,
    format,
    paths,
    source,
    sourceId:
      values["source-id"] === undefined ? undefined : wholeNumber("source-id", values["source-id"], 1, 2_147_483_647),
    sync:
      values.sync === true
        ? {
            maxDropPercent: wholeNumber("max-drop-percent", values["max-drop-percent"] ?? "20", 0, 100),
            force: values.force === true,
          }
        : undefined,
    url: values.url,
    key: values.key,
    concurrency: wholeNumber("concurrency", values.concurrency, 1, 8),
    tries: wholeNumber("tries", values.tries, 1, 100),
    maxWaitMs: wholeNumber("max-wait", values["max-wait"], 0, 86_400) * 1000,
    rejectsFile: values.rejects,
    json: values.json === true,
    dryRun: values["dry-run"] === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        source: { type: "string" },
        "source-id": { type: "string" },
        sync: { type: "boolean" },
        "max-drop-percent": { type: "string" },
        force: { type: "boolean" },
        url: { type: "string" },
        key: { type: "string" },
        concurrency: { type: "string", default: "1" },
        tries: { type: "string", default: "8" },
        "max-wait": { type: "string", default: "300" },
        rejects: { type: "string" },
        json: { type: "boolean" },
        "dry-run": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`--${option} needs a whole number from ${least} to ${most}`);
  return number;
}
