import { connect } from "node:net";
import type { NeonQueryFunction } from "@neondatabase/serverless";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStack } from "./local-neon-stack.ts";
import type { Stack } from "./local-neon-stack.ts";

describe.each(["postgres", "pglite"] as const)("the endpoint over %s", (kind) => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await openStack(kind);
    await stack.admin("CREATE ROLE reader NOLOGIN");
    await stack.admin("CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL)");
  }, 60_000);

  afterAll(() => stack?.close());

  test("answers a statement in the driver's types, with fields and counts", async () => {
    const sql = stack.driver();
    const result = await sql.query("SELECT $1::int AS n, $2::jsonb AS j, NULL AS nothing, 9007199254740993 AS big", [
      1,
      { a: [2] },
    ]);
    expect(result.rows).toEqual([{ n: 1, j: { a: [2] }, nothing: null, big: "9007199254740993" }]);
    expect(result).toMatchObject({ command: "SELECT", rowCount: 1 });
    expect(result.fields[0]).toMatchObject({ name: "n", dataTypeID: 23, format: "text" });
    expect(await sql.query("INSERT INTO things VALUES (1, 'a'), (2, 'b')")).toMatchObject({
      command: "INSERT",
      rowCount: 2,
    });
  });

  test("undoes a batch as a whole, and gives PostgreSQL's error with all it says", async () => {
    const sql = stack.driver();
    const batch = sql.transaction([sql`INSERT INTO things VALUES (10, 'x')`, sql`INSERT INTO things VALUES (10, 'y')`]);
    await expect(batch).rejects.toMatchObject({
      name: "NeonDbError",
      code: "23505",
      constraint: "things_pkey",
      table: "things",
      severity: "ERROR",
      detail: "Key (id)=(10) already exists.",
    });
    expect((await sql`SELECT * FROM things WHERE id = 10`).rows).toEqual([]);
    const [first, second] = await sql.transaction([
      sql`INSERT INTO things VALUES (11, 'x') RETURNING id`,
      sql`SELECT 2 AS two`,
    ]);
    expect([first?.rows, second?.rows]).toEqual([[{ id: 11 }], [{ two: 2 }]]);
  });

  test("opens a batch with the isolation the headers ask for", async () => {
    const sql = stack.driver();
    const show = sql`SELECT current_setting('transaction_isolation') AS level, current_setting('transaction_read_only') AS read_only`;
    const [result] = await sql.transaction([show], { isolationLevel: "RepeatableRead", readOnly: true });
    expect(result?.rows).toEqual([{ level: "repeatable read", read_only: "on" }]);
    const write = sql.transaction([sql`INSERT INTO things VALUES (12, 'x')`], { readOnly: true });
    await expect(write).rejects.toMatchObject({ code: "25006" });
  });

  test("refuses two statements in one, also without parameters", async () => {
    await expect(stack.driver().query("SELECT 1; SELECT 2")).rejects.toMatchObject({ code: "42601" });
  });

  test("acts as the role of the connection string, in every call anew", async () => {
    const [owner, reader] = [stack.driver(), stack.driver("reader")];
    const who = async (sql: NeonQueryFunction<false, true>) => (await sql`SELECT current_user AS me`).rows;
    expect([await who(reader), await who(owner), await who(reader)]).toEqual([
      [{ me: "reader" }],
      [{ me: "postgres" }],
      [{ me: "reader" }],
    ]);
    await expect(reader`SELECT * FROM things`).rejects.toMatchObject({ code: "42501" });
    await reader`SELECT set_config('role', 'postgres', false)`;
    await owner`SET ROLE reader`;
    expect([await who(reader), await who(owner)]).toEqual([[{ me: "reader" }], [{ me: "postgres" }]]);
    await expect(who(stack.driver("nobody_knows"))).rejects.toMatchObject({ code: "28000" });
    await expect(who(stack.driver("reader", "no_such_database"))).rejects.toMatchObject({ code: "3D000" });
  });

  test("leaves no setting, lock, temporary table or open transaction to the next call", async () => {
    const sql = stack.driver();
    await sql`SELECT set_config('app.actor', 'someone', false), pg_advisory_lock(7)`;
    await sql`CREATE TEMP TABLE leftover (id int)`;
    await sql`BEGIN`;
    const results = await Promise.all(
      [1, 2, 3].map(
        () => sql`SELECT nullif(current_setting('app.actor', true), '') AS actor, to_regclass('leftover') AS leftover,
          (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks`,
      ),
    );
    for (const { rows } of results) expect(rows).toEqual([{ actor: null, leftover: null, locks: 0 }]);
  });

  test("counts statements and round trips per database, over HTTP too", async () => {
    const { endpoint } = stack;
    const sql = stack.driver();
    const before = endpoint.statistics.of("postgres");
    await sql`SELECT 1`;
    await sql.transaction([sql`SELECT 1`, sql`SELECT 2`]);
    const reply = await fetch(new URL("/statistics?database=postgres", endpoint.url));
    expect(await reply.json()).toEqual({ statements: before.statements + 3, round_trips: before.round_trips + 2 });
  });

  test("answers malformed calls with 400, other paths with 404, and serves no browser", async () => {
    const { url } = stack.endpoint;
    const connection = { "Neon-Connection-String": "postgres://postgres@db/postgres" };
    const status = async (init: RequestInit, path = "/sql") =>
      (await fetch(new URL(path, url), { method: "POST", ...init })).status;
    expect(await status({ body: "{}" })).toBe(400);
    expect(await status({ body: "{", headers: connection })).toBe(400);
    expect(await status({ body: '{"query":1}', headers: connection })).toBe(400);
    expect(await status({ body: '{"query":"SELECT \'\\u0000\'"}', headers: connection })).toBe(400);
    expect(await status({ body: '{"query":"SELECT $1","params":["\\ud800"]}', headers: connection })).toBe(400);
    expect(await status({ body: new Uint8Array([0x7b, 0xff, 0x7d]), headers: connection })).toBe(400);
    expect(
      await status({ body: '{"queries":[]}', headers: { ...connection, "Neon-Batch-Isolation-Level": "Chaos" } }),
    ).toBe(400);
    expect(
      await status({ body: '{"query":"SELECT 1"}', headers: { ...connection, Origin: "https://example.com" } }),
    ).toBe(403);
    expect(await status({}, "/elsewhere")).toBe(404);
    expect(await status({ method: "OPTIONS" })).toBe(204);
    expect(await status({ method: "GET" })).toBe(405);
  });

  test("refuses a body over 64 MiB before reading it", async () => {
    const head = "POST /sql HTTP/1.1\r\nHost: x\r\nContent-Length: 67108865\r\n\r\n";
    expect(await rawReply(stack.endpoint.port, head)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("migrations and other clients get their turn beside a busy endpoint", async () => {
    const over = new AbortController();
    const busy = (async () => {
      while (!over.signal.aborted) await stack.driver()`SELECT 1`;
    })();
    await stack.admin("CREATE TABLE beside (id int)");
    over.abort();
    await busy;
    expect((await stack.driver()`SELECT * FROM beside`).rows).toEqual([]);
  });
});

function rawReply(port: number, head: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(head));
    socket.setEncoding("utf8").once("data", (text: string) => {
      socket.destroy();
      done(text);
    });
    socket.once("error", fail);
  });
}
