import { beforeAll, describe, expect, it } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

const writers = 32;
const identities = 80;
const dayMs = 86_400_000;

let muster: Muster;

interface Sent {
  readonly requestId: string | null;
  readonly response: Response;
  readonly documents: ReadonlyMap<string, unknown>;
}

/** A bulk that says something of its own about half of the identities, in an order of its own. */
async function write(writer: number, round: number, prefix: string): Promise<Sent> {
  const items = Array.from({ length: identities }, (_, n) => ({
    name: `${prefix} ${n}`,
    ci_type: n % 2 === 0 ? "kubernetes.pod" : "postgresql.table",
    raw_data: { writer, round, metrics: { idx_scan: writer } },
  }));
  const chosen = items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((left, right) => left.place - right.place)
    .slice(0, identities / 2)
    .map(({ item }) => item);
  const response = await muster.request(`${bulkPath}?source=shared`, { key: muster.keys.service, body: chosen });
  const documents = new Map(chosen.map(({ name, raw_data }) => [name, raw_data]));
  return { response, documents, requestId: response.headers.get("X-Request-Id") };
}

const everyone = async <Result>(work: (writer: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: writers }, async (_, writer) => work(writer)));

/** What must hold of the log, whoever wrote at the same time. */
async function expectSoundLog(): Promise<void> {
  const [sums] = await muster.sql(`select
    (select count(*) from (select 1 from configuration_items group by source_id, ci_type, namespace, name having count(*) > 1) d)::int
      as twins,
    (select count(*) from configuration_items c where c.version <> (
      select count(*) from changes h where h.ci_id = c.ci_id))::int as uncounted,
    (select count(*) from changes h where h.version > 1 and not exists (
      select from changes p where p.ci_id = h.ci_id and p.version = h.version - 1))::int as gaps,
    (select count(*) from changes h join changes p on p.ci_id = h.ci_id and p.version = h.version - 1
      cross join jsonb_array_elements(h.entries) e (e)
      where p.change_type = 'UPDATED' and exists (select from jsonb_array_elements(p.entries) b (b) where b -> 'path' = e -> 'path')
        and not exists (select from jsonb_array_elements(p.entries) b (b)
          where b -> 'path' = e -> 'path' and b -> 'new' is not distinct from e -> 'old'))::int as broken,
    (select count(*) from changes h join changes p on p.ci_id = h.ci_id and p.version = h.version - 1
      where h.changed_at < p.changed_at)::int as backwards,
    (select count(*) from source_records r where not exists (select from configuration_items c where c.ci_id = r.ci_id))::int
      as orphans,
    (select coalesce(sum(n), 0) from item_counts)::int - (select count(*) from configuration_items)::int as miscounted`);
  expect(sums).toEqual({ twins: 0, uncounted: 0, gaps: 0, broken: 0, backwards: 0, orphans: 0, miscounted: 0 });
}

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(itemsPath, { key: muster.keys.service });
});

describe("32 writers of overlapping bulks", () => {
  it("all get 200, make no identity twice, and lose no version", async () => {
    const sent: Sent[] = [];
    for (const round of [1, 2, 3]) {
      sent.push(...(await everyone(async (writer) => write(writer, round, "item"))));
    }
    const answers = await Promise.all(
      sent.map(async ({ response }) => body<{ counts: Record<string, number> }>(response)),
    );
    const counts = (outcome: string) => answers.reduce((sum, answer) => sum + (answer.counts[outcome] ?? 0), 0);
    expect(counts("created")).toBe(identities);
    expect(counts("error")).toBe(0);
    await expectSoundLog();
    const [updated] = await muster.sql("select count(*)::int as n from changes where change_type = 'UPDATED'");
    expect(updated).toEqual({ n: counts("updated") });
  });

  it("leave each item as the request said that its last change names", async () => {
    const sent = await everyone(async (writer) => write(writer, 9, "item"));
    const byRequest = new Map(sent.map(({ requestId, documents }) => [requestId, documents]));
    const rows = await muster.sql(`select c.name, c.raw_data, h.request_id from configuration_items c
      join changes h on h.ci_id = c.ci_id and h.version = c.version`);
    expect(rows).toHaveLength(identities);
    for (const { name, raw_data, request_id } of rows) {
      expect(raw_data).toEqual(byRequest.get(String(request_id))?.get(String(name)));
    }
  });

  it("and one item made by all of them at once is made once", async () => {
    const item = { name: "only one", ci_type: "host", namespace: null };
    const responses = await everyone(async () => muster.request(`${itemsPath}?source=new one`, { body: item }));
    const statuses = responses.map((response) => response.status).toSorted((left, right) => left - right);
    expect(statuses).toEqual([...Array.from({ length: writers - 1 }, () => 200), 201]);
    const ids = await Promise.all(responses.map(async (response) => (await response.json<Row>())["ci_id"]));
    expect(new Set(ids).size).toBe(1);
    expect(await muster.sql("select count(*)::int as n from sources where name = 'new one'")).toEqual([{ n: 1 }]);
  });
});

describe("writers of every kind at once", () => {
  it("with sweeps and folds among them neither fail nor break the log", async () => {
    const ids = await muster.sql<{ ci_id: string }>("select ci_id from configuration_items order by random()");
    await muster.sql("update lifecycle_settings set archive_after_seconds = 0, purge_after_seconds = 0");
    const later = new Date(Date.now() + 2 * dayMs);
    const purge =
      "select muster.purge_archived(jsonb_build_object('now', $1::text), 1000, array(select id from sources))";
    const fails: string[] = [];
    const expectOne = async (response: Response, ...statuses: number[]) => {
      if (!statuses.includes(response.status)) {
        fails.push(`${response.status} ${await response.text()}`);
      }
    };
    await everyone(async (writer) => {
      for (const round of [1, 2, 3]) {
        const path = `${itemsPath}/${ids[(writer * 3 + round) % ids.length]?.ci_id ?? ""}`;
        if (writer % 8 === 0) {
          await muster.cron("*/15 * * * *", later);
          // The job would hold the removal of so much of one source.
          await muster.sql(purge, [later.toISOString()]);
        } else if (writer % 8 === 1) {
          await expectOne(await muster.request(path, { method: "DELETE" }), 200, 404);
        } else if (writer % 8 === 2) {
          await expectOne(await muster.request(path, { method: "PATCH", body: { raw_data: { writer } } }), 200, 404);
        } else {
          await expectOne((await write(writer, round, "item")).response, 200);
        }
      }
    });
    expect(fails).toEqual([]);
    // Whether a removal came through among all this is up to chance; one does for certain now, if none did before.
    await expectOne(await muster.request(`${itemsPath}/${ids[0]?.ci_id ?? ""}`, { method: "DELETE" }), 200, 404);
    await muster.sql(purge, [new Date(later.getTime() + dayMs).toISOString()]);
    const [purged] = await muster.sql("select count(*)::int as n from changes where change_type = 'PURGED'");
    expect(purged?.["n"]).toBeGreaterThan(0);
    await expectSoundLog();
    const failed = await muster.sql("select details from job_runs where outcome <> 'succeeded'");
    expect(failed).toEqual([]);
  });
});
