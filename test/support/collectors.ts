import { vi } from "vitest";
import type { Ctx } from "../../src/core/context.ts";
import { connect } from "../../src/db/client.ts";
import { configOf } from "../../src/env.ts";
import { body, type Muster, type Row } from "./muster.ts";

/** A request that came to a collector. */
interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
  /** Its body, parsed. */
  readonly body: Row;
  /** Fires when the call is given up. */
  readonly signal: AbortSignal | null | undefined;
}

type Answer = (request: Received) => Response | Promise<Response>;

/** The far side of the network: what is asked of foreign hosts, and who answers there. */
export interface ForeignHosts {
  readonly received: Received[];
  /** Lets a host answer; one that nobody answers for cannot be reached. */
  answer(host: string, answer: Answer): void;
  triggers(): Row[];
}

export const collectorsPath = "/api/v1/collectors";
export const sourcesPath = "/api/v1/sources";

/** The reference's source of the type Ceph. */
export const cephSource = {
  name: "production-ceph",
  endpoint: "https://ceph-prod.example.com:8443",
  username: "admin",
  password: "secure-password",
  config: { verify_ssl: true, timeout: 30, enabled_collectors: ["cluster", "osd", "pool", "mon", "mgr"] },
  schedule_config: { enabled: true, interval_minutes: 5 },
};

/** The cron expression of the schedule, and a schedule of five minutes. */
export const everyMinute = "* * * * *";
export const minuteMs = 60_000;
export const every5 = { enabled: true, interval_minutes: 5 };

/** A minute that lies behind all that was just written, with all sources that there are disabled. */
export async function nextTick(muster: Muster): Promise<Date> {
  await muster.sql("update sources set status = 'disabled'");
  return new Date(Math.ceil(Date.now() / minuteMs) * minuteMs);
}

/** What tests ask of single sources and collectors, by id, of the Muster that is there when they ask. */
export function routesOf(current: () => Muster) {
  return {
    put: async (id: number, content: unknown) =>
      current().request(`${sourcesPath}/${id}`, { method: "PUT", body: content }),
    remove: async (id: number, muster = current()) => muster.request(`${sourcesPath}/${id}`, { method: "DELETE" }),
    report: async (id: number, content: unknown) =>
      current().request(`${sourcesPath}/${id}/health`, { method: "PUT", body: content }),
    check: async (id: number) => current().request(`${sourcesPath}/${id}/health`, { method: "POST" }),
    trigger: async (id: number | string, content?: unknown) =>
      current().request(`${collectorsPath}/${id}/trigger`, {
        method: "POST",
        ...(content === undefined ? {} : { body: content }),
      }),
  };
}

/** Stands in for every host under example.com; all other calls go their way. Undone by vi.restoreAllMocks. */
export function answerForForeignHosts(): ForeignHosts {
  const answers = new Map<string, Answer>();
  const received: Received[] = [];
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (!url.hostname.endsWith("example.com")) {
      return real(input, init);
    }
    const text = await request.text();
    const call = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      text,
      body: text ? JSON.parse(text) : {},
      signal: init?.signal,
    };
    received.push(call);
    const answer = answers.get(url.hostname);
    if (!answer) {
      throw new TypeError("Network connection lost.");
    }
    return answer(call);
  });
  return {
    received,
    answer: (host, answer) => void answers.set(host, answer),
    triggers: () => received.filter(({ url }) => url.endsWith("/trigger")).map((request) => request.body),
  };
}

/** Never answers; the call ends when it is given up. */
export async function hang(): Promise<Response> {
  return new Promise(() => undefined);
}

export function json(content: unknown, status = 200): Response {
  return Response.json(content, { status });
}

export async function makeCollector(muster: Muster, content: Row = {}): Promise<Row & { id: number }> {
  const named = {
    name: `collector ${crypto.randomUUID()}`,
    type: "kubernetes",
    endpoint: "https://collector.example.com",
    ...content,
  };
  return body(await muster.request(collectorsPath, { body: named }), 201);
}

export async function makeSource(
  muster: Muster,
  collectorId: number,
  content: Row = {},
): Promise<Row & { id: number }> {
  const named = { name: `source ${crypto.randomUUID()}`, endpoint: "https://cluster.example.com:6443", ...content };
  return body(await muster.request(`${collectorsPath}/${collectorId}/sources`, { body: named }), 201);
}

export async function getSource(muster: Muster, id: number): Promise<Row> {
  return body(await muster.request(`${sourcesPath}/${id}`));
}

/** What a verb needs to run as a job or as a request would, so that a test can choose its limits. */
export async function systemContext(muster: Muster, database: "api" | "jobs", now = new Date()): Promise<Ctx> {
  const config = await configOf(muster.bindings);
  return {
    db: connect(database === "api" ? config.databaseUrl : config.jobsDatabaseUrl, {
      endpoint: config.databaseEndpoint,
    }),
    actor: { kind: "system", label: "system:test" },
    now,
    requestId: "test",
    cursorKey: config.cursorKey,
    ports: config.ports,
  };
}
