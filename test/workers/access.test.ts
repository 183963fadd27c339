import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { newApiKey } from "../../src/lib/api-key.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster } from "../support/muster.ts";

const minuteMs = 60_000;
let muster: Muster;

async function status(path: string, options: Parameters<Muster["request"]>[1] = {}): Promise<number> {
  return (await muster.request(path, options)).status;
}

/** The status of each kind of request with this key: read, history, create, bulk, replace, patch, delete. */
async function powers(key: string): Promise<Record<string, number>> {
  const made = await muster.request(itemsPath, { body: { name: crypto.randomUUID(), ci_type: "host" } });
  const path = `${itemsPath}/${String((await body(made, 201))["ci_id"])}`;
  const item = { name: crypto.randomUUID(), ci_type: "host" };
  return {
    list: await status(itemsPath, { key }),
    get: await status(path, { key }),
    history: await status(path.replace("configuration-items", "ci-changes"), { key }),
    create: await status(itemsPath, { key, body: item }),
    bulk: await status(bulkPath, { key, body: [item] }),
    replace: await status(path, { key, method: "PUT", body: { ...item, name: `${item.name} 2` } }),
    patch: await status(path, { key, method: "PATCH", body: { department: "it" } }),
    delete: await status(path, { key, method: "DELETE" }),
  };
}

const reads = { list: 200, get: 200, history: 200 };
const editor = { ...reads, create: 201, bulk: 200, replace: 200, patch: 200, delete: 200 };
const viewer = { ...reads, create: 403, bulk: 403, replace: 403, patch: 403, delete: 403 };

beforeAll(async () => {
  muster = await createMuster({ RATE_LIMIT_PER_MINUTE: "" });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a key", () => {
  it.each([
    ["admin", editor],
    ["service", editor],
    ["readonly", viewer],
  ] as const)("of the tier %s may do what its tier may", async (tier, expected) => {
    expect(await powers(muster.keys[tier])).toEqual(expected);
  });

  it.each([
    ["admin", editor],
    ["editor", editor],
    ["viewer", viewer],
  ] as const)("of a user with the role %s may do what the role may", async (role, expected) => {
    expect(await powers(await muster.createKey("user", { role }))).toEqual(expected);
  });

  it("that may not is told so, and nothing happens", async () => {
    const count = "select count(*)::integer as n from configuration_items";
    const before = await muster.sql(count);
    const item = { name: "forbidden", ci_type: "host" };
    const refused = await muster.request(itemsPath, { key: muster.keys.readonly, body: item });
    expect(await body(refused, 403)).toMatchObject({ type: "PermissionDeniedError" });
    expect(await muster.sql(count)).toEqual(before);
  });

  it("is taken from X-API-Key and Authorization alike, the same one twice too, an empty one is none", async () => {
    const key = muster.keys.admin;
    const bearer = { Authorization: `Bearer ${key}` };
    expect(await status(itemsPath, { key: null, headers: bearer })).toBe(200);
    expect(await status(itemsPath, { key, headers: bearer })).toBe(200);
    expect(await status(itemsPath, { key, headers: { Authorization: "" } })).toBe(200);
    expect(await status(itemsPath, { key: "", headers: bearer })).toBe(200);
    expect(await status(itemsPath, { key: muster.keys.readonly, headers: bearer })).toBe(401);
    expect(await status(itemsPath, { key: "" })).toBe(401);
  });

  it.each(["api_key", "apikey", "key", "token", "access_token", "X-API-Key"])(
    "in the query string as %s is refused, beside a good header too",
    async (name) => {
      const response = await muster.request(`${itemsPath}?${name}=${muster.keys.admin}`);
      const { detail } = await body(response, 401);
      expect(detail).toMatch(/query string/);
      expect(detail).not.toContain(muster.keys.admin);
    },
  );

  it("that is unknown costs one statement, then none for a while", async () => {
    const key = newApiKey("admin");
    const ask = async () => expect(await status(itemsPath, { key })).toBe(401);
    expect(await muster.statements(ask)).toBe(1);
    expect(await muster.statements(ask)).toBe(0);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10_000 });
    expect(await muster.statements(ask)).toBe(1);
  });

  it("that is mistyped reaches no database", async () => {
    const mistyped = `${muster.keys.admin.slice(0, -1)}${muster.keys.admin.endsWith("0") ? "1" : "0"}`;
    for (const key of [mistyped, "ps_adm_short", "hello", "🔑"]) {
      expect(await muster.statements(async () => expect(await status(itemsPath, { key })).toBe(401))).toBe(0);
    }
  });

  it("that has expired is refused, also while it is remembered", async () => {
    const past = await muster.createKey("admin", { expiresAt: new Date(Date.now() - 1000).toISOString() });
    expect(await status(itemsPath, { key: past })).toBe(401);
    const soon = await muster.createKey("admin", { expiresAt: new Date(Date.now() + 10_000).toISOString() });
    expect(await status(itemsPath, { key: soon })).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10_001 });
    expect(await status(itemsPath, { key: soon })).toBe(401);
  });

  it("that was revoked is refused from the start, and half a minute later at most where it was known", async () => {
    const [fresh, known] = [await muster.createKey("admin"), await muster.createKey("admin")];
    expect(await status(itemsPath, { key: known })).toBe(200);
    await muster.sql("update api_keys set revoked_at = now() where last_four in ($1, $2)", [
      fresh.slice(-4),
      known.slice(-4),
    ]);
    expect(await status(itemsPath, { key: fresh })).toBe(401);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30_001 });
    expect(await status(itemsPath, { key: known })).toBe(401);
  });

  it("is asked for on every route below /api, however the path is written", async () => {
    for (const path of [
      itemsPath,
      bulkPath,
      "/api/v1/nothing",
      "/%61pi/v1/configuration-items",
      "/api/v1//configuration-items",
    ]) {
      expect([401, 404]).toContain(await status(path, { key: null }));
    }
    const response = await muster.request(itemsPath, { key: null });
    expect(response.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
  });

  it("in the database is its hash only", async () => {
    const rows = await muster.sql("select k::text from api_keys k");
    const text = JSON.stringify(rows);
    for (const key of Object.values(muster.keys)) {
      expect(text).not.toContain(key.slice(8, 40));
    }
  });
});

describe("rate limits", () => {
  const limits = (response: Response) =>
    ["Limit", "Remaining", "Reset"].map((name) => Number(response.headers.get(`X-RateLimit-${name}`) ?? Number.NaN));

  it("are told on every response, errors included", async () => {
    const key = await muster.createKey("readonly", { perMinute: 100 });
    const requests: [string, Parameters<Muster["request"]>[1]][] = [
      [itemsPath, { key }],
      [`${itemsPath}?colour=red`, { key }],
      [`${itemsPath}/x`, { key }],
      [itemsPath, { key, body: { name: "a", ci_type: "b" } }],
      [itemsPath, { key, body: "{" }],
      ["/api/v1/nothing", { key }],
      [itemsPath, { key: null }],
      [itemsPath, { key: "wrong" }],
      [`${itemsPath}?key=x`, { key }],
      ["/health", { key: null }],
    ];
    for (const [path, options] of requests) {
      const response = await muster.request(path, options);
      const [limit = 0, remaining = 0, reset = 0] = limits(response);
      const told = { path, limit, isLess: remaining < limit, isAhead: reset > Date.now() / 1000 - 1 };
      expect(told).toEqual({
        path,
        limit: response.status === 401 || path === "/health" ? 50 : 100,
        isLess: true,
        isAhead: true,
      });
    }
  });

  it("give 100 requests a minute to a key that says nothing of its own, then 429 with Retry-After", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const key = await muster.createKey("readonly", { perMinute: null });
    const answers = await Promise.all(
      Array.from({ length: 101 }, async () => muster.request(`${itemsPath}/x`, { key })),
    );
    expect(answers.filter((response) => response.status === 400)).toHaveLength(100);
    const refused = answers.find((response) => response.status === 429);
    expect(Number(refused?.headers.get("Retry-After"))).toBeGreaterThanOrEqual(1);
    expect(await refused?.json()).toMatchObject({ type: "RateLimitError", status_code: 429 });
    vi.setSystemTime(Date.now() + minuteMs);
    expect(await status(`${itemsPath}/x`, { key })).toBe(400);
  });

  it("follow the key's own row: a rate and a burst", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const key = await muster.createKey("service", { perMinute: 30, burst: 3 });
    const codes = [];
    for (let n = 0; n < 5; n += 1) {
      codes.push(await status(`${itemsPath}/x`, { key }));
    }
    expect(codes).toEqual([400, 400, 400, 429, 429]);
    vi.setSystemTime(Date.now() + 2000);
    expect(await status(`${itemsPath}/x`, { key })).toBe(400);
    expect(await status(`${itemsPath}/x`)).toBe(400);
  });

  it("give 50 requests a minute to an address without a good key, and each address its own", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const from = (address: string) => ({ key: null, headers: { "CF-Connecting-IP": address } });
    const codes = [];
    for (let n = 0; n < 52; n += 1) {
      const options = n % 2 === 0 ? from("198.51.100.7") : { ...from("198.51.100.7"), key: "guess" };
      codes.push(await status(itemsPath, options));
    }
    expect(codes).toEqual([...Array.from({ length: 50 }, () => 401), 429, 429]);
    expect(await status("/health", from("198.51.100.7"))).toBe(429);
    expect(await status("/health", from("198.51.100.8"))).toBe(200);
    expect(await status(itemsPath, { headers: { "CF-Connecting-IP": "198.51.100.7" } })).toBe(200);
    expect(await status("/health", from("2001:db8::1"))).toBe(200);
  });

  it("do not trust an address header that the platform does not set", async () => {
    const { bindings } = muster;
    expect(bindings.CLIENT_ADDRESS_HEADER).toBe("CF-Connecting-IP");
    const headers = { "CF-Connecting-IP": "198.51.100.9" };
    const first = limits(await muster.request("/health", { key: null, headers }))[1] ?? 0;
    const forged = { ...headers, "X-Forwarded-For": "203.0.113.1" };
    const second = limits(await muster.request("/health", { key: null, headers: forged }))[1] ?? 0;
    expect(second).toBeLessThan(first);
  });
});
