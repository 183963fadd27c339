import { body, bulkPath, itemsPath, type Muster, type Row } from "./muster.ts";

export const relationshipsPath = "/api/v1/relationships";

export interface RelationshipList {
  items: (Row & { id: string; related_ci: { ci_id: string; name: string } })[];
  total: number | null;
  next_cursor: string | null;
}

export interface StatementResults {
  results: { index: number; outcome: string; id: string | null; error: { detail: string } | null }[];
  counts: Record<string, number>;
}

/** The id of an item that is nowhere. */
export const unknownItem = "00000000-0000-4000-8000-00000000dead";

/** The body that states a relationship. */
export function said(source_ci_id: string, target_ci_id: string, relationship_type = "depends_on", more: Row = {}) {
  return { source_ci_id, target_ci_id, relationship_type, ...more };
}

/** What tests of relationships do to a Worker. */
export function relationshipsOf(muster: Muster) {
  let counter = 0;

  async function createItems(count: number): Promise<string[]> {
    const items = Array.from({ length: count }, () => ({ name: `item-${(counter += 1)}`, ci_type: "thing" }));
    const answer = await body<{ results: { ci_id: string }[] }>(await muster.request(bulkPath, { body: items }));
    return answer.results.map(({ ci_id }) => ci_id);
  }

  return {
    createItems,
    async createPair(): Promise<[string, string]> {
      const [source = "", target = ""] = await createItems(2);
      return [source, target];
    },
    async state(statement: unknown, status: number, query = ""): Promise<Row & { id: string }> {
      return body(await muster.request(`${relationshipsPath}${query}`, { body: statement }), status);
    },
    async stateAll(statements: unknown, query = ""): Promise<StatementResults> {
      return body(await muster.request(`${relationshipsPath}${query}`, { body: statements }));
    },
    async list(ciId: string, query = ""): Promise<RelationshipList> {
      return body(await muster.request(`${itemsPath}/${ciId}/relationships?${query}`));
    },
    async get(url: string): Promise<Row> {
      return body(await muster.request(url));
    },
    async status(url: string): Promise<number> {
      return (await muster.request(url)).status;
    },
    /** Removes items for good, as the job that purges them does in the end. */
    async purge(ids: readonly string[]): Promise<void> {
      await muster.sql(
        `with records as (delete from source_records where ci_id = any($1::uuid[]))
         delete from configuration_items where ci_id = any($1::uuid[])`,
        [ids],
      );
    },
  };
}
