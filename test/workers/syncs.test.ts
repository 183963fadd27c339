import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hourMs, setClock } from "../support/clock.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";
import { iso, numbered, syncsOf, toItem } from "../support/syncs.ts";

const nobody = "00000000-0000-4000-8000-000000000000";

let muster: Muster;
let syncs: ReturnType<typeof syncsOf>;
let source: number;

beforeAll(async () => {
  muster = await createMuster();
  syncs = syncsOf(muster);
});

beforeEach(async () => {
  source = await syncs.startOver();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("opening, reading and giving up", () => {
  it("opens with a Location, for an hour after the last bulk and for all, without a body", async () => {
    const response = await syncs.request(syncs.path(source), { method: "POST" });
    const sync = await body(response, 201);
    expect(sync).toEqual({
      id: expect.any(String),
      source_id: source,
      status: "open",
      types: null,
      namespaces: null,
      opened_at: iso(0),
      expires_at: iso(hourMs),
      committed_at: null,
      counts: null,
    });
    const location = response.headers.get("Location") ?? "";
    expect(location).toBe(syncs.path(source, `/${String(sync["id"])}`));
    expect(await body(await syncs.request(location))).toEqual(sync);
  });

  it("keeps its scope, null namespaces included, each name once", async () => {
    const scope = { types: ["pod", "node", "pod"], namespaces: ["a", null, "", 'x"y,{}'], expires_in_seconds: 60 };
    expect(await syncs.open(source, scope)).toMatchObject({
      types: ["pod", "node"],
      namespaces: ["a", null, 'x"y,{}'],
      expires_at: iso(60_000),
    });
  });

  it.each<[unknown, number]>([
    [{ types: [] }, 422],
    [{ namespaces: [] }, 422],
    [{ types: numbered("t", 101) }, 422],
    [{ types: [null] }, 422],
    [{ types: "pod" }, 422],
    [{ types: [""] }, 422],
    [{ types: ["a\u0000"] }, 422],
    [{ expires_in_seconds: 0 }, 422],
    [{ expires_in_seconds: 86_401 }, 422],
    [{ expires_in_seconds: 1.5 }, 422],
    [{ scope: {} }, 422],
    [[], 422],
    ["", 400],
    ["{", 400],
  ])("refuses to open with %j", async (content, status) => {
    const response = await syncs.request(syncs.path(source), { body: content });
    expect(response.status).toBe(status);
    expect(await muster.sql("select 1 from source_syncs")).toEqual([]);
  });

  it("does not read past a body of another type", async () => {
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const sync = await syncs.open(source);
    for (const path of [syncs.path(source), syncs.path(source, `/${sync.id}/commit`)]) {
      const response = await syncs.request(path, { body: '{"dry_run":true}', headers });
      expect(response.status).toBe(415);
    }
    expect(await body(await syncs.request(syncs.path(source, `/${sync.id}`)))).toMatchObject({ status: "open" });
  });

  it("lists newest first, by offset and by cursor, with the exact total", async () => {
    const opened = [];
    for (const second of [0, 1, 2, 3, 4]) {
      setClock(second * 1000);
      opened.unshift((await syncs.open(source)).id);
    }
    await syncs.open(await syncs.source());
    const list = async (query: string) => body<Row & { items: Row[] }>(await syncs.request(syncs.path(source, query)));
    const first = await list("?limit=2");
    expect(first).toMatchObject({ total: 5, offset: 0, limit: 2 });
    const second = await list(`?limit=2&cursor=${String(first["next_cursor"])}`);
    const last = await list("?limit=2&offset=4");
    expect([first, second, last].flatMap(({ items }) => items.map((sync) => sync["id"]))).toEqual(opened);
    expect(last["next_cursor"]).toBeNull();
    const foreign = syncs.path(await syncs.source(), `?cursor=${String(first["next_cursor"])}`);
    expect((await syncs.request(foreign)).status).toBe(400);
  });

  it("is given up once and again, takes no more bulks, and cannot be committed", async () => {
    const sync = await syncs.openAfter(source, ["x"]);
    const where = syncs.path(source, `/${sync.id}`);
    expect(await body(await syncs.request(where, { method: "DELETE" }))).toMatchObject({ status: "cancelled" });
    expect(await body(await syncs.request(where, { method: "DELETE" }))).toMatchObject({ status: "cancelled" });
    const refused = await syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: [toItem("y")] });
    expect(await body(refused, 409)).toMatchObject({
      detail: expect.stringMatching(/given up/),
      type: "ConflictError",
    });
    expect((await syncs.commit(source, sync)).status).toBe(409);
    expect(await syncs.states()).toEqual({ x: "active" });
  });

  it("is not found under another source, a deleted one or none, in any route, and a bad id is 400", async () => {
    const sync = await syncs.open(source);
    const other = await syncs.source();
    const ask = async (of: unknown, id: string) => [
      (await syncs.request(`/api/v1/sources/${String(of)}/syncs/${id}`)).status,
      (await syncs.request(`/api/v1/sources/${String(of)}/syncs/${id}`, { method: "DELETE" })).status,
      (await syncs.request(`/api/v1/sources/${String(of)}/syncs/${id}/commit`, { method: "POST" })).status,
      (await syncs.request(`/api/v1/sources/${String(of)}/syncs/${id}/commit`, { body: { dry_run: true } })).status,
    ];
    expect(await ask(other, sync.id)).toEqual([404, 404, 404, 404]);
    expect(await ask(source, nobody)).toEqual([404, 404, 404, 404]);
    expect(await ask(2_147_483_647, sync.id)).toEqual([404, 404, 404, 404]);
    expect(await ask(9_999_999_999, sync.id)).toEqual([404, 404, 404, 404]);
    expect(await ask("x", sync.id)).toEqual([400, 400, 400, 400]);
    expect(await ask(source, "x")).toEqual([400, 400, 400, 400]);
    await muster.sql("update sources set deleted_at = now() where id = $1", [source]);
    expect(await ask(source, sync.id)).toEqual([404, 404, 404, 404]);
    const anywhere = async (of: number) => [
      (await syncs.request(syncs.path(of))).status,
      (await syncs.request(syncs.path(of), { method: "POST" })).status,
      (await syncs.request(`${bulkPath}?source_id=${of}`, { body: [] })).status,
      (await syncs.request(`${itemsPath}?source_id=${of}`, { body: toItem("x") })).status,
    ];
    expect(await anywhere(source)).toEqual([404, 404, 404, 404]);
    expect(await anywhere(2_147_483_647)).toEqual([404, 404, 404, 404]);
    const late = await syncs.request(`${bulkPath}?sync_id=${sync.id}`, { body: [toItem("x")] });
    expect(await body(late, 404)).toMatchObject({ detail: "Sync not found" });
    expect(await syncs.states()).toEqual({});
  });

  it("of a disabled source goes on", async () => {
    await muster.sql("update sources set status = 'disabled' where id = $1", [source]);
    const sync = await syncs.openAfter(source, ["gone"]);
    await syncs.bulk(`sync_id=${sync.id}`, ["here"]);
    await body(await syncs.commit(source, sync));
    expect(await syncs.states()).toEqual({ gone: "inactive", here: "active" });
  });

  it("is for keys that may report, and read by those that may read", async () => {
    const sync = await syncs.open(source);
    const key = muster.keys.readonly;
    const where = syncs.path(source, `/${sync.id}`);
    expect((await syncs.request(syncs.path(source), { key })).status).toBe(200);
    expect((await syncs.request(where, { key })).status).toBe(200);
    expect((await syncs.request(syncs.path(source), { key, method: "POST" })).status).toBe(403);
    expect((await syncs.request(`${where}/commit`, { key, method: "POST" })).status).toBe(403);
    expect((await syncs.request(where, { key, method: "DELETE" })).status).toBe(403);
    expect((await syncs.request(where, { key: null })).status).toBe(401);
  });
});
