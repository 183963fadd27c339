import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  answerForForeignHosts,
  collectorsPath,
  type ForeignHosts,
  getSource,
  json,
  makeCollector,
  makeSource,
  routesOf,
  sourcesPath,
} from "../support/collectors.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

let muster: Muster;
let hosts: ForeignHosts;

beforeAll(async () => {
  muster = await createMuster();
  await muster.request(collectorsPath, { key: muster.keys.readonly });
});

beforeEach(() => {
  hosts = answerForForeignHosts();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const { trigger } = routesOf(() => muster);

describe("a trigger", () => {
  const accept = () => json({}, 202);

  it("sends the enabled sources, signed, and says what became of each", async () => {
    hosts.answer("collector.example.com", accept);
    const collector = await makeCollector(muster, {
      config: { mode: "full" },
      endpoint: "https://collector.example.com/base/",
    });
    const token = "a token to send";
    const one = await makeSource(muster, collector.id, { token, username: "admin", config: { a: 1 } });
    const off = await makeSource(muster, collector.id, { status: "disabled" });
    const answer = await body(await trigger(collector.id), 202);
    expect(answer).toEqual({
      message: "Collection triggered",
      collector_id: collector.id,
      collection_id: expect.any(String),
      sources: [
        { id: one.id, name: one["name"], outcome: "triggered" },
        { id: off.id, name: off["name"], outcome: "disabled" },
      ],
    });
    const [request] = hosts.received;
    expect(request).toMatchObject({ method: "POST", url: "https://collector.example.com/base/trigger" });
    expect(request?.headers.get("Signature-Input")).toContain("muster=(");
    expect(request?.headers.get("Content-Digest")).toMatch(/^sha-256=/);
    expect(request?.body).toEqual({
      collection_id: answer["collection_id"],
      reason: "manual",
      collector: { id: collector.id, name: collector["name"], type: "kubernetes", config: { mode: "full" } },
      sources: [
        {
          id: one.id,
          name: one["name"],
          endpoint: "https://cluster.example.com:6443",
          username: "admin",
          credentials: { token },
          config: { a: 1 },
          schedule_config: {},
        },
      ],
    });
  });

  it("sends settings as they were given, digits beyond a double included", async () => {
    hosts.answer("collector.example.com", accept);
    const settings = '{"a":123456789012345678901,"b":0.1234567890123456789}';
    const collector = await body(
      await muster.request(collectorsPath, {
        body: `{"name":"digits","type":"k","endpoint":"https://collector.example.com","config":${settings}}`,
      }),
      201,
    );
    const { id } = await makeSource(muster, Number(collector["id"]));
    await body(await muster.request(`${sourcesPath}/${id}`, { method: "PUT", body: `{"config":${settings}}` }));
    await body(await trigger(Number(collector["id"])), 202);
    expect(hosts.received[0]?.text.split(`"config":${settings}`)).toHaveLength(3);
  });

  it("does not start a source that is being collected, until its collector has reported", async () => {
    hosts.answer("collector.example.com", accept);
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id);
    await body(await trigger(id), 202);
    expect((await body(await trigger(id), 409))["detail"]).toContain("is being collected");
    await body(
      await muster.request(`${sourcesPath}/${source.id}/health`, { method: "PUT", body: { status: "healthy" } }),
    );
    await body(await trigger(id, { source_ids: [source.id, source.id] }), 202);
    expect(hosts.triggers()).toHaveLength(2);
  });

  it("asked for 8 times at once starts each source once", async () => {
    hosts.answer("collector.example.com", accept);
    const { id } = await makeCollector(muster);
    await Promise.all(Array.from({ length: 3 }, async () => makeSource(muster, id)));
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await trigger(id)).status));
    expect(statuses.filter((status) => status === 202)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(7);
    expect(hosts.triggers()).toHaveLength(1);
  });

  it("reaches only the sources that it names, and only the collector's own", async () => {
    hosts.answer("collector.example.com", accept);
    const { id } = await makeCollector(muster);
    const [first, second] = [await makeSource(muster, id), await makeSource(muster, id)];
    const foreign = await makeSource(muster, (await makeCollector(muster)).id);
    const detail = (await body(await trigger(id, { source_ids: [first.id, foreign.id] }), 422))["detail"];
    expect(detail).toBe(`source_ids: the collector has no source ${foreign.id}`);
    expect(await body(await trigger(id, { source_ids: [second.id] }), 202)).toMatchObject({
      sources: [{ id: second.id, outcome: "triggered" }],
    });
    for (const wrong of [{ source_ids: [] }, { source_ids: ["1"] }, { source_ids: [1.5] }, { sources: [1] }, []]) {
      expect((await trigger(id, wrong)).status).toBe(422);
    }
  });

  it("works for a collector without sources of its own", async () => {
    hosts.answer("collector.example.com", accept);
    const { id } = await makeCollector(muster);
    expect(await body(await trigger(id), 202)).toMatchObject({ sources: [] });
  });

  it("is a conflict where the collector is disabled or has no endpoint, or no source is enabled", async () => {
    const disabled = await makeCollector(muster, { status: "disabled" });
    expect((await body(await trigger(disabled.id), 409))["detail"]).toContain("disabled");
    const silent = await makeCollector(muster, { endpoint: null });
    expect((await body(await trigger(silent.id), 409))["detail"]).toContain("no endpoint");
    const idle = await makeCollector(muster);
    await makeSource(muster, idle.id, { status: "disabled" });
    expect((await body(await trigger(idle.id), 409))["detail"]).toContain("disabled");
    expect(hosts.received).toEqual([]);
  });

  it.each([
    ["cannot be reached", undefined, 502, "cannot be reached"],
    ["fails", () => json({ message: "out of memory" }, 500), 502, "HTTP status 500: out of memory"],
    ["does not know us", () => new Response("no", { status: 401 }), 502, "HTTP status 401"],
    [
      "quotes credentials",
      () => json({ error: "token s3cret-of-ours is bad" }, 403),
      502,
      "HTTP status 403: an error that",
    ],
    ["redirects", () => Response.redirect("https://elsewhere.example.com/", 307), 409, "redirect"],
  ])("of a collector that %s is an error that its source has, too", async (_what, answer, status, detail) => {
    if (answer) {
      hosts.answer("collector.example.com", answer);
    }
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id, { token: "s3cret-of-ours" });
    for (const errors of [1, 2]) {
      expect((await body(await trigger(id), status))["detail"]).toContain(detail);
      expect(await getSource(muster, source.id)).toMatchObject({
        last_error: expect.stringContaining(detail),
        consecutive_errors: errors,
      });
    }
    hosts.answer("collector.example.com", accept);
    expect((await trigger(id)).status).toBe(202);
  });

  it("of a collector that is at it already is a conflict and no error", async () => {
    hosts.answer("collector.example.com", () => json({}, 409));
    const { id } = await makeCollector(muster);
    const source = await makeSource(muster, id);
    expect((await body(await trigger(id), 409))["detail"]).toContain("already collecting");
    expect(await getSource(muster, source.id)).toMatchObject({ last_error: null, consecutive_errors: 0 });
  });

  it("takes one statement, and another to record what went wrong", async () => {
    const { id } = await makeCollector(muster);
    await makeSource(muster, id);
    expect(await muster.statements(async () => trigger(id))).toBe(2);
    hosts.answer("collector.example.com", accept);
    expect(await muster.statements(async () => trigger(id))).toBe(1);
  });
});
