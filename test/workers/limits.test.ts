import { afterEach, describe, expect, test, vi } from "vitest";
import { newApiKey } from "../../src/lib/api-key.ts";
import { body, createMuster, itemsPath } from "../support/muster.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("too much", () => {
  test("of guessed keys costs no lookup once their address is refused", async () => {
    const muster = await createMuster({ RATE_LIMIT_PER_MINUTE: "" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2101, 0, 1) });
    const guess = () =>
      muster.request(itemsPath, { key: newApiKey("admin"), headers: { "CF-Connecting-IP": "192.0.2.77" } });

    const statuses = [];
    for (let n = 0; n < 52; n += 1) statuses.push((await guess()).status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(50);

    const answers: Response[] = [];
    expect(await muster.statements(async () => void answers.push(await guess(), await guess()))).toBe(0);
    expect(answers.map((answer) => answer.status)).toEqual([429, 429]);
    expect(answers.every((answer) => answer.headers.has("Retry-After"))).toBe(true);
  });

  test("for one answer of the database is said to be too much, not that the database is away", async () => {
    const muster = await createMuster();
    await muster.request(itemsPath);
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("response is too large", { status: 507 })));
    const answer = await body<{ detail: string }>(await muster.request(itemsPath), 422);
    expect(answer.detail).toContain("too much for one answer");
  });
});

describe("identity", () => {
  test("of an item that a source reports cannot become that of another item of this source", async () => {
    const muster = await createMuster();
    const report = async (name: string) =>
      body<{ ci_id: string }>(
        await muster.request(`${itemsPath}?source=lab`, { body: { name, ci_type: "device" } }),
        201,
      );
    const first = await report("a");
    await report("b");
    const rename = async (name: string) => {
      const renaming = { method: "PUT", body: { name, ci_type: "device" } };
      return (await muster.request(`${itemsPath}/${first.ci_id}`, renaming)).status;
    };
    expect([await rename("b"), await rename("c")]).toEqual([409, 200]);
  });
});

describe("the inventory", () => {
  test("cannot be emptied without a trace", async () => {
    const muster = await createMuster();
    await expect(muster.sql("truncate configuration_items cascade")).rejects.toThrow("cannot be truncated");
  });

  test("keeps equal numbers for equal, however many zeros they were written with", async () => {
    const muster = await createMuster();
    const report = (number: string) =>
      muster.request(itemsPath, {
        body: `{"name":"n","ci_type":"device","raw_data":{"x":${number}}}`,
        headers: { "Content-Type": "application/json" },
      });
    const first = await body<{ version: number }>(await report("0.12345678901234567"), 201);
    const second = await body<{ version: number }>(await report("0.123456789012345670"));
    expect([first.version, second.version]).toEqual([1, 1]);
  });

  test("does not read words as times", async () => {
    const muster = await createMuster();
    await muster.request(itemsPath, {
      body: { name: "p", ci_type: "kubernetes.pod", raw_data: { status: { startTime: "now" } } },
    });
    expect(await muster.sql("select start_time from kubernetes_pod")).toEqual([{ start_time: null }]);
  });
});
