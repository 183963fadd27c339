import { parseArgs } from "node:util";
import { join } from "node:path";
import { asCalled, defaultDataDir } from "../scripts/stack/project.ts";
import { UsageError, wholeNumber } from "../scripts/stack/usage-error.ts";

/** How large an estate is to be. */
export interface EstateSize {
  readonly items: number;
  /** Changes of all items together, the one that made each included. */
  readonly changes: number;
  readonly seed: number;
  /** Days that the changes are spread over, and when these end. */
  readonly days: number;
  readonly until: Date;
}

/** What to run on. */
export interface BenchOptions {
  readonly size: EstateSize;
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
}

const most = 16_000_000;

const optionsHelp = `Options:
  --items N          configuration items (default: 100000)
  --changes N        changes of all items, one for the making of each included (default: 1000000)
  --seed N           another one gives another estate (default: 1)
  --days N           days that the changes are spread over (default: 95)
  --until TIME       when they end, as ISO 8601 (default: now); with this the rows are the same on every run
  --database-url URL use this running, empty database, as a superuser, instead of an embedded PostgreSQL
  --data-dir FOLDER  where the embedded PostgreSQL keeps its data (default: .muster/bench in the project)
  --help             this text`;

/** Reads the command line; "help" when help is asked for. Throws UsageError for anything it does not understand. */
export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const values = parse(args);
  if (values.help === true) return "help";
  const items = wholeNumber("items", values.items, 1, most);
  const until = new Date(values.until ?? Date.now());
  if (Number.isNaN(until.getTime())) throw new UsageError("--until needs a time such as 2026-01-31T12:00:00Z");
  return {
    size: {
      items,
      changes: wholeNumber("changes", values.changes, items, 10 * most),
      seed: wholeNumber("seed", values.seed, 0, 1_000_000),
      days: wholeNumber("days", values.days, 1, 390),
      until,
    },
    databaseUrl: values["database-url"],
    dataDir: values["data-dir"] === undefined ? join(defaultDataDir, "bench") : asCalled(values["data-dir"]),
  };
}

/** The text of --help. */
export function helpText(command: string, what: string): string {
  return `Usage: ${command} [options]\n\n${what}\n\n${optionsHelp}`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        items: { type: "string", default: "100000" },
        changes: { type: "string", default: "1000000" },
        seed: { type: "string", default: "1" },
        days: { type: "string", default: "95" },
        until: { type: "string" },
        "database-url": { type: "string" },
        "data-dir": { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
