import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkAllCollectors, type CollectorSummary } from "../../src/core/collectors/health-service.ts";
import {
  answerForForeignHosts,
  collectorsPath,
  type ForeignHosts,
  hang,
  json,
  makeCollector,
  makeSource,
  sourcesPath,
  systemContext,
} from "../support/collectors.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;

beforeEach(async () => {
  muster = await createMuster();
  hosts = answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const all = async () =>
  body<{ timestamp: string; collectors: (Row & { id: number })[] }>(
    await muster.request(`${collectorsPath}/health/all`),
  );

describe("the health of all collectors", () => {
  it("is shown as documented, with how many of their sources are healthy, and kept", async () => {
    hosts.answer("collector.example.com", () => json({ status: "healthy", message: "fine" }));
    const kubernetes = await makeCollector(muster, { name: "Kubernetes Collector" });
    const ceph = await makeCollector(muster, { name: "Ceph Collector" });
    const report = async (collector: number, status: string | null) => {
      const { id } = await makeSource(muster, collector);
      if (status !== null) {
        await body(await muster.request(`${sourcesPath}/${id}/health`, { method: "PUT", body: { status } }));
      }
      return id;
    };
    for (const status of ["healthy", "healthy", "healthy"]) {
      await report(kubernetes.id, status);
    }
    await report(ceph.id, "healthy");
    await report(ceph.id, "unhealthy");
    const gone = await report(ceph.id, "unhealthy");
    await muster.request(`${sourcesPath}/${gone}`, { method: "DELETE" });
    const silent = await makeCollector(muster, { name: "silent", endpoint: null });
    await report(silent.id, null);
    await makeCollector(muster, { name: "off", status: "disabled" });
    const lost = await makeCollector(muster, { name: "lost", endpoint: "https://lost.example.com" });
    expect(await all()).toEqual({
      timestamp: expect.stringMatching(/Z$/),
      collectors: [
        { id: kubernetes.id, name: "Kubernetes Collector", status: "healthy", sources_total: 3, sources_healthy: 3 },
        {
          id: ceph.id,
          name: "Ceph Collector",
          status: "degraded",
          sources_total: 2,
          sources_healthy: 1,
          error: "1 source unhealthy",
        },
        {
          id: silent.id,
          name: "silent",
          status: "unknown",
          sources_total: 1,
          sources_healthy: 0,
          error: expect.stringContaining("no endpoint"),
        },
        {
          id: silent.id + 1,
          name: "off",
          status: "unknown",
          sources_total: 0,
          sources_healthy: 0,
          error: expect.stringContaining("disabled"),
        },
        {
          id: lost.id,
          name: "lost",
          status: "unhealthy",
          sources_total: 0,
          sources_healthy: 0,
          error: expect.stringContaining("cannot be reached"),
        },
      ],
    });
    const kept = await muster.sql("select name, health_status ->> 'status' as status from collectors order by id");
    expect(kept.map((row) => row["status"])).toEqual(["healthy", "healthy", null, null, "unhealthy"]);
    await muster.request(`${collectorsPath}/health/all`, { key: muster.keys.readonly });
    expect(await muster.statements(all)).toBe(2);
  });

  it("is asked for in turn, so that where the time is too short for all it is not always the same that wait", async () => {
    const names = ["a", "b", "c"];
    const ids: number[] = [];
    for (const name of names) {
      hosts.answer(`${name}.example.com`, () => json({ status: "healthy" }));
      ids.push((await makeCollector(muster, { endpoint: `https://${name}.example.com` })).id);
    }
    await all();
    const [first] = ids;
    await body(await muster.request(`${collectorsPath}/${first}/health`));
    hosts.received.length = 0;
    const ctx = await systemContext(muster, "api");
    const states = await checkAllCollectors(ctx, { width: 1, eachMs: 5_000, wholeMs: 60_000 });
    expect(hosts.received.map(({ url }) => new URL(url).hostname[0])).toEqual(["b", "c", "a"]);
    expect(states.map(({ id }) => id)).toEqual(ids);
  });

  it("of none is an empty list", async () => {
    expect((await all()).collectors).toEqual([]);
    expect((await muster.request(`${collectorsPath}/health/all?x=1`)).status).toBe(400);
  });
});

describe("50 collectors of which 10 hang and 10 refuse", () => {
  const width = 6;
  const kinds = ["hanging", "refusing", "fine", "fine", "fine"] as const;
  let ids: number[];
  let most: number;

  beforeEach(async () => {
    ids = [];
    most = 0;
    let open = 0;
    // Nobody answers before as many are asked as may be at once, and none that is fine is late because another one is.
    const { promise: isFull, resolve: fill } = Promise.withResolvers<void>();
    async function enter(): Promise<void> {
      open += 1;
      most = Math.max(most, open);
      if (open === width) {
        fill();
      }
      await isFull;
    }
    for (const n of Array.from({ length: 50 }, (_, place) => place)) {
      const host = `c${n}.example.com`;
      const kind = kinds[n % kinds.length];
      if (kind !== "refusing") {
        hosts.answer(host, async (request) => {
          if (kind === "hanging") {
            request.signal?.addEventListener("abort", () => {
              open -= 1;
            });
          }
          await enter();
          if (kind === "hanging") {
            return hang();
          }
          open -= 1;
          return json({ status: "healthy" });
        });
      }
      ids.push((await makeCollector(muster, { endpoint: `https://${host}` })).id);
    }
  });

  it("are all answered, each with its state, in two statements", async () => {
    const ctx = await systemContext(muster, "api");
    const answers: CollectorSummary[] = [];
    const limits = { width, eachMs: 1_000, wholeMs: 60_000 };
    expect(await muster.statements(async () => answers.push(...(await checkAllCollectors(ctx, limits))))).toBe(2);
    expect(answers.map(({ id }) => id)).toEqual(ids);
    for (const [n, answer] of answers.entries()) {
      const [status, error] = {
        hanging: ["unhealthy", expect.stringContaining("did not answer within 1 s")],
        refusing: ["unhealthy", expect.stringContaining("cannot be reached")],
        fine: ["healthy", undefined],
      }[kinds[n % kinds.length] ?? "fine"];
      expect([answer.status, answer.error]).toEqual([status, error]);
    }
    expect(most).toBe(width);
  });

  it("are asked in such an order that dead ones take no turn from those that were healthy", async () => {
    const ctx = await systemContext(muster, "api");
    const known = ids.map((id, n) => ({ id, status: kinds[n % kinds.length] === "fine" ? "healthy" : "unhealthy" }));
    await muster.sql(
      `update collectors k set health_status = jsonb_build_object('status', r.status)
       from jsonb_to_recordset($1::jsonb) as r (id integer, status text) where k.id = r.id`,
      [JSON.stringify(known)],
    );
    const states = await checkAllCollectors(ctx, { width, eachMs: 60_000, wholeMs: 1_000 });
    const asked = hosts.received.map(({ url }) => Number(/c(\d+)\./.exec(url)?.[1]));
    expect(asked.slice(0, 30).every((n) => kinds[n % kinds.length] === "fine")).toBe(true);
    const fine = states.filter((_, n) => kinds[n % kinds.length] === "fine");
    expect(fine.map((state) => state.status)).toEqual(Array.from({ length: 30 }, () => "healthy"));
    // The dead took their time after that, until the time of all was over.
    const unknown = states.filter((state) => state.status === "unknown");
    expect(unknown.length).toBeGreaterThanOrEqual(width);
    expect(unknown[0]?.error).toContain("1 s");
    const kept = await muster.sql(
      "select count(*)::int as n from collectors where health_status ->> 'status' = 'unknown'",
    );
    expect(kept).toEqual([{ n: 0 }]);
  });
});
