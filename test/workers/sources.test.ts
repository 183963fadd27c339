import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  cephSource,
  collectorsPath,
  getSource,
  makeCollector,
  makeSource,
  routesOf,
  sourcesPath,
} from "../support/collectors.ts";
import { body, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

let muster: Muster;

const kubernetes = {
  name: "staging-cluster",
  endpoint: "https://k8s-staging.example.com:6443",
  token: "eyJhbGciOiJSUzI1NiIsImtpZCI...",
  config: { verify_ssl: false, collection_mode: "periodic", enabled_collectors: ["pods", "nodes", "deployments"] },
  schedule_config: { enabled: true, interval_minutes: 10 },
};
const proxmox = {
  name: "proxmox-cluster-1",
  endpoint: "https://pve.example.com:8006",
  username: "monitor@pve",
  password: "secure-password",
  config: { verify_ssl: false, enabled_collectors: ["cluster", "node", "vm", "container", "storage"] },
  schedule_config: { enabled: true, interval_minutes: 5 },
};

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(sourcesPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const { put, remove, report, check } = routesOf(() => muster);

describe("a source", () => {
  it.each([
    ["Kubernetes", kubernetes],
    ["Ceph", cephSource],
    ["Proxmox", proxmox],
  ])("is added with the documented body for %s, without its credentials in the answer", async (_what, content) => {
    const collector = await makeCollector(muster);
    const path = `${collectorsPath}/${collector.id}/sources`;
    const response = await muster.request(path, { body: content });
    const made = await body<Row & { id: number }>(response, 201);
    expect(response.headers.get("Location")).toBe(`${sourcesPath}/${made.id}`);
    const { token: _token, password: _password, ...shown } = { token: "", password: "", ...content };
    const timestamp = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(made).toEqual({
      id: expect.any(Number),
      collector_id: collector.id,
      collector: { id: collector.id, name: collector["name"], collector_type: "kubernetes" },
      username: null,
      ...shown,
      has_credentials: true,
      status: "enabled",
      health_status: null,
      last_collection: null,
      last_error: null,
      consecutive_errors: 0,
      created_at: timestamp,
      updated_at: timestamp,
    });
    expect(await getSource(muster, made.id)).toEqual(made);
    const { collector: _collector, ...listed } = made;
    expect(await body(await muster.request(path))).toEqual([listed]);
    expect((await body(await muster.request(path, { body: content }), 409))["detail"]).toContain(content.name);
  });

  it("keeps what the documented update leaves out", async () => {
    const { id: collectorId } = await makeCollector(muster);
    const source = await makeSource(muster, collectorId, { ...kubernetes, name: "production-cluster" });
    const change = {
      name: "production-cluster-renamed",
      config: { verify_ssl: true, collection_mode: "hybrid", timeout: 60 },
      schedule_config: { enabled: false },
    };
    expect(await body(await put(source.id, change))).toEqual({
      ...source,
      name: "production-cluster-renamed",
      config: { ...kubernetes.config, ...change.config },
      schedule_config: { enabled: false, interval_minutes: 10 },
      updated_at: expect.any(String),
    });
  });

  it("cannot take the name of another of its collector, only of another collector's", async () => {
    const [here, there] = [await makeCollector(muster), await makeCollector(muster)];
    await makeSource(muster, here.id, { name: "taken" });
    const second = await makeSource(muster, here.id);
    expect((await body(await put(second.id, { name: "taken" }), 409))["detail"]).toContain('"taken"');
    expect(await makeSource(muster, there.id, { name: "taken" })).toMatchObject({ name: "taken" });
  });

  it("added by 16 at once under one name is added once", async () => {
    const { id } = await makeCollector(muster);
    const statuses = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const response = await muster.request(`${collectorsPath}/${id}/sources`, {
          body: { name: "x", token: "secret" },
        });
        return response.status;
      }),
    );
    expect(statuses.toSorted((left, right) => left - right)).toEqual([201, ...Array.from({ length: 15 }, () => 409)]);
  });

  it("and the removal of its collector at the same moment end in one of two ways", async () => {
    for (const token of ["secret", undefined]) {
      const { id } = await makeCollector(muster);
      const [added, removed] = await Promise.all([
        muster.request(`${collectorsPath}/${id}/sources`, { body: { name: "late", token } }),
        muster.request(`${collectorsPath}/${id}`, { method: "DELETE" }),
      ]);
      expect([
        [201, 409],
        [404, 200],
      ]).toContainEqual([added.status, removed.status]);
    }
  });

  it.each([
    ["no name", { endpoint: kubernetes.endpoint }],
    ["an unknown key", { ...kubernetes, secret: "x" }],
    ["an empty token", { ...kubernetes, token: "" }],
    ["a token too long", { ...kubernetes, token: "x".repeat(16_385) }],
    ["a token that is no text", { ...kubernetes, token: { a: 1 } }],
    ["plain http", { ...kubernetes, endpoint: "http://k8s.example.com" }],
    ["a user in its endpoint", { ...kubernetes, endpoint: "https://a:b@k8s.example.com" }],
    ["an inward endpoint", { ...kubernetes, endpoint: "https://10.0.0.1:6443" }],
  ])("with %s is refused with 422", async (_what, content) => {
    const { id } = await makeCollector(muster);
    const response = await muster.request(`${collectorsPath}/${id}/sources`, { body: content });
    expect((await body(response, 422))["detail"]).toEqual(expect.any(String));
    expect(await body(await muster.request(`${collectorsPath}/${id}/sources`))).toEqual([]);
  });

  it("of no collector, or at a path that names none, is 404 or 400", async () => {
    for (const content of [{ name: "x" }, { name: "x", token: "y" }]) {
      expect((await muster.request(`${collectorsPath}/2147483647/sources`, { body: content })).status).toBe(404);
      expect((await muster.request(`${collectorsPath}/x/sources`, { body: content })).status).toBe(400);
    }
    for (const id of [0, 2_147_483_648]) {
      expect((await put(id, { name: "x", token: "y" })).status).toBe(404);
      expect((await put(id, { name: "x" })).status).toBe(404);
      expect((await remove(id)).status).toBe(404);
      expect((await check(id)).status).toBe(404);
      expect((await report(id, { status: "healthy" })).status).toBe(404);
      expect((await muster.request(`${sourcesPath}/${id}`)).status).toBe(404);
    }
    expect((await muster.request(`${sourcesPath}/x`)).status).toBe(400);
  });

  it("takes one statement to read or write, and one before where credentials or endpoint change", async () => {
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id);
    const count = async (work: () => Promise<unknown>) => muster.statements(work);
    expect(await count(async () => muster.request(`${sourcesPath}?limit=1`))).toBe(1);
    expect(await count(async () => muster.request(`${collectorsPath}/${id}/sources`))).toBe(1);
    expect(await count(async () => getSource(muster, source.id))).toBe(1);
    expect(await count(async () => makeSource(muster, id))).toBe(1);
    expect(await count(async () => makeSource(muster, id, { token: "x" }))).toBe(2);
    expect(await count(async () => put(source.id, { config: { a: 1 } }))).toBe(1);
    expect(await count(async () => put(source.id, { password: "x" }))).toBe(2);
    expect(await count(async () => report(source.id, { status: "healthy" }))).toBe(1);
    expect(await count(async () => remove(source.id))).toBe(1);
  });

  it("is read and written by those who may", async () => {
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id);
    const key = muster.keys.readonly;
    expect((await muster.request(`${sourcesPath}/${source.id}`, { key })).status).toBe(200);
    const path = `${sourcesPath}/${source.id}`;
    expect((await muster.request(path, { key, method: "PUT", body: {} })).status).toBe(403);
    expect((await muster.request(path, { key, method: "DELETE" })).status).toBe(403);
    expect((await muster.request(`${path}/health`, { key, method: "POST" })).status).toBe(403);
    expect((await muster.request(`${path}/health`, { key, method: "PUT", body: { status: "healthy" } })).status).toBe(
      403,
    );
  });
});

describe("the list of sources", () => {
  it("filters, pages and counts", async () => {
    const own = await createMuster();
    const [first, second] = [await makeCollector(own), await makeCollector(own)];
    await makeSource(own, first.id, { name: "a" });
    await makeSource(own, first.id, { name: "b", status: "disabled" });
    await makeSource(own, second.id, { name: "c" });
    await own.request(`${itemsPath}?source=d`, { body: { name: "x", ci_type: "host" } });
    const gone = await makeSource(own, first.id, { name: "gone" });
    await remove(gone.id, own);
    const names = async (query: string) => {
      const list = await body<{ items: Row[]; total: number }>(await own.request(`${sourcesPath}${query}`));
      return [list.total, ...list.items.map((item) => item["name"])];
    };
    expect(await names("")).toEqual([4, "a", "b", "c", "d"]);
    expect(await names(`?collector_id=${first.id}`)).toEqual([2, "a", "b"]);
    expect(await names("?enabled=true")).toEqual([3, "a", "c", "d"]);
    expect(await names("?enabled=false")).toEqual([1, "b"]);
    expect(await names("?status=disabled")).toEqual([1, "b"]);
    expect(await names("?status=enabled&enabled=false")).toEqual([0]);
    expect(await names("?collector_id=2147483648")).toEqual([0]);
    expect(await names("?limit=1&offset=2")).toEqual([4, "c"]);
    const page = await body(await own.request(`${sourcesPath}?limit=3`));
    expect(page).toMatchObject({ offset: 0, limit: 3 });
    expect(await names(`?limit=3&cursor=${encodeURIComponent(String(page["next_cursor"]))}`)).toEqual([4, "d"]);
    for (const [query, status] of [
      ["?colour=red", 400],
      ["?enabled=maybe", 422],
      ["?collector_id=x", 422],
      ["?status=gone", 422],
    ] as const) {
      expect((await own.request(`${sourcesPath}${query}`)).status).toBe(status);
    }
  });
});
