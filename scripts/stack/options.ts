import { parseArgs } from "node:util";
import { asCalled, defaultDataDir } from "./project.ts";
import { UsageError, wholeNumber } from "./usage-error.ts";

/** How the local stack is to run. */
export interface StackOptions {
  readonly engine: "pglite" | "postgres";
  /** A running database to use instead of an engine of our own. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** 0 is any free port; without one it is 8787, or a free one when that is taken. */
  readonly port: number | undefined;
  readonly sample: boolean;
  /** Requests a minute; 0 lifts all refusals, undefined is the Worker's own limit. */
  readonly rateLimit: number | undefined;
  readonly json: boolean;
}

const mostRequestsPerMinute = 1_000_000;

const optionsHelp = `Options:
  --port N           the port on 127.0.0.1; 0 is any free one (default: 8787, or a free one when that is taken)
  --engine NAME      pglite (default) or postgres; both are real PostgreSQL 18, PGlite inside this process, for one user
  --database-url URL use this running database, as its owner, instead of an engine
  --data-dir FOLDER  where data, secrets and limits are kept (default: .muster in the project)
  --no-sample        leave an empty inventory empty
  --rate-limit N     requests a minute for each key and address; 0 lifts all refusals`;

/** The text of --help. `command` is how npm runs it. */
export function helpText(command: "npm start" | "npm run serve"): string {
  const what =
    command === "npm start"
      ? "Runs Muster for development: the Worker reloads when its source changes."
      : "Runs the built Worker in bare workerd: for load, benchmarks and self-hosting.";
  const json = `\n  --json             print one line, {"url":…,"admin_key":…}, once Muster answers, and nothing else on stdout`;
  return `Usage: ${command} -- [options]

${what}

${optionsHelp}${command === "npm start" ? "" : json}
  --help             this text`;
}

/** Reads the command line; "help" when help is asked for. Throws UsageError for anything it does not understand. */
export function parseOptions(args: readonly string[], command: "npm start" | "npm run serve"): StackOptions | "help" {
  const values = parse(args);
  if (values.help === true) return "help";
  if (values.json === true && command === "npm start") throw new UsageError("--json is an option of `npm run serve`");
  const databaseUrl = values["database-url"];
  if (databaseUrl !== undefined) {
    if (values.engine !== undefined) throw new UsageError("give either --engine or --database-url");
    refuseBadUrl(databaseUrl);
  }
  return {
    engine: engineNamed(values.engine ?? "pglite"),
    databaseUrl,
    dataDir: values["data-dir"] === undefined ? defaultDataDir : asCalled(values["data-dir"]),
    port: values.port === undefined ? undefined : wholeNumber("port", values.port, 0, 65_535),
    sample: values["no-sample"] !== true,
    rateLimit:
      values["rate-limit"] === undefined
        ? undefined
        : wholeNumber("rate-limit", values["rate-limit"], 0, mostRequestsPerMinute),
    json: values.json === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        engine: { type: "string" },
        "database-url": { type: "string" },
        "data-dir": { type: "string" },
        "no-sample": { type: "boolean" },
        "rate-limit": { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function engineNamed(name: string): StackOptions["engine"] {
  if (name === "pglite" || name === "postgres") return name;
  throw new UsageError(`there is no engine "${name}": it is pglite or postgres`);
}

function refuseBadUrl(text: string): void {
  const protocol = URL.canParse(text) ? new URL(text).protocol : "";
  if (!["postgres:", "postgresql:"].includes(protocol)) {
    throw new UsageError("--database-url must read like postgres://owner:password@host/database");
  }
}
