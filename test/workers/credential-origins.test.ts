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
} from "../support/collectors.ts";
import { body, createMuster, type Muster, type Row } from "../support/muster.ts";

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

const { put, trigger } = routesOf(() => muster);

/** What the collector is sent as the source's credentials; its claim is ended first. */
async function sentCredentials(source: { id: number; collector_id?: unknown }): Promise<unknown> {
  await muster.sql("update sources set claimed_until = null where id = $1", [source.id]);
  await body(await trigger(Number(source.collector_id)), 202);
  const [sent] = (hosts.triggers().at(-1)?.["sources"] ?? []) as Row[];
  return sent?.["credentials"];
}

describe("stored credentials", () => {
  it("are replaced one by one, kept where nothing is said of them, and removed by null", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, { token: "first token" });
    expect(await sentCredentials(source)).toEqual({ token: "first token" });
    expect(await body(await put(source.id, { password: "a password" }))).toMatchObject({ has_credentials: true });
    expect(await sentCredentials(source)).toEqual({ token: "first token", password: "a password" });
    await body(await put(source.id, { token: "second token", name: "renamed", config: { a: 1 } }));
    expect(await sentCredentials(source)).toEqual({ token: "second token", password: "a password" });
    await body(await put(source.id, { password: null }));
    expect(await sentCredentials(source)).toEqual({ token: "second token" });
    await body(await put(source.id, { username: "me" }));
    expect(await sentCredentials(source)).toEqual({ token: "second token" });
    expect(await body(await put(source.id, { token: null }))).toMatchObject({ has_credentials: false });
    expect(await sentCredentials(source)).toBeNull();
    const [row] = await muster.sql("select credentials from sources where id = $1", [source.id]);
    expect(row).toEqual({ credentials: null });
  });

  it("are bound to their source: those of another do not open", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, { token: "mine" });
    const other = await makeSource(muster, (await makeCollector(muster)).id, { token: "another's" });
    await muster.sql("update sources set credentials = (select credentials from sources where id = $2) where id = $1", [
      source.id,
      other.id,
    ]);
    const { detail } = await body(await trigger(collector.id), 409);
    expect(detail).toContain("cannot be opened; send them again");
    expect(hosts.received).toEqual([]);
    expect(await getSource(muster, source.id)).toMatchObject({
      last_error: expect.stringContaining("send them again"),
    });
    await body(await put(source.id, { name: "still writable" }));
    expect((await put(source.id, { endpoint: "https://new.example.com" })).status).toBe(422);
    expect((await put(source.id, { token: "new" })).status).toBe(422);
    await body(await put(source.id, { token: "new", password: null }));
    expect(await sentCredentials(source)).toEqual({ token: "new" });
  });

  it("stay with the host of the source's endpoint: another needs all of them again", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, { token: "a token", password: "a password" });
    for (const endpoint of [
      "https://evil.example.com:6443",
      "https://cluster.example.com",
      "https://cluster.example.com:8443",
      null,
    ]) {
      const { detail } = await body(await put(source.id, { endpoint }), 422);
      expect(detail).toContain("stored for https://cluster.example.com:6443");
      expect(detail).toContain("send token and password again");
    }
    const half = await body(await put(source.id, { endpoint: "https://evil.example.com", token: "new" }), 422);
    expect(half["detail"]).toContain("send password again");
    expect(await getSource(muster, source.id)).toMatchObject({ endpoint: "https://cluster.example.com:6443" });
    // A path is no other host.
    await body(await put(source.id, { endpoint: "https://cluster.example.com:6443/api" }));
    expect(await sentCredentials(source)).toEqual({ token: "a token", password: "a password" });
    await body(await put(source.id, { endpoint: "https://new.example.com", token: "new", password: null }));
    expect(await sentCredentials(source)).toEqual({ token: "new" });
  });

  it("go to no collector that has moved: nothing is sent, and the source says why", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, { token: "a token" });
    const open = await makeSource(muster, collector.id);
    hosts.answer("evil.example.com", () => json({}, 202));
    const move = async (endpoint: string | null) =>
      body(await muster.request(`${collectorsPath}/${collector.id}`, { method: "PUT", body: { endpoint } }));
    await move("https://evil.example.com");
    expect(await body(await trigger(collector.id), 202)).toMatchObject({
      sources: [
        {
          id: source.id,
          outcome: "failed",
          reason: expect.stringContaining("stored for https://collector.example.com"),
        },
        { id: open.id, outcome: "triggered" },
      ],
    });
    expect(hosts.triggers()).toMatchObject([{ sources: [{ id: open.id, credentials: null }] }]);
    expect(await getSource(muster, source.id)).toMatchObject({
      last_error: expect.stringMatching(/stored for https:\/\/collector\.example\.com.*send them again$/),
      consecutive_errors: 1,
    });
    const ids = { body: { source_ids: [source.id] } };
    const refused = await muster.request(`${collectorsPath}/${collector.id}/trigger`, ids);
    expect((await body(refused, 409))["detail"]).toContain("send them again");
    // A new password alone would take the token along.
    expect((await body(await put(source.id, { password: "x" }), 422))["detail"]).toContain("send token again");
    await body(await put(source.id, { token: "sent again" }));
    await body(await muster.request(`${collectorsPath}/${collector.id}/trigger`, ids), 202);
    expect(hosts.triggers().at(-1)).toMatchObject({ sources: [{ credentials: { token: "sent again" } }] });
    await move("https://evil.example.com/other/path");
    await muster.sql("update sources set claimed_until = null");
    await body(await muster.request(`${collectorsPath}/${collector.id}/trigger`, ids), 202);
  });

  it("stored while the collector had no endpoint go to none that it gets later", async () => {
    const collector = await makeCollector(muster, { endpoint: null });
    await makeSource(muster, collector.id, { token: "a token" });
    const endpoint = "https://collector.example.com";
    await muster.request(`${collectorsPath}/${collector.id}`, { method: "PUT", body: { endpoint } });
    expect((await body(await trigger(collector.id), 409))["detail"]).toContain("send them again");
    expect(hosts.received).toEqual([]);
  });

  it("written by 8 at once with other changes are those of one of them, and none is lost half-way", async () => {
    const collector = await makeCollector(muster);
    const source = await makeSource(muster, collector.id, { token: "token 0", password: "password 0" });
    const responses = await Promise.all(
      Array.from({ length: 8 }, async (_, n) =>
        put(source.id, { token: `token ${n + 1}`, password: `password ${n + 1}` }),
      ),
    );
    const statuses = responses.map((response) => response.status);
    expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect(statuses).toContain(200);
    const { token, password } = (await sentCredentials(source)) as { token: string; password: string };
    const place = Number(token.split(" ")[1]);
    expect(password).toBe(`password ${place}`);
    expect(statuses[place - 1]).toBe(200);
  });
});
