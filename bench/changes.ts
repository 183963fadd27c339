import { runCommand } from "../scripts/stack/usage-error.ts";
import { type ExportFigures, measureCopy, measureExport } from "./export.ts";
import { indexChanges } from "./jobs.ts";
import { helpText, parseOptions } from "./options.ts";
import { type Estate, prepareEstate } from "./prepare.ts";
import { changeReads, measureRead } from "./reads.ts";
import { addChanges, measureRefresh, removeChanges } from "./tail.ts";
import { copiedContent, exportedContent } from "./verify.ts";
import { startBenchWorker } from "./worker.ts";

const command = "npm run bench:changes --";
const newChanges = 1_000;
const tailChanges = 100_000;
/** Rows of the export that a large one is compared with. */
const fewRows = 10_000;

await runCommand(command, async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(
      helpText(command, "Measures reads, searches and exports of the change history, loading an estate first."),
    );
    return 0;
  }
  await using closing = new AsyncDisposableStack();
  const estate = await prepareEstate(options, closing);
  await removeChanges(estate.client); // of a run that was broken off
  await benchReads(estate);
  await benchRefresh(estate);
  await benchTail(estate);
  const worker = await startBenchWorker(estate.engine, options.dataDir, closing);
  const recent = await estate.client.query<{ at: Date }>(
    "SELECT changed_at AS at FROM changes ORDER BY changed_at DESC, id DESC OFFSET $1 LIMIT 1",
    [fewRows],
  );
  const since = recent.rows[0] ? `start_date=${recent.rows[0].at.toISOString()}` : "";
  const few = await measureExport(worker, since, "text/csv");
  tell(`CSV of ${fewRows} changes`, few);
  const url = estate.engine.adminUrl;
  for (const accept of ["text/csv", "application/x-ndjson"]) {
    const copyMs = Math.min(await measureCopy(url), await measureCopy(url));
    console.log(`\\copy of the columns as they are: ${(copyMs / 1000).toFixed(1)} s`);
    const all = await measureExport(worker, "", accept);
    tell(`${accept} of all changes`, all);
    console.log(
      `  throughput ${(copyMs / all.ms).toFixed(2)} of \\copy, memory ${(all.memory.peak - few.memory.peak).toFixed(0)} MB above that of ${fewRows}`,
    );
  }
  const [exported, copied] = [await exportedContent(worker), await copiedContent(url)];
  console.log(
    `rows and digest of the export ${exported.rows} ${exported.digest}, of \\copy ${copied.rows} ${copied.digest}`,
  );
  return exported.rows === copied.rows && exported.digest === copied.digest ? 0 : 1;
});

async function benchReads({ client }: Estate): Promise<void> {
  for (const read of await changeReads(client)) {
    const { median, slowest, plan } = await measureRead(client, read, 11);
    console.log(`${median.toFixed(1).padStart(9)} ms median, ${slowest.toFixed(1)} slowest: ${read.name}`);
    console.log(plan.map((line) => `            ${line}`).join("\n"));
  }
}

async function benchRefresh({ client }: Estate): Promise<void> {
  await addChanges(client, newChanges);
  const { taken, rowsRead, ms } = await measureRefresh(client);
  console.log(
    `${ms.toFixed(1).padStart(9)} ms: refresh of the statistics with ${taken} new changes, ${rowsRead} rows of the log read`,
  );
}

async function benchTail({ client }: Estate): Promise<void> {
  await addChanges(client, tailChanges);
  for (const read of await changeReads(client)) {
    const { median } = await measureRead(client, read, 3);
    console.log(`${median.toFixed(1).padStart(9)} ms median with ${tailChanges} changes not yet indexed: ${read.name}`);
  }
  const started = performance.now();
  const indexed = await indexChanges(client);
  const ms = performance.now() - started;
  console.log(`${((ms * 1000) / indexed).toFixed(0).padStart(9)} µs a change: indexing of ${indexed}`);
  await removeChanges(client);
}

function tell(name: string, { bytes, ms, firstByteMs, memory, workerCpu }: ExportFigures): void {
  const { before, peak, after } = memory;
  console.log(
    `${name}: ${(bytes / 1e6).toFixed(1)} MB in ${(ms / 1000).toFixed(1)} s, first byte after ${firstByteMs.toFixed(0)} ms;` +
      ` the Worker's memory ${before.toFixed(0)} MB before, ${peak.toFixed(0)} at most, ${after.toFixed(0)} after, ${workerCpu.toFixed(1)} s of its CPU`,
  );
}
