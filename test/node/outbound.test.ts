import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { createOutbound, type OutboundAnswer, type OutboundCall } from "../../src/lib/outbound.ts";

const outbound = createOutbound(["http://127.0.0.1:*"]);
const json = { "Content-Type": "application/json" };

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

async function callOf(listener: RequestListener, more: Partial<OutboundCall> = {}): Promise<OutboundAnswer> {
  return outbound.call({ method: "GET", url: `${await serve(listener)}/health`, deadlineMs: 20_000, ...more });
}

describe("a call to a user's URL", () => {
  it("sends JSON with the caller's headers and answers the status and the parsed body", async () => {
    const answer = await callOf(
      (request, response) => {
        void request.toArray().then((chunks) => {
          const sent = Buffer.concat(chunks).toString();
          const { accept, "x-own": own, cookie, authorization, "content-type": type } = request.headers;
          response.writeHead(202, { "Content-Type": "application/problem+json; charset=utf-8" });
          response.end(JSON.stringify({ method: request.method, sent, accept, own, cookie, authorization, type }));
        });
      },
      { method: "POST", body: '{"a":"ü"}', headers: { "X-Own": "1" } },
    );
    const body = { method: "POST", sent: '{"a":"ü"}', accept: "application/json", own: "1", type: "application/json" };
    expect(answer).toEqual({ outcome: "answered", status: 202, body });
  });

  it.each([200, 202, 204])("takes an empty %i for an answer without a body", async (status) => {
    expect(await callOf((_, response) => response.writeHead(status).end())).toEqual({
      outcome: "answered",
      status,
      body: undefined,
    });
  });

  it("tells the status of an error with the body that it can read", async () => {
    const conflict = await callOf((_, response) =>
      response.writeHead(409, json).end('{"detail":"already collecting"}'),
    );
    expect(conflict).toEqual({ outcome: "answered", status: 409, body: { detail: "already collecting" } });
    const page = await callOf((_, response) =>
      response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>"),
    );
    expect(page).toEqual({ outcome: "answered", status: 502, body: undefined });
    const large = await callOf((_, response) => response.writeHead(500, json).end(`"${"a".repeat(300_000)}"`));
    expect(large).toEqual({ outcome: "answered", status: 500, body: undefined });
  });

  it.each([300, 301, 302, 303, 304, 307, 308])("does not follow a %i", async (status) => {
    const visited: (string | undefined)[] = [];
    const answer = await callOf((request, response) => {
      visited.push(request.url);
      response.writeHead(status, { Location: "http://169.254.169.254/latest" }).end();
    });
    expect(answer).toEqual({ outcome: "refused", problem: expect.stringContaining(`redirect (${status})`) });
    expect(JSON.stringify(answer)).not.toContain("169.254");
    expect(visited).toEqual(["/health"]);
  });

  it.each<[what: string, headers: Record<string, string>, content: string | Buffer, problem: RegExp]>([
    ["another content type", { "Content-Type": "text/html" }, "{}", /application\/json/],
    ["no content type", {}, "{}", /application\/json/],
    ["a content type that only begins like JSON's", { "Content-Type": "application/jsonp" }, "{}", /application\/json/],
    ["broken JSON", json, '{"status":', /not JSON/],
    ["broken UTF-8", json, Buffer.from([0x22, 0xc3, 0x28, 0x22]), /not JSON/],
    ["JSON nested too deeply to be kept", json, "[".repeat(60_000) + "]".repeat(60_000), /nested deeper/],
    ["a character that cannot be kept", json, String.raw`{"status":"\u0000"}`, /NUL/],
    ["more than 256 KiB", json, `"${"a".repeat(256 * 1024)}"`, /larger than 256 KiB/],
    [
      "more than 256 KiB once unpacked",
      { ...json, "Content-Encoding": "gzip" },
      gzipSync(`"${"a".repeat(5_000_000)}"`),
      /larger than 256 KiB/,
    ],
  ])("finds %s malformed", async (_what, headers, content, problem) => {
    expect(await callOf((_, response) => response.writeHead(200, headers).end(content))).toEqual({
      outcome: "malformed",
      problem: expect.stringMatching(problem),
    });
  });

  it("stops reading what never ends, whatever length it claims", async () => {
    let closed: Promise<unknown> | undefined;
    const answer = await callOf((_, response) => {
      closed = once(response, "close");
      response.writeHead(200, json);
      const more = () => void (response.writable && response.write(`"${"a".repeat(50_000)}"`, more));
      more();
    });
    expect(answer).toEqual({ outcome: "malformed", problem: expect.stringContaining("larger than 256 KiB") });
    await closed;
  });

  it("is given up at its deadline, whether nothing comes or only a part", async () => {
    const deadlineMs = 200;
    const silent = await callOf(() => undefined, { deadlineMs });
    expect(silent).toEqual({ outcome: "timed_out", problem: "It did not answer within 0.2 s" });
    const halting = await callOf((_, response) => response.writeHead(200, json).write('{"status":'), { deadlineMs });
    expect(halting).toEqual(silent);
    const deaf = createOutbound([], () => new Promise(() => undefined));
    expect(await deaf.call({ method: "GET", url: "https://example.com/", deadlineMs })).toEqual(silent);
  });

  it("is given up with its caller, also when that was over before", async () => {
    const caller = new AbortController();
    const given = await callOf(() => caller.abort(), { signal: caller.signal });
    expect(given).toEqual({ outcome: "timed_out", problem: expect.stringContaining("given up") });
    let asked = 0;
    expect(await callOf(() => (asked += 1), { signal: caller.signal })).toEqual(given);
    expect(asked).toBe(0);
  });

  it("says that a host is unreachable, and nothing more, when the connection fails", async () => {
    const gone = await callOf((request) => request.socket.destroy());
    expect(gone).toEqual({ outcome: "unreachable", problem: expect.stringContaining("cannot be reached") });
    const half = await callOf((request, response) => {
      response.writeHead(200, { ...json, "Content-Length": "100" });
      response.write("{", () => request.socket.destroy());
    });
    expect(half).toEqual(gone);
    const odd = await callOf((_, response) => response.end("{}"), { headers: { "X-Own": "line\nbreak" } });
    expect(odd).toEqual(gone);
  });

  it("goes nowhere when its URL is not one to call", async () => {
    const calls: string[] = [];
    const guarded = createOutbound([], (url) => {
      calls.push(url);
      return Promise.resolve(Response.json({}));
    });
    const [refused, sent] = await Promise.all(
      ["https://169.254.169.254/", "https://collector.example.com/"].map((url) =>
        guarded.call({ method: "GET", url, deadlineMs: 20_000 }),
      ),
    );
    expect(refused).toEqual({ outcome: "refused", problem: guarded.problemWith("https://169.254.169.254/") });
    expect(sent).toEqual({ outcome: "answered", status: 200, body: {} });
    expect(calls).toEqual(["https://collector.example.com/"]);
  });
});
