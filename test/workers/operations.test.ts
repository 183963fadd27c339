import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type RequestOptions } from "../support/muster.ts";

let muster: Muster;

beforeAll(async () => {
  muster = await createMuster();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("statements to the database", () => {
  let path: string;

  beforeAll(async () => {
    const item = { name: "counted", ci_type: "kubernetes.pod", raw_data: { a: 1 } };
    path = `${itemsPath}/${String((await body(await muster.request(itemsPath, { body: item }), 201))["ci_id"])}`;
    await muster.request(itemsPath, { key: muster.keys.service });
  });

  async function count(where: string, options: RequestOptions = {}, expected = 200): Promise<number> {
    return muster.statements(async () => expect((await muster.request(where, options)).status).toBe(expected));
  }

  it("a read takes one, whatever it asks for", async () => {
    for (const query of [
      "",
      "?status=all&limit=1000&sort_by=last_seen&count=estimate",
      "?filter=ci_type:eq:kubernetes.pod&include_type_data=true&include_raw_data=true&filter=name:like:count",
    ]) {
      expect(await count(`${itemsPath}${query}`)).toBe(1);
    }
    expect(await count(path)).toBe(1);
    expect(await count(path.replace("configuration-items", "ci-changes"))).toBe(1);
  });

  it("a read takes two when the key is not remembered", async () => {
    const key = await muster.createKey("readonly");
    expect(await count(path, { key })).toBe(2);
    expect(await count(path, { key })).toBe(1);
  });

  it("a write takes one, whatever becomes of it", async () => {
    const item = { name: "written", ci_type: "kubernetes.pod", namespace: "x", raw_data: { b: 2 } };
    expect(await count(`${itemsPath}?source=new-source`, { body: item }, 201)).toBe(1);
    expect(await count(`${itemsPath}?source=new-source`, { body: item })).toBe(1);
    expect(await count(path, { method: "PUT", body: { ...item, name: "put" } })).toBe(1);
    expect(await count(path, { method: "PATCH", body: { raw_data: { c: 3 } } })).toBe(1);
    expect(await count(path, { method: "DELETE" })).toBe(1);
    expect(await count(`${itemsPath}/${crypto.randomUUID()}`, { method: "DELETE" }, 404)).toBe(1);
  });

  it("a bulk of 5,000 takes one, new or known", async () => {
    const items = Array.from({ length: 5000 }, (_, n) => ({
      name: `n ${n}`,
      ci_type: "kubernetes.pod",
      raw_data: { n },
    }));
    const content = JSON.stringify(items);
    expect(await count(`${bulkPath}?source=bulk`, { body: content })).toBe(1);
    expect(await count(`${bulkPath}?source=bulk`, { body: content })).toBe(1);
  });

  it("what cannot be served takes none", async () => {
    expect(await count(`${itemsPath}?colour=red`, {}, 400)).toBe(0);
    expect(await count(`${itemsPath}/x`, {}, 400)).toBe(0);
    expect(await count(itemsPath, { body: {} }, 422)).toBe(0);
    expect(await count(itemsPath, { key: "ps_adm_nonsense" }, 401)).toBe(0);
    expect(await count(itemsPath, { key: null }, 401)).toBe(0);
    expect(await count(itemsPath, { key: muster.keys.service, body: "{" }, 400)).toBe(0);
  });

  it("health takes none, readiness one", async () => {
    expect(await count("/health", { key: null })).toBe(0);
    expect(await count("/openapi.json", { key: null })).toBe(0);
    expect(await count("/health/ready", { key: null })).toBe(1);
  });
});

describe("health", () => {
  it("says that the Worker is healthy, and readiness that the database is there", async () => {
    const timestamp = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await body(await muster.request("/health", { key: null }))).toEqual({ status: "healthy", timestamp });
    const ready = await body(await muster.request("/health/ready", { key: null }));
    expect(ready).toEqual({ status: "ready", timestamp, checks: { database: "ok" } });
  });
});

describe("while the database is away", () => {
  const item = { name: "lost", ci_type: "host" };
  let away: Muster;

  beforeAll(async () => {
    away = await createMuster({ DATABASE_HTTP_URL: "http://127.0.0.1:9/sql" });
  });

  it.each([
    ["a read", itemsPath, {}],
    ["a read of one item", `${itemsPath}/00000000-0000-0000-0000-000000000001`, {}],
    ["a write", itemsPath, { body: item }],
    ["a bulk", bulkPath, { body: [item] }],
    ["a deletion", `${itemsPath}/00000000-0000-0000-0000-000000000001`, { method: "DELETE" }],
  ] as const)("%s is 503 with Retry-After and says nothing of the inside", async (_what, path, options) => {
    const logged = [vi.spyOn(console, "error"), vi.spyOn(console, "info")];
    const response = await away.request(path, options);
    expect(Number(response.headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
    const error = await body(response, 503);
    expect(error).toMatchObject({ type: "ServiceUnavailableError", status_code: 503 });
    const told = JSON.stringify([error, ...logged.flatMap((spy) => spy.mock.calls)]);
    expect(told).not.toMatch(/select|insert|postgres:|127\.0\.0\.1|muster_api/i);
    expect(told).not.toContain(away.keys.admin);
  });

  it("a known key is as little use as an unknown one", async () => {
    const both = { ...muster.bindings, DATABASE_HTTP_URL: "http://127.0.0.1:9/sql" };
    const known = await createMuster(both);
    expect((await known.request(itemsPath, { key: muster.keys.admin })).status).toBe(503);
  });

  it("health is as ever, readiness says so", async () => {
    expect((await away.request("/health", { key: null })).status).toBe(200);
    expect(await body(await away.request("/health/ready", { key: null }), 503)).toMatchObject({
      status: "unready",
      checks: { database: "unreachable" },
    });
  });

  it("jobs fail loudly, and nothing of it is recorded as done", async () => {
    await expect(away.cron("*/15 * * * *", new Date())).rejects.toThrow(/jobs .* failed|cannot be reached/);
    expect(await away.sql("select count(*)::integer as n from job_runs")).toEqual([{ n: 0 }]);
  });
});

describe("a defect", () => {
  it("is 500 with the request id and nothing else", async () => {
    const broken = await createMuster();
    await broken.request(itemsPath);
    await broken.sql("alter table configuration_items rename to mislaid");
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const response = await broken.request(itemsPath);
    const { detail } = await body(response, 500);
    expect(detail).toContain(response.headers.get("X-Request-Id"));
    expect(detail).not.toMatch(/configuration_items|relation|select/i);
    expect((await broken.request("/health/ready", { key: null })).status).toBe(200);
  });
});
