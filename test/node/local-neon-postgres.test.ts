import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startLocalNeon } from "../../scripts/local-neon/server.ts";
import { openStack } from "./local-neon-stack.ts";
import type { Stack } from "./local-neon-stack.ts";

// What the endpoint promises over a real PostgreSQL, and cannot over PGlite.

let stack: Stack;

beforeAll(async () => {
  stack = await openStack("postgres");
  await stack.admin("CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL)");
}, 60_000);

afterAll(() => stack?.close());

test("keeps the role's own settings in force, whatever a call sets", async () => {
  await stack.admin(
    "CREATE ROLE hasty NOLOGIN; ALTER ROLE hasty SET statement_timeout = '50ms'; ALTER ROLE hasty SET search_path = pg_catalog, \"odd name\"",
  );
  const sql = stack.driver("hasty");
  const settings = sql`SELECT current_setting('statement_timeout') AS timeout, current_setting('search_path') AS path`;
  expect((await settings).rows).toEqual([{ timeout: "50ms", path: 'pg_catalog, "odd name"' }]);
  await sql`SELECT set_config('statement_timeout', '0', false)`;
  await expect(sql`SELECT pg_sleep(10)`).rejects.toMatchObject({ code: "57014" });
});

test("runs calls at the same time", async () => {
  const holder = new pg.Client(stack.engine.adminUrl);
  await holder.connect();
  await holder.query("SELECT pg_advisory_lock(42)");
  const calls = Promise.all(Array.from({ length: 30 }, () => stack.driver()`SELECT pg_advisory_xact_lock_shared(42)`));
  const waiting = async () => (await holder.query("SELECT FROM pg_locks WHERE objid = 42 AND NOT granted")).rowCount;
  await expect.poll(waiting).toBe(30);
  await holder.query("SELECT pg_advisory_unlock(42)");
  expect(await calls).toHaveLength(30);
  await holder.end();
});

test("cancels what a caller who left was running, and rolls its batch back", async () => {
  const running = () => count("SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(3%' AND state <> 'idle'");
  const leave = new AbortController();
  const sql = stack.driver();
  const single = stack.driver().query("SELECT pg_sleep(300)", [], { fetchOptions: { signal: leave.signal } });
  const batch = sql.transaction([sql`INSERT INTO things VALUES (77, 'x')`, sql.query("SELECT pg_sleep(301)")], {
    fetchOptions: { signal: leave.signal },
  });
  const outcomes = Promise.allSettled([single, batch]);
  await expect.poll(running).toBe(2);
  leave.abort();
  await expect.poll(running).toBe(0);
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await count("SELECT FROM things WHERE id = 77")).toBe(0);
});

test("refuses COPY from the caller and goes on, in a batch too", async () => {
  const sql = stack.driver();
  await expect(sql`COPY things FROM STDIN`).rejects.toMatchObject({ code: "57014" });
  await expect(sql.transaction([sql`SELECT 1`, sql`COPY things FROM STDIN`])).rejects.toMatchObject({
    code: "57014",
  });
  expect((await sql`SELECT 1 AS one`).rows).toEqual([{ one: 1 }]);
});

test("tells of a lost connection, and the next call connects anew", async () => {
  const sql = stack.driver();
  await expect(sql`SELECT pg_terminate_backend(pg_backend_pid())`).rejects.toMatchObject({ code: "57P01" });
  await sql`SELECT 1`;
  await stack.admin(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster-local-neon'",
  );
  // A call may still meet a connection that was just ended and whose end has not been heard of; it is used once only.
  await vi.waitFor(async () => expect((await sql`SELECT 2 AS two`).rows).toEqual([{ two: 2 }]));
});

test("copies and drops databases on request, and only where that is allowed", async () => {
  const { endpoint } = stack;
  await stack.admin("CREATE DATABASE pattern");
  await stack.driver("postgres", "pattern")`CREATE TABLE from_pattern (id int)`;
  const create = (url: string) =>
    fetch(new URL("/databases", url), {
      method: "POST",
      body: JSON.stringify({ name: "copy", template: "pattern" }),
    });
  expect((await create(endpoint.url)).status).toBe(201);
  expect((await stack.driver("postgres", "copy")`SELECT * FROM from_pattern`).rows).toEqual([]);
  const again = await create(endpoint.url);
  expect([again.status, await again.json()]).toEqual([400, expect.objectContaining({ code: "42P04" })]);
  const drop = (name: string) => fetch(new URL(`/databases/${name}`, endpoint.url), { method: "DELETE" });
  expect((await drop("copy")).status).toBe(204);
  expect((await drop("postgres")).status).toBe(400);
  expect(await count("SELECT FROM pg_database WHERE datname = 'copy'")).toBe(0);
  const closed = await startLocalNeon({ engine: stack.engine });
  expect((await create(closed.url)).status).toBe(403);
  await closed.close();
});

async function count(text: string): Promise<number> {
  return (await stack.admin(text)).rowCount ?? 0;
}
