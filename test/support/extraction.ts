import { beforeEach, expect } from "vitest";
import { expectEdgesAsDocuments } from "./extraction-oracle.ts";
import { body, bulkPath, createMuster, emptyInventory, itemsPath, type Muster, type Row } from "./muster.ts";

export interface Sent {
  readonly ci_type: string;
  readonly namespace?: string | null;
  readonly name: string;
  readonly raw_data?: unknown;
}

interface Estate {
  readonly muster: Muster;
  /** Sends a bulk, as a source or without one, and answers the ids. */
  readonly send: (items: Sent | readonly Sent[], source?: string | null) => Promise<string[]>;
  /** All extracted edges by name, once they are seen to follow from the documents. */
  readonly edges: () => Promise<string[]>;
  readonly patch: (id: string | undefined, changes: Row) => Promise<void>;
  readonly archive: (id: string | undefined) => Promise<void>;
}

/** A Muster that is empty before each test of the file. */
export async function createEstate(): Promise<Estate> {
  const muster = await createMuster();
  beforeEach(async () => {
    await emptyInventory(muster, "relationship_changes");
  });

  async function send(items: Sent | readonly Sent[], source: string | null = "s"): Promise<string[]> {
    const query = source === null ? "" : `?source=${source}`;
    const response = await muster.request(bulkPath + query, { body: [items].flat() });
    const { results } = await body<{ results: { ci_id: string; error: string | null }[] }>(response);
    expect(results.filter(({ error }) => error !== null)).toEqual([]);
    return results.map((result) => result.ci_id);
  }

  async function edges(): Promise<string[]> {
    await expectEdgesAsDocuments(muster);
    const rows = await muster.sql<{ edge: string }>(
      `select s.name || ' ' || e.relationship_type || ' ' || t.name as edge from relationships e
       join configuration_items s on s.ci_id = e.source_ci_id join configuration_items t on t.ci_id = e.target_ci_id
       where e.extracted order by 1`,
    );
    return rows.map(({ edge }) => edge);
  }

  async function patch(id: string | undefined, changes: Row): Promise<void> {
    await body(await muster.request(`${itemsPath}/${id}`, { method: "PATCH", body: changes }));
  }

  async function archive(id: string | undefined): Promise<void> {
    expect((await muster.request(`${itemsPath}/${id}`, { method: "DELETE" })).ok).toBe(true);
  }

  return { muster, send, edges, patch, archive };
}

export const ns = "shop";
export const node: Sent = { ci_type: "kubernetes.node", name: "n1" };
export const pod = (spec: Row = {}, metadata: Row = {}, name = "pod"): Sent => ({
  ci_type: "kubernetes.pod",
  namespace: ns,
  name,
  raw_data: { metadata, spec },
});
export const onNode = pod({ nodeName: "n1" });
export const of = (kind: string, name: string, raw_data: Row = {}, namespace: string | null = ns): Sent => ({
  ci_type: `kubernetes.${kind}`,
  namespace,
  name,
  raw_data,
});
export const service = of("service", "web", { spec: { selector: { app: "web", tier: "front" } } });
export const ceph = (kind: string, name: string, raw_data: Row = {}, namespace: string | null = "c1"): Sent => ({
  ci_type: `ceph.${kind}`,
  namespace,
  name,
  raw_data,
});
export const at = (ci_type: string, namespace: string | null, name: string, raw_data: Row = {}): Sent => ({
  ci_type,
  namespace,
  name,
  raw_data,
});
