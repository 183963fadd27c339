import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import type { BenchWorker } from "./worker.ts";

/** Rows, and a digest of every cell in its order. */
export interface Content {
  readonly rows: number;
  readonly digest: string;
}

/** The content of the Worker's export. */
export async function exportedContent(worker: BenchWorker): Promise<Content> {
  const response = await fetch(`${worker.url}/api/v1/changes`, {
    headers: { Accept: "text/csv", "X-API-Key": worker.key },
  });
  if (!response.ok || !response.body) throw new Error(`the export answered ${response.status}`);
  return contentOf(response.body.pipeThrough(new TextDecoderStream()));
}

// Written with other functions than the export's own, names of fields above all.
const copied = `SELECT id, to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), change_type, ci_id, name, namespace,
  ci_type, version, department, source_id, actor, request_id, reason, (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'field', muster.field_name(ARRAY(SELECT jsonb_array_elements_text(e -> 'path'))), 'op', e -> 'op',
      'old_value', e -> 'old', 'new_value', e -> 'new') ORDER BY n), '[]')
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS t (e, n))
  FROM changes ORDER BY changed_at DESC, id DESC`;

/** The content of the log as `psql` copies it. */
export async function copiedContent(url: string): Promise<Content> {
  const copy = `\\copy (${copied.replaceAll(/\s+/g, " ")}) TO STDOUT (FORMAT csv, HEADER)`;
  const child = spawn("psql", [url, "-qc", copy], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  return contentOf(child.stdout);
}

async function contentOf(texts: AsyncIterable<string>): Promise<Content> {
  const digest = createHash("sha256");
  let rows = -1; // the header
  let rest = "";
  for await (const text of texts) {
    rest += text;
    let start = 0;
    for (let end = endOfRecord(rest, start); end >= 0; end = endOfRecord(rest, start)) {
      if (rows++ >= 0) digest.update(canonical(rest.slice(start, end).replace(/\r$/, "")));
      start = end + 1;
    }
    rest = rest.slice(start);
  }
  return { rows, digest: digest.digest("hex").slice(0, 16) };
}

// A line feed inside quotes belongs to a cell: there the quotes before it are odd in number.
function endOfRecord(text: string, start: number): number {
  for (let end = text.indexOf("\n", start); end >= 0; end = text.indexOf("\n", end + 1)) {
    if ((text.slice(start, end).split('"').length - 1) % 2 === 0) return end;
  }
  return -1;
}

// Quotes are where the two writers differ. A cell without any that is empty is NULL.
function canonical(record: string): string {
  const cells = Array.from(record.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^",]*)/g), ([, cell = ""]) => cell);
  const texts = cells.map((cell) =>
    cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell || "\u0000",
  );
  const entries = JSON.parse(texts.pop() ?? "") as {
    field: string;
    op: string;
    old_value: unknown;
    new_value: unknown;
  }[]; // as the export documents them
  const changes = entries.map((entry) => [entry.field, entry.op, entry.old_value, entry.new_value]);
  return `${texts.join("\u001f")}\u001f${JSON.stringify(changes)}\n`;
}
