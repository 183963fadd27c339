import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  makeCollector,
  makeSource,
  routesOf,
  sourcesPath,
} from "../support/collectors.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";

let muster: Muster;

const documented = {
  name: "ceph-collector-production",
  type: "ceph",
  endpoint: "https://your-company.parascope.io/collectors/ceph",
  config: { clusters: ["production"], collection_mode: "periodic" },
  schedule_config: { enabled: true, interval_minutes: 5 },
};

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(collectorsPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const put = async (id: number, content: Row) =>
  muster.request(`${collectorsPath}/${id}`, { method: "PUT", body: content });
const { trigger } = routesOf(() => muster);

describe("a collector", () => {
  it("is registered with the documented body, and once for each name and type", async () => {
    const response = await muster.request(collectorsPath, { body: documented });
    const made = await body<Row & { id: number }>(response, 201);
    expect(response.headers.get("Location")).toBe(`${collectorsPath}/${made.id}`);
    const timestamp = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(made).toEqual({
      id: expect.any(Number),
      ...documented,
      collector_type: "ceph",
      status: "enabled",
      health_status: null,
      created_at: timestamp,
      updated_at: timestamp,
    });
    expect(await body(await muster.request(`${collectorsPath}/${made.id}`))).toEqual(made);
    const again = await muster.request(collectorsPath, { body: { ...documented, endpoint: null } });
    expect((await body(again, 409))["detail"]).toContain('"ceph-collector-production" of type "ceph"');
    const { type: _type, ...untyped } = documented;
    const other = await muster.request(collectorsPath, { body: { ...untyped, collector_type: "other" } });
    expect(await body(other, 201)).toMatchObject({ type: "other", collector_type: "other" });
  });

  it("made by 16 at once is made once", async () => {
    const content = { name: "one of 16", type: "host" };
    const all = await Promise.all(
      Array.from({ length: 16 }, async () => (await muster.request(collectorsPath, { body: content })).status),
    );
    expect(all.toSorted((left, right) => left - right)).toEqual([201, ...Array.from({ length: 15 }, () => 409)]);
  });

  it("keeps what an update leaves out, and takes settings as merge patches", async () => {
    const { id } = await makeCollector(muster, {
      config: { a: { b: 1, c: 2 }, d: 3 },
      schedule_config: documented.schedule_config,
    });
    const patch = { config: { a: { b: null, e: 4 } }, schedule_config: { enabled: false }, status: "disabled" };
    expect(await body(await put(id, patch))).toMatchObject({
      config: { a: { c: 2, e: 4 }, d: 3 },
      schedule_config: { enabled: false, interval_minutes: 5 },
      status: "disabled",
      type: "kubernetes",
      endpoint: "https://collector.example.com",
    });
    expect(await body(await put(id, { endpoint: null, collector_type: "moved" }))).toMatchObject({
      endpoint: null,
      type: "moved",
      status: "disabled",
    });
  });

  it("cannot be renamed to another's name and type", async () => {
    const taken = await makeCollector(muster);
    const { id } = await makeCollector(muster);
    expect((await put(id, { name: taken["name"] })).status).toBe(409);
    expect((await put(id, { name: taken["name"], type: "its own" })).status).toBe(200);
  });

  it("is deleted when it has no sources, and says how many it has", async () => {
    const { id } = await makeCollector(muster);
    const sources = [await makeSource(muster, id), await makeSource(muster, id)];
    const remove = async () => muster.request(`${collectorsPath}/${id}`, { method: "DELETE" });
    expect((await body(await remove(), 409))["detail"]).toContain("2 sources");
    for (const source of sources) {
      await body(await muster.request(`${sourcesPath}/${source.id}`, { method: "DELETE" }));
    }
    expect(await body(await remove())).toEqual({ message: "Collector deleted successfully" });
    expect((await remove()).status).toBe(404);
    expect((await muster.request(`${collectorsPath}/${id}`)).status).toBe(404);
    expect(await muster.sql("select count(*)::int as n from sources where id = $1", [sources[0]?.id])).toEqual([
      { n: 1 },
    ]);
  });

  it("cannot be read or written at a path that names no collector", async () => {
    for (const id of ["x", "1.5", "-1", "1e3", "%20", "0x1"]) {
      expect((await muster.request(`${collectorsPath}/${id}`)).status).toBe(400);
      expect((await trigger(id)).status).toBe(400);
    }
    for (const id of ["0", "2147483647", "2147483648", "9223372036854775808", "9".repeat(400)]) {
      expect((await muster.request(`${collectorsPath}/${id}`)).status).toBe(404);
      expect((await muster.request(`${collectorsPath}/${id}/health`)).status).toBe(404);
      expect((await muster.request(`${collectorsPath}/${id}/sources`)).status).toBe(404);
      expect((await trigger(id)).status).toBe(404);
      expect((await muster.request(`${collectorsPath}/${id}`, { method: "PUT", body: {} })).status).toBe(404);
      expect((await muster.request(`${collectorsPath}/${id}`, { method: "DELETE" })).status).toBe(404);
    }
  });

  it.each([
    ["no name", { type: "x" }],
    ["no type", { name: "x" }],
    ["two types", { name: "x", type: "x", collector_type: "y" }],
    ["an unknown key", { ...documented, colour: "red" }],
    ["an empty name", { ...documented, name: "" }],
    ["a name too long", { ...documented, name: "é".repeat(128) }],
    ["NUL in its name", { ...documented, name: "a\0" }],
    ["NUL in its config", { ...documented, config: { a: "\0" } }],
    ["a status that there is not", { ...documented, status: "paused" }],
    ["a config that is no object", { ...documented, config: [] }],
    ["a config too large", { ...documented, config: { a: "x".repeat(70_000) } }],
    ["an interval of no time", { ...documented, schedule_config: { interval_minutes: 0 } }],
    ["an interval of more than a week", { ...documented, schedule_config: { interval_minutes: 10_081 } }],
    ["an interval that is no number", { ...documented, schedule_config: { interval_minutes: "5" } }],
    ["an unknown part of its schedule", { ...documented, schedule_config: { cron: "* * * * *" } }],
  ])("with %s is refused with 422 and not stored", async (_what, content) => {
    const answer = await body(await muster.request(collectorsPath, { body: content }), 422);
    expect(answer).toMatchObject({ type: "ValidationError", detail: expect.any(String) });
  });

  it.each([
    ["http://collector.example.com", "https://"],
    ["https://169.254.169.254/", "169.254.169.254"],
    ["https://collector.example.com/?a=1", "query"],
    ["https://collector.example.com/#a", "fragment"],
    ["collector", "whole"],
  ])(
    "with the endpoint %s is refused with 422, which names the field, and so is its move there",
    async (endpoint, said) => {
      const { id } = await makeCollector(muster);
      const made = await body(await muster.request(collectorsPath, { body: { ...documented, endpoint } }), 422);
      expect(made["detail"]).toMatch(/^endpoint: /);
      expect(made["detail"]).toContain(said);
      expect(await body(await put(id, { endpoint }), 422)).toEqual(made);
    },
  );

  it("cannot gather settings without bound by many updates", async () => {
    const { id } = await makeCollector(muster, { config: { a: "x".repeat(60_000) } });
    expect((await put(id, { config: { b: "x".repeat(60_000) } })).status).toBe(200);
    expect((await body(await put(id, { config: { c: "x".repeat(60_000) } }), 422))["detail"]).toContain("128 KiB");
  });

  it("is written by those who may", async () => {
    const { id } = await makeCollector(muster);
    const key = muster.keys.readonly;
    expect((await muster.request(collectorsPath, { key })).status).toBe(200);
    for (const [path, method] of [
      ["", "POST"],
      [`/${id}`, "PUT"],
      [`/${id}`, "DELETE"],
      [`/${id}/trigger`, "POST"],
      [`/${id}/sources`, "POST"],
    ] as const) {
      const content = method === "DELETE" || path.endsWith("trigger") ? {} : { body: { name: "x", type: "x" } };
      const options = { key, method, ...(path.endsWith("/sources") ? { body: { name: "x" } } : content) };
      expect((await muster.request(`${collectorsPath}${path}`, options)).status).toBe(403);
    }
  });

  it("takes one statement to read or write", async () => {
    const { id } = await makeCollector(muster);
    const count = async (work: () => Promise<unknown>) => muster.statements(work);
    expect(await count(async () => muster.request(`${collectorsPath}?limit=1`))).toBe(1);
    expect(await count(async () => muster.request(`${collectorsPath}/${id}`))).toBe(1);
    expect(await count(async () => put(id, { config: { a: 1 } }))).toBe(1);
    expect(await count(async () => makeCollector(muster))).toBe(1);
    expect(await count(async () => muster.request(`${collectorsPath}/${id}`, { method: "DELETE" }))).toBe(1);
  });
});

describe("the list of collectors", () => {
  let own: Muster;
  beforeAll(async () => {
    own = await createMuster();
    for (const [name, type, status] of [
      ["a", "ceph", "enabled"],
      ["a", "kubernetes", "enabled"],
      ["b", "ceph", "disabled"],
      ["c", "ceph", "enabled"],
    ] as const) {
      await makeCollector(own, { name, type, status });
    }
  });

  const names = async (query: string) => {
    const list = await body<{ items: Row[]; total: number }>(await own.request(`${collectorsPath}${query}`));
    return { names: list.items.map((item) => `${String(item["name"])} ${String(item["type"])}`), total: list.total };
  };

  it.each([
    ["", ["a ceph", "a kubernetes", "b ceph", "c ceph"]],
    ["?name=a", ["a ceph", "a kubernetes"]],
    ["?name=A", []],
    ["?collector_type=ceph", ["a ceph", "b ceph", "c ceph"]],
    ["?type=ceph&collector_type=ceph", ["a ceph", "b ceph", "c ceph"]],
    ["?name=a&type=ceph", ["a ceph"]],
    ["?status=disabled", ["b ceph"]],
    ["?status=enabled&type=ceph", ["a ceph", "c ceph"]],
  ])("%s shows exactly those", async (query, expected) => {
    expect(await names(query)).toEqual({ names: expected, total: expected.length });
  });

  it("pages by offset and by cursor", async () => {
    const first = await body(await own.request(`${collectorsPath}?type=ceph&limit=2`));
    expect(first).toMatchObject({ total: 3, offset: 0, limit: 2, next_cursor: expect.any(String) });
    const cursor = encodeURIComponent(String(first["next_cursor"]));
    expect((await names(`?type=ceph&limit=2&cursor=${cursor}`)).names).toEqual(["c ceph"]);
    expect((await names("?type=ceph&limit=2&offset=2")).names).toEqual(["c ceph"]);
    expect((await own.request(`${collectorsPath}?limit=2&cursor=${cursor}`)).status).toBe(400);
    expect(await body(await own.request(collectorsPath))).toMatchObject({ offset: 0, limit: 50, next_cursor: null });
  });

  it.each([
    ["?type=ceph&collector_type=kubernetes", 400],
    ["?colour=red", 400],
    ["?status=paused", 422],
    ["?limit=0", 422],
    ["?limit=1001", 422],
  ])("%s is %d", async (query, status) => {
    expect((await own.request(`${collectorsPath}${query}`)).status).toBe(status);
  });
});
