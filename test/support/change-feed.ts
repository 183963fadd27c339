import { body, bulkPath, itemsPath, type Muster, type Row } from "./muster.ts";

export const changesPath = "/api/v1/changes";

export interface Change {
  id: string;
  ci_id: string;
  ci_name: string;
  ci_namespace: string | null;
  ci_type: string;
  changed_at: string;
  change_type: string;
  version: number;
  source_id: number | null;
  actor: string | null;
  request_id: string | null;
  reason: string | null;
  changes: { field: string; op: string; old_value: unknown; new_value: unknown }[];
}

export interface ChangePage<Item = Change> {
  items: Item[];
  total: number | null;
  limit: number;
  offset: number;
  next_cursor: string | null;
  total_is_lower_bound?: true;
}

/** A page of the global list of changes. */
export async function changePage(muster: Muster, query: string): Promise<ChangePage> {
  return body<ChangePage>(await muster.request(`${changesPath}?${query}`));
}

/** Reports items, and answers their ids in that order. */
export async function report(muster: Muster, items: readonly Row[], query = ""): Promise<string[]> {
  const { results } = await body<{ results: { ci_id: string }[] }>(
    await muster.request(`${bulkPath}${query}`, { body: items }),
  );
  return results.map(({ ci_id }) => ci_id);
}

/** Merges a patch into an item. */
export async function patch(muster: Muster, id: string, change: Row, headers: Record<string, string> = {}) {
  await body(await muster.request(`${itemsPath}/${id}`, { method: "PATCH", body: change, headers }));
}

/** Takes all that was logged into the search index. */
export async function index(muster: Muster): Promise<void> {
  await muster.sql("select muster.index_changes(100000)");
}

/** Reads CSV as RFC 4180 has it, and throws at whatever it does not allow. Cells without quotes come as undefined where empty. */
export function parseCsv(text: string): (string | undefined)[][] {
  const records: (string | undefined)[][] = [];
  let record: (string | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = text[at] === '"' ? /"((?:[^"]|"")*)"/y : /([^",\r\n]*)/y;
    cell.lastIndex = at;
    const found = cell.exec(text);
    if (!found) {
      throw new Error(`a cell without end at ${at}`);
    }
    const content = found[1] ?? "";
    record.push(text[at] === '"' ? content.replaceAll('""', '"') : content || undefined);
    at = cell.lastIndex;
    if (text[at] === ",") {
      at += 1;
    } else if (text.startsWith("\r\n", at)) {
      records.push(record);
      record = [];
      at += 2;
    } else {
      throw new Error(`neither comma nor CRLF at ${at}: ${JSON.stringify(text.slice(at, at + 20))}`);
    }
  }
  if (record.length > 0) {
    throw new Error("the last record has no end");
  }
  return records;
}
