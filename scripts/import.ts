import { join, resolve } from "node:path";
import { findInputs } from "./import/inputs.ts";
import { helpText, parseOptions, UsageError } from "./import/options.ts";
import type { ImportOptions } from "./import/options.ts";
import { startProgress } from "./import/progress.ts";
import { formatJson, formatTable, printable } from "./import/report.ts";
import { runImport } from "./import/run.ts";
import { SendError } from "./import/request.ts";
import { sendBulk } from "./import/send.ts";
import { commitSync, giveUpSync, openSync, type SyncEnding } from "./import/sync.ts";
import type { SendOptions } from "./import/send.ts";
import { Tally } from "./import/tally.ts";
import { findTarget } from "./import/target.ts";

const localFile = join(import.meta.dirname, "../.muster/local.json");

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") console.log(helpText);
  else process.exitCode = await importAll(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`error: ${error.message}\nSee \`npm run import -- --help\`.`);
  process.exitCode = 1;
}

async function importAll(options: ImportOptions): Promise<number> {
  const { format, concurrency, dryRun, json } = options;
  const target = dryRun ? null : await findTarget(options, process.env, localFile);
  const { inputs, skipped } = await findInputs(options.paths.map(asCalled), format.extension);
  const tally = new Tally();
  tally.skippedFiles = skipped;
  openRejects(tally, options.rejectsFile);

  const stop = new AbortController();
  const progress = startProgress(tally, process.stderr);
  const interrupt = onInterrupt(stop);
  const sending: Omit<SendOptions, "target"> = {
    ...options,
    origin:
      options.sourceId === undefined ? `source=${encodeURIComponent(options.source)}` : `source_id=${options.sourceId}`,
    stop: stop.signal,
    onRetry: () => {
      tally.retries++;
      progress.show();
    },
    onResults: (items, results) => {
      tally.addResults(items, results);
      progress.show();
    },
  };

  let error: string | null = null;
  let ended: SyncEnding | null = null;
  try {
    const all = target === null ? null : { ...sending, target };
    const sync = options.sync === undefined || all === null ? null : await openSync(all);
    await runImport({
      inputs,
      format,
      concurrency,
      tally,
      stop,
      send: async (items) => {
        if (all !== null) await sendBulk(items, { ...all, ...(sync === null ? {} : { origin: sync.origin }) });
      },
      onProgress: progress.show,
    });
    if (options.sync !== undefined && all !== null && sync !== null) {
      const isWhole = tally.rejects === 0 && !interrupt.happened();
      ended = await (isWhole ? commitSync(sync, options.sync, all) : giveUpSync(sync, all));
    }
  } catch (failure) {
    if (!(failure instanceof SendError)) throw failure;
    error = printable(failure.message);
  } finally {
    progress.clear();
    interrupt.end();
    tally.closeRejectsFile();
  }

  const ending = { source: options.source, dryRun, interrupted: interrupt.happened(), error, sync: ended };
  console.log(json ? formatJson(tally, ending) : formatTable(tally, ending));
  if (error !== null) console.error(`error: ${error}`);
  if (error !== null) return 1;
  if (ending.interrupted) return 130;
  if (tally.rejects > 0) return 2;
  return ended?.status === "held" ? 3 : 0;
}

/** The first Ctrl-C ends the import in good order; a later one at once. npm passes on the one that the terminal sent already, hence the pause. */
function onInterrupt(stop: AbortController): { happened: () => boolean; end: () => void } {
  let since: number | null = null;
  function interrupt(): void {
    if (since !== null && Date.now() - since > 1000) process.exit(130);
    since ??= Date.now();
    stop.abort();
  }
  process.on("SIGINT", interrupt);
  return { happened: () => since !== null, end: () => void process.off("SIGINT", interrupt) };
}

function openRejects(tally: Tally, path: string | undefined): void {
  if (path === undefined) return;
  try {
    tally.openRejectsFile(asCalled(path));
  } catch (error) {
    throw new UsageError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** npm runs scripts in the project's folder, but the user named the files from theirs. */
function asCalled(path: string): string {
  const { npm_lifecycle_event: script, INIT_CWD: folder } = process.env;
  return path !== "-" && script === "import" && folder !== undefined && folder !== process.cwd()
    ? resolve(folder, path)
    : path;
}
