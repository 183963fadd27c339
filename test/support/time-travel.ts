import { body, itemsPath, type Muster, type RequestOptions, type Row } from "./muster.ts";

/** An entry of a change, a difference or a patch, as the wire shows it. */
export interface Entry {
  readonly field: string;
  readonly op: string;
  readonly old_value: unknown;
  readonly new_value: unknown;
}

export const iso = (ms: number) => new Date(ms).toISOString();
export const itemPath = (ciId: unknown) => `${itemsPath}/${String(ciId)}`;
export const revertPath = (id: unknown, query = "") => `/api/v1/changes/${String(id)}/revert${query}`;

/** Entries as field, op, old and new value. */
export function short(entries: unknown): unknown[][] {
  return (entries as Entry[]).map((entry) => [entry.field, entry.op, entry.old_value, entry.new_value]);
}

/** What tests of the past say to a Worker. */
export function travellerOf(muster: Muster) {
  const changeIds = async (ciId: unknown): Promise<string[]> => {
    const rows = await muster.sql("select id::text as id from changes where ci_id = $1 order by version", [ciId]);
    return rows.map((row) => String(row["id"]));
  };
  /** The status and the detail of a request that is refused. */
  const refusal = async (path: string, options: RequestOptions = {}): Promise<string> => {
    const response = await muster.request(path, options);
    const { detail } = await response.json<Row>();
    return `${response.status} ${String(detail)}`;
  };
  return {
    async report(content: Row, query = ""): Promise<Row> {
      const response = await muster.request(`${itemsPath}${query}`, { body: { ci_type: "thing", ...content } });
      return body(response, response.status === 201 ? 201 : 200);
    },
    async patch(ciId: unknown, content: Row): Promise<Row> {
      return body(await muster.request(itemPath(ciId), { method: "PATCH", body: content }));
    },
    async replace(ciId: unknown, content: Row): Promise<Row> {
      return body(await muster.request(itemPath(ciId), { method: "PUT", body: { ci_type: "thing", ...content } }));
    },
    async archive(ciId: unknown): Promise<Row> {
      return body(await muster.request(itemPath(ciId), { method: "DELETE" }));
    },
    async get(ciId: unknown): Promise<Row> {
      return body(await muster.request(itemPath(ciId)));
    },
    async getAt(ciId: unknown, at: number): Promise<Row> {
      return body(await muster.request(`${itemPath(ciId)}?at=${iso(at)}`));
    },
    async diff(ciId: unknown, from: number, to?: number): Promise<Row> {
      const until = to === undefined ? "" : `&to=${iso(to)}`;
      return body(await muster.request(`${itemPath(ciId)}/diff?from=${iso(from)}${until}`));
    },
    async revert(id: unknown, query = ""): Promise<{ patch: Entry[]; item: Row | null } & Row> {
      return body(await muster.request(revertPath(id, query), { method: "POST" }));
    },
    refusal,
    async revertRefusal(id: unknown, query = ""): Promise<string> {
      return refusal(revertPath(id, query), { method: "POST" });
    },
    /** The ids of an item's changes, the oldest first. */
    changeIds,
    async changeId(ciId: unknown, version: number): Promise<string> {
      return (await changeIds(ciId))[version - 1] ?? "";
    },
  };
}
