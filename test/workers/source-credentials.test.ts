import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  type ForeignHosts,
  json,
  makeCollector,
  sourcesPath,
} from "../support/collectors.ts";
import { createMuster, itemsPath, type Muster } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;

beforeAll(async () => {
  muster = await createMuster();
});

beforeEach(() => {
  hosts = answerForForeignHosts();
  hosts.answer("collector.example.com", () => json({}, 202));
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a secret", () => {
  const token = "tok-3f9c1e7a5b2d4860-zzz";
  const password = 'p4ss "quoted" wörd 8d61c0';
  const later = "tok-rotated-77ab19cd03ef";
  const forms = [token, password, later].flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    btoa(String.fromCharCode(...new TextEncoder().encode(secret))).replaceAll("=", ""),
    Array.from(new TextEncoder().encode(secret), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  ]);

  async function findInDatabase(): Promise<string[]> {
    const tables = await muster.sql<{ name: string }>(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    );
    const found = await Promise.all(
      tables.map(async ({ name }) => {
        const rows = await muster.sql(
          `select 1 from ${name} t, unnest($1::text[]) as f (form) where position(f.form in t::text) > 0`,
          [forms],
        );
        return rows.length > 0 ? [name] : [];
      }),
    );
    return found.flat();
  }

  it("is in no response, log line, error, change or column of any table, whatever happens to its source", async () => {
    const logged = (["log", "info", "warn", "error", "debug"] as const).map((level) => vi.spyOn(console, level));
    const responses: string[] = [];
    const ask = async (path: string, options: Parameters<Muster["request"]>[1] = {}) => {
      const response = await muster.request(path, options);
      const text = await response.text();
      responses.push(`${JSON.stringify([...response.headers])} ${text}`);
      return { status: response.status, text };
    };
    const collector = await makeCollector(muster);
    const path = `${collectorsPath}/${collector.id}/sources`;
    const content = { name: "guarded", endpoint: "https://cluster.example.com", token, password, username: "admin" };

    const made = await ask(path, { body: content });
    expect(made.status).toBe(201);
    const { id } = JSON.parse(made.text) as { id: number };
    const source = `${sourcesPath}/${id}`;
    expect((await ask(path, { body: content })).status).toBe(409);
    expect((await ask(path, { body: { ...content, name: "x", colour: token } })).status).toBe(422);
    expect((await ask(path, { body: { ...content, name: "x", token: [token] } })).status).toBe(422);
    expect((await ask(path, { body: { ...content, name: "x", token: `${token}\0` } })).status).toBe(422);
    expect(
      (await ask(path, { body: { ...content, name: "x", endpoint: `https://a:${token}@cluster.example.com` } })).status,
    ).toBe(422);
    expect((await ask(path, { body: `{"token":${token}}` })).status).toBe(400);
    expect((await ask(path, { body: `{"token":"${token}" "x"}` })).status).toBe(400);
    expect(
      (await ask(path, { body: JSON.stringify(content), headers: { "Content-Type": "text/plain" } })).status,
    ).not.toBe(201);
    expect((await ask(`${collectorsPath}/2147483647/sources`, { body: content })).status).toBe(404);
    expect((await ask(source, { method: "PUT", body: { token: later } })).status).toBe(200);
    expect((await ask(source, { method: "PUT", body: { token: later, name: null } })).status).toBe(422);
    expect((await ask(source, { method: "PUT", body: { endpoint: "https://elsewhere.example.com" } })).status).toBe(
      422,
    );
    for (const answer of [
      () => json({ message: `bad token ${later}` }, 500),
      () => json({ detail: `${password} is wrong` }, 401),
      () => json({ error: `${"x".repeat(490)}${later}` }, 400),
      () => Promise.reject(new Error(`connect failed, body was ${later} ${password}`)),
      () => json({}, 409),
      () => json({}, 202),
    ]) {
      hosts.answer("collector.example.com", answer);
      await ask(`${collectorsPath}/${collector.id}/trigger`, { method: "POST" });
      await ask(source);
      await ask(sourcesPath);
    }
    expect(hosts.triggers().at(-1)?.["sources"]).toMatchObject([{ credentials: { token: later, password } }]);
    await muster.sql(
      "update sources set claimed_until = null, due_at = '2026-01-01', schedule_config = '{\"interval_minutes\": 5}'",
    );
    hosts.answer("collector.example.com", () => json({ message: `bad token ${later}` }, 500));
    await muster.cron("* * * * *", new Date());
    await ask(itemsPath, { body: { name: "seen", ci_type: "host" } });
    await ask(source);
    await ask(path);
    expect(await findInDatabase()).toEqual([]);
    await ask(source, { method: "DELETE" });
    expect(await findInDatabase()).toEqual([]);

    const told = [...responses, JSON.stringify(logged.flatMap((spy) => spy.mock.calls))].join("\n");
    expect(forms.filter((form) => told.includes(form))).toEqual([]);
  });

  it("would be found by this search", async () => {
    await muster.sql("update collectors set config = jsonb_build_object('a', $1::text)", [token]);
    expect(await findInDatabase()).toEqual(["public.collectors"]);
    await muster.sql("update collectors set config = '{}'");
  });

  it("is not written to the log where the database is away or a key is missing", async () => {
    const logged = (["info", "warn", "error"] as const).map((level) => vi.spyOn(console, level));
    const away = await createMuster({ DATABASE_HTTP_URL: "http://127.0.0.1:9/sql" });
    const response = await away.request(`${collectorsPath}/1/sources`, { body: { name: "x", token } });
    const told = (await response.text()) + JSON.stringify(logged.flatMap((spy) => spy.mock.calls));
    expect(response.status).toBe(503);
    expect(forms.filter((form) => told.includes(form))).toEqual([]);
  });
});
