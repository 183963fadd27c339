import type { Reject } from "./format.ts";
import type { SyncEnding } from "./sync.ts";
import { rejectRecord } from "./tally.ts";
import type { Tally } from "./tally.ts";

/** How an import ended, beside what was counted. */
export interface Ending {
  readonly source: string;
  readonly dryRun: boolean;
  readonly interrupted: boolean;
  readonly error: string | null;
  /** Null when the import was no sync, or did not get to its end. */
  readonly sync: SyncEnding | null;
}

/** The counts as a table for people: a row per type, a column per outcome, then what is worth knowing, then the first rejects. */
export function formatTable(tally: Tally, ending: Ending): string {
  const columns = ending.dryRun ? [] : Object.keys(tally.outcomes);
  const rows = [...tally.seenByType]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, seen]) => {
      const outcomes = tally.outcomesByType.get(type);
      return [printable(type), seen, ...columns.map((column) => outcomes?.get(column) ?? 0)];
    });
  const total = ["total", tally.seen, ...columns.map((column) => tally.outcomes[column] ?? 0)];
  const lines = [...layOut([["type", "seen", ...columns], ...rows, total]), "", summarize(tally, ending)];
  if (ending.sync !== null) lines.push(describeSync(ending.sync));
  if (tally.rejects > 0) lines.push("", "Rejected:", ...tally.firstRejects.map(describeReject));
  const more = tally.rejects - tally.firstRejects.length;
  if (more > 0) lines.push(`  and ${count(more)} more`);
  return lines.join("\n");
}

/** The same as one JSON object for machines; `rejects` holds the first 20 of `reject_count`. */
export function formatJson(tally: Tally, ending: Ending): string {
  return JSON.stringify({
    source: ending.source,
    dry_run: ending.dryRun,
    interrupted: ending.interrupted,
    error: ending.error,
    sync: ending.sync,
    files: tally.files,
    skipped_files: tally.skippedFiles,
    seen: tally.seen,
    seen_by_type: Object.fromEntries(tally.seenByType),
    duplicates: tally.duplicates,
    answered: tally.answered,
    outcomes: tally.outcomes,
    bulks: tally.bulks,
    retries: tally.retries,
    seconds: (Date.now() - tally.startedAt) / 1000,
    reject_count: tally.rejects,
    rejects: tally.firstRejects.map(rejectRecord),
  });
}

/** Replaces what could steer a terminal: names and server messages are not ours. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
}

function summarize(tally: Tally, ending: Ending): string {
  const seconds = (Date.now() - tally.startedAt) / 1000;
  const parts = [
    `${count(tally.files)} ${tally.files === 1 ? "input" : "inputs"} read in ${seconds.toFixed(1)} s`,
    ending.dryRun
      ? "nothing sent (dry run)"
      : `${count(tally.answered)} items answered in ${count(tally.bulks)} ${tally.bulks === 1 ? "bulk" : "bulks"}`,
    `${count(tally.rejects)} rejected`,
  ];
  if (tally.duplicates > 0) parts.push(`${count(tally.duplicates)} duplicates left out (the last one counts)`);
  if (tally.skippedFiles > 0) parts.push(`${count(tally.skippedFiles)} other files skipped`);
  if (tally.retries > 0) parts.push(`${count(tally.retries)} retries`);
  if (ending.interrupted) parts.push("interrupted: the rest was not sent");
  return parts.join(", ");
}

function describeSync({ status, counts, detail }: SyncEnding): string {
  if (status !== "committed") return `Sync ${status}: ${printable(detail ?? "")}`;
  const of = (name: string) => count(counts?.[name] ?? 0);
  const kept = of("kept_by_other_sources");
  return `Sync committed: ${of("seen")} seen, ${of("unseen")} not; ${of("deactivated")} went inactive, ${kept} kept by other sources`;
}

function describeReject({ file, place, reason, item }: Reject): string {
  const index = place === null || place.index === null ? "" : ` item ${place.index}`;
  const where = place === null ? file : `${file}:${place.line}${index} (byte ${place.offset})`;
  const who =
    item === undefined ? "" : ` ${item.ciType} ${item.namespace === null ? "" : `${item.namespace}/`}${item.name}:`;
  return `  ${printable(`${where}:${who} ${reason}`)}`;
}

function layOut(rows: (string | number)[][]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "number" ? count(cell) : cell)));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
