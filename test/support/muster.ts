import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { neon, neonConfig } from "@neondatabase/serverless";
import { inject } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { type KeyTier, keyTiers, newApiKey } from "../../src/lib/api-key.ts";
import { toBase64Url, toHex } from "../../src/lib/bytes.ts";
import { hmacKey, hmacSha256, randomBytes } from "../../src/lib/crypto.ts";
import worker from "../../src/worker.ts";

export interface RequestOptions {
  /** An API key, sent as X-API-Key; the admin key by default, null for none. */
  readonly key?: string | null;
  readonly method?: string;
  /** A text or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface KeyOptions {
  readonly role?: "admin" | "editor" | "viewer";
  readonly perMinute?: number | null;
  readonly burst?: number | null;
  readonly expiresAt?: string;
}

export type Row = Record<string, unknown>;

/** A Worker with a database of its own. */
export interface Muster {
  readonly bindings: Bindings;
  /** A key of each tier, all with limits that no test reaches. */
  readonly keys: Readonly<Record<KeyTier, string>>;
  createKey(tier: KeyTier, options?: KeyOptions): Promise<string>;
  request(path: string, options?: RequestOptions): Promise<Response>;
  /** Runs one statement as the owner. */
  sql<Result extends Row = Row>(text: string, params?: readonly unknown[]): Promise<Result[]>;
  /** Statements that the work sent to the database. */
  statements(work: () => Promise<unknown>): Promise<number>;
  cron(expression: string, at: Date): Promise<void>;
}

export const itemsPath = "/api/v1/configuration-items";
export const bulkPath = `${itemsPath}/bulk`;

const pepper = randomBytes(32);
const endpoint = inject("databaseEndpoint");

/** Copies the template database and puts a Worker before it. */
export async function createMuster(overrides: Partial<Bindings> = {}): Promise<Muster> {
  const database = `muster_${crypto.randomUUID().replaceAll("-", "")}`;
  await createDatabase(database);
  const bindings: Bindings = {
    GATE: env.GATE,
    DATABASE_URL: `postgres://muster_api:none@local/${database}`,
    DATABASE_URL_JOBS: `postgres://muster_jobs:none@local/${database}`,
    DATABASE_HTTP_URL: endpoint,
    API_KEY_PEPPERS: `p1=${toBase64Url(pepper)}`,
    CURSOR_SECRET: toBase64Url(randomBytes(32)),
    CREDENTIAL_KEYS: `m1=${toBase64Url(randomBytes(32))}`,
    SIGNING_KEYS: `s1=${toBase64Url(randomBytes(32))}`,
    OUTBOUND_ORIGINS: "",
    CLIENT_ADDRESS_HEADER: "CF-Connecting-IP",
    // Nobody is refused, so that a busy machine is no reason for a test to fail; tests of the limits put them in force.
    RATE_LIMIT_PER_MINUTE: "0",
    ...overrides,
  };

  async function sql<Result extends Row>(text: string, params: readonly unknown[] = []): Promise<Result[]> {
    neonConfig.fetchEndpoint = () => endpoint;
    const rows = await neon(`postgres://postgres:none@local/${database}`).query(text, [...params]);
    return rows as Result[];
  }

  const createKey = (tier: KeyTier, options: KeyOptions = {}) => insertKey(sql, tier, options);
  const keys = Object.fromEntries(await Promise.all(keyTiers.map(async (tier) => [tier, await createKey(tier)])));
  return {
    bindings,
    keys,
    createKey,
    sql,
    async request(path, options = {}) {
      const context = createExecutionContext();
      const response = await worker.fetch(makeRequest(path, options, keys.admin), bindings, context);
      await waitOnExecutionContext(context);
      return response;
    },
    async statements(work) {
      const before = await countStatements(database);
      await work();
      return (await countStatements(database)) - before;
    },
    async cron(expression, at) {
      const controller = createScheduledController({ cron: expression, scheduledTime: at });
      await worker.scheduled(controller, bindings);
    },
  };
}

/** The JSON of a response that must have this status; the error says what came instead. */
export async function body<Result = Row>(response: Response, status = 200): Promise<Result> {
  const text = await response.text();
  if (response.status !== status) {
    throw new Error(`expected ${status}, got ${response.status}: ${text.slice(0, 500)}`);
  }
  return JSON.parse(text);
}

function makeRequest(path: string, options: RequestOptions, adminKey: string): Request {
  const { key = adminKey, body: content, headers = {} } = options;
  const isRaw = typeof content === "string" || content instanceof Uint8Array || content instanceof ReadableStream;
  return new Request(`https://muster.test${path}`, {
    method: options.method ?? (content === undefined ? "GET" : "POST"),
    headers: {
      "CF-Connecting-IP": "192.0.2.1",
      ...(key === null ? {} : { "X-API-Key": key }),
      ...(content === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: isRaw ? content : JSON.stringify(content) }),
  });
}

async function insertKey(sql: Muster["sql"], tier: KeyTier, options: KeyOptions): Promise<string> {
  const key = newApiKey(tier);
  const { role = "editor", perMinute = 1_000_000_000, burst = null, expiresAt = null } = options;
  await sql(
    `with holder as (insert into users (name, role) select $1, $2 where $3 = 'user' returning id)
     insert into api_keys (name, tier, user_id, key_hash, pepper_id, last_four, rate_limit_per_minute, burst, expires_at)
     values ($1, $3, (select id from holder), decode($4, 'hex'), 'p1', $5, $6::integer, $7::integer, $8::timestamptz)`,
    [
      crypto.randomUUID(),
      role,
      tier,
      toHex(await hmacSha256(await hmacKey(pepper), key)),
      key.slice(-4),
      perMinute,
      burst,
      expiresAt,
    ],
  );
  return key;
}

async function createDatabase(name: string): Promise<void> {
  const response = await fetch(new URL("/databases", endpoint), {
    method: "POST",
    body: JSON.stringify({ name, template: "muster_template" }),
  });
  await body(response, 201);
}

async function countStatements(database: string): Promise<number> {
  const response = await fetch(new URL(`/statistics?database=${database}`, endpoint));
  return (await body<{ statements: number }>(response)).statements;
}

/** Forgets all items and their history, and empties further tables, so that one database serves many runs. */
export async function emptyInventory(muster: Muster, ...tables: readonly string[]): Promise<void> {
  await muster.sql("with records as (delete from source_records) delete from configuration_items");
  await muster.sql(`truncate ${["changes", "item_counts", ...tables].join(", ")}`);
}
