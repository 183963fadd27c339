import { beforeAll, describe, expect, test } from "vitest";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";
import { relationshipsOf, relationshipsPath, said, unknownItem } from "../support/relationships.ts";

const nightly = "0 3 * * *";
const dayMs = 24 * 60 * 60 * 1000;

interface History {
  items: (Row & { id: string })[];
  total: number;
  next_cursor: string | null;
}

let muster: Muster;
let own: ReturnType<typeof relationshipsOf>;

beforeAll(async () => {
  muster = await createMuster();
  own = relationshipsOf(muster);
});

async function state(source_ci_id: string, target_ci_id: string, more: Row = {}): Promise<string> {
  const statement = { ...said(source_ci_id, target_ci_id), ...more };
  const response = await muster.request(relationshipsPath, {
    body: statement,
    headers: { "X-Change-Reason": "found out" },
  });
  return (await body<{ id: string }>(response, response.status === 201 ? 201 : 200)).id;
}

const history = async (ciId: string, query = "", status = 200) =>
  body<History>(await muster.request(`${itemsPath}/${ciId}/relationships?history=true${query}`), status);
const kinds = ({ items }: History) => items.map((change) => change.change_type).join(" ");

describe("the history of relationships", () => {
  test("tells who made, changed and removed what, and why, newest first, to both ends", async () => {
    const [a, b] = await own.createPair();
    const id = await state(a, b, { properties: { v: 1 } });
    await state(a, b);
    await state(a, b, { properties: { v: 2 }, confidence: 0.5 });
    const removal = await muster.request(`${relationshipsPath}/${id}`, {
      method: "DELETE",
      headers: { "X-Change-Reason": "wrong" },
    });
    await body(removal);

    const answer = await history(a);
    const before = { properties: { v: 1 }, confidence: 1, evidence: null };
    const after = { properties: { v: 2 }, confidence: 0.5, evidence: null };
    const common = {
      id: expect.stringMatching(/^\d+$/),
      relationship_id: id,
      changed_at: expect.stringMatching(/^\d{4}-.*Z$/),
      relationship_type: "depends_on",
      source_ci_id: a,
      target_ci_id: b,
      source_id: null,
      actor: expect.stringMatching(/^key:/),
      request_id: expect.any(String),
    };
    expect(answer.items).toEqual([
      {
        ...common,
        change_type: "REMOVED",
        request_id: removal.headers.get("X-Request-Id"),
        reason: "wrong",
        was: after,
        becomes: null,
      },
      { ...common, change_type: "UPDATED", reason: "found out", was: before, becomes: after },
      { ...common, change_type: "CREATED", reason: "found out", was: null, becomes: before },
    ]);
    expect(answer).toMatchObject({ total: 3, next_cursor: null });
    expect(await history(b)).toEqual(answer);
  });

  test("is there after one end, and both, were removed for good", async () => {
    const [a, b] = await own.createPair();
    await state(a, b);
    await own.purge([b]);
    expect(await muster.sql("select from relationships where source_ci_id = $1", [a])).toHaveLength(0);
    expect(kinds(await history(a))).toBe("REMOVED CREATED");
    expect(kinds(await history(b))).toBe("REMOVED CREATED");
    expect((await history(b)).items[0]).toMatchObject({ source_ci_id: a, target_ci_id: b, actor: null });
    await own.purge([a]);
    expect(kinds(await history(a))).toBe("REMOVED CREATED");
  });

  test("of items that are removed together tells of each of their relationships once", async () => {
    const [a = "", b = "", c = ""] = await own.createItems(3);
    await state(a, b);
    await state(b, c);
    await state(c, a);
    await own.purge([a, b]);
    expect(kinds(await history(a))).toBe("REMOVED REMOVED CREATED CREATED");
    expect(kinds(await history(c))).toBe("REMOVED REMOVED CREATED CREATED");
    expect(await muster.sql("select from relationships where $1 in (source_ci_id, target_ci_id)", [c])).toHaveLength(0);
  });

  test("stays when an item is archived, as its relationships do", async () => {
    const [a, b] = await own.createPair();
    await state(a, b);
    await body(await muster.request(`${itemsPath}/${b}`, { method: "DELETE" }));
    expect(kinds(await history(a))).toBe("CREATED");
    const shown = async (status: string) =>
      (await body<History>(await muster.request(`${itemsPath}/${a}/relationships?status=${status}`))).total;
    expect([await shown("active"), await shown("archived"), await shown("all")]).toEqual([0, 1, 1]);
  });

  test("follows an operator at a prompt: a moved end is an end and a beginning, a heartbeat nothing", async () => {
    const [a = "", b = "", c = ""] = await own.createItems(3);
    const id = await state(a, b);
    await muster.sql("update relationships set last_seen = last_seen + interval '1 hour' where id = $1", [id]);
    await muster.sql("update relationships set target_ci_id = $2 where id = $1", [id, c]);
    expect(kinds(await history(a))).toBe("CREATED REMOVED CREATED");
    expect(kinds(await history(b))).toBe("REMOVED CREATED");
    expect(kinds(await history(c))).toBe("CREATED");
    await muster.sql("delete from relationships where id = $1", [id]);
    expect(kinds(await history(c))).toBe("REMOVED CREATED");
    await expect(muster.sql("truncate relationships")).rejects.toThrow(/relationships cannot be truncated/);
  });

  test("can be had by direction, by type and page by page, in one statement each", async () => {
    const [a = "", b = "", c = ""] = await own.createItems(3);
    await state(a, b);
    await state(c, a, { relationship_type: "hosts" });
    await state(a, c, { relationship_type: "mounts" });
    expect((await history(a, "&direction=outgoing")).total).toBe(2);
    expect((await history(a, "&direction=incoming")).total).toBe(1);
    expect((await history(a, "&type=hosts,mounts")).total).toBe(2);
    expect((await history(a, "&status=all")).total).toBe(3);
    expect((await history(a, "&count=none")).total).toBeNull();
    expect((await history(a, "&count=estimate")).total).toBe(3);
    const whole = (await history(a)).items.map(({ id }) => id);
    const first = await history(a, "&limit=2");
    const second = await history(a, `&limit=2&cursor=${String(first.next_cursor)}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(whole);
    expect(second.next_cursor).toBeNull();
    expect((await history(a, "&limit=1&offset=1")).items[0]?.id).toBe(whole[1]);
    expect(await muster.statements(async () => history(a))).toBe(1);
  });

  test("is not found for what never was, and refuses a status that it would not heed", async () => {
    await history(unknownItem, "", 404);
    const [a] = await own.createPair();
    expect(await history(a)).toMatchObject({ items: [], total: 0 });
    await history(a, "&status=active", 422);
    await history(a, "&status=archived", 422);
    await body(await muster.request(`${itemsPath}/${a}/relationships?history=yes`), 422);
  });
});

test("at night what is older than the retention is forgotten, however much it is, and nothing else", async () => {
  muster = await createMuster({ CHANGE_RETENTION_DAYS: "31" });
  own = relationshipsOf(muster);
  const [a, b] = await own.createPair();
  const now = Date.parse("2030-03-01T03:00:00Z");
  await muster.sql(
    `insert into relationship_changes (relationship_id, source_ci_id, target_ci_id, changed_at, change_type, relationship_type)
     select uuidv7(), $1::uuid, $2::uuid, $3::timestamptz - n * interval '1 millisecond', 'CREATED', 'x'
     from generate_series(0, 25000) n`,
    [a, b, new Date(now - 31 * dayMs).toISOString()],
  );
  await muster.cron(nightly, new Date(now));
  expect((await history(a)).total).toBe(1);
  const [run] = await muster.sql("select details from job_runs where job = 'drop_old_relationship_changes'");
  expect(run?.details).toEqual({ dropped: 25_000, finished: true });
  await muster.cron(nightly, new Date(now + 1));
  expect((await history(a)).total).toBe(0);
});
