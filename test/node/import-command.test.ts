import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const fixtures = join(root, "../shared/fixtures/kubernetes/gke-kubevious/data-all.json");
const key = "ps_svc_not-a-real-key";

interface Bulk {
  readonly url: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly lines: readonly string[];
}

let folder = "";
let received: Bulk[] = [];
/** What the far side does, call by call; afterwards, and where it returns false, everything is created. */
let script: ((response: ServerResponse, bulk: Bulk) => boolean | void)[] = [];
const server = createServer((request, response) => {
  void text(request).then((body) => {
    const bulk = { url: request.url ?? "", headers: request.headers, lines: body.split("\n").slice(0, -1) };
    received.push(bulk);
    if (script.shift()?.(response, bulk) ?? false) return;
    if (!response.writableEnded && !response.destroyed) acceptAll(response, bulk);
  });
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "muster-import-"));
  received = [];
  script = [];
  await once(server.listen(0, "127.0.0.1"), "listening");
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  server.closeAllConnections();
  await once(server.close(), "close");
});

function acceptAll(response: ServerResponse, { lines }: Bulk): void {
  const results = lines.map((_, index) => ({ index, outcome: "created", ci_id: `id-${index}`, error: null }));
  response
    .setHeader("content-type", "application/json")
    .end(JSON.stringify({ results, counts: { created: lines.length } }));
}

function refuse(status: number, body: string, headers: Record<string, string> = {}) {
  return (response: ServerResponse): boolean => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

function serverUrl(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function start(...args: string[]) {
  const env = { PATH: process.env.PATH, MUSTER_URL: serverUrl(), MUSTER_API_KEY: key };
  const child = spawn(process.execPath, [join(root, "scripts/import.ts"), ...args], { env, cwd: folder });
  const ended = Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => {
      expect(stdout + stderr).not.toContain(key);
      return { code: Number(code), stdout, stderr };
    },
  );
  return { child, ended };
}

async function run(...args: string[]) {
  const { child, ended } = start(...args);
  child.stdin.end();
  return ended;
}

function pods(...names: string[]): string {
  return names
    .map((name) => JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } }))
    .join("\n");
}

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function sentNames(): unknown[] {
  return received.map(({ lines }) => lines.map((line) => JSON.parse(line).name));
}

describe("npm run import", () => {
  test("sends files, folders and standard input in one bulk under the source's name, and tells what became of them", async () => {
    mkdirSync(join(folder, "dump/deep"), { recursive: true });
    write("dump/deep/b.json", pods("b"));
    write("dump/a.json", pods("a", "a2"));
    write("dump/readme.txt", "no JSON");
    const { child, ended } = start(
      "kubernetes",
      "dump",
      write("c.json", pods("c", "a")),
      "-",
      "--source",
      "prod eu",
      "--json",
    );
    child.stdin.end(pods("d"));
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(sentNames()).toEqual([["a2", "b", "c", "a", "d"]]);
    expect(received[0]?.url).toBe("/api/v1/configuration-items/bulk?source=prod%20eu");
    expect(received[0]?.headers).toMatchObject({ "x-api-key": key, "content-type": "application/x-ndjson" });
    const outcomes = { created: 5, updated: 0, unchanged: 0, reactivated: 0, error: 0 };
    const counts = {
      files: 4,
      skipped_files: 1,
      seen: 6,
      duplicates: 1,
      answered: 5,
      bulks: 1,
      reject_count: 0,
      outcomes,
    };
    expect(JSON.parse(stdout)).toMatchObject({ ...counts, seen_by_type: { "kubernetes.pod": 6 }, interrupted: false });
  });

  test("never sends a secret's values and leaves big integers intact", async () => {
    const secret =
      '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"data":{"p":"aHVudGVyMg=="},"big":12345678901234567891}';
    expect((await run("kubernetes", write("s.json", secret))).code).toBe(0);
    expect(received[0]?.lines[0]).toContain('"big":12345678901234567891');
    expect(received[0]?.lines[0]).not.toContain("aHVudGVyMg");
  });

  test("comes back after a lost connection, 429 and 503, and sends the same again", async () => {
    script = [
      (response) => Boolean(response.destroy()),
      refuse(429, "{}", { "retry-after": "0" }),
      refuse(503, "away", { "retry-after": "0.01" }),
    ];
    const { code, stdout } = await run("kubernetes", write("a.json", pods("a")), "--json");
    expect(JSON.parse(stdout)).toMatchObject({ retries: 3, outcomes: { created: 1 } });
    expect(sentNames()).toEqual([["a"], ["a"], ["a"], ["a"]]);
    expect(code).toBe(0);
  });

  test("gives up at once when asked to wait longer than it may", async () => {
    script = [refuse(429, '{"detail":"slow down"}', { "retry-after": "3600" })];
    const { code, stderr } = await run("kubernetes", write("a.json", pods("a")));
    expect(code).toBe(1);
    expect(stderr).toContain("gave up after 1 try: HTTP 429: slow down (Retry-After: 3600)");
  });

  test("halves a bulk that is too large for the server until it fits", async () => {
    script = Array.from({ length: 20 }, () => (response: ServerResponse, { lines }: Bulk) => {
      const tooLarge = lines.length > 1 || (lines[0] ?? "").includes('"c"');
      return tooLarge && refuse(413, '{"detail":"too big"}')(response);
    });
    const { code, stdout } = await run("kubernetes", write("a.json", pods("a", "b", "c")), "--json");
    expect(JSON.parse(stdout)).toMatchObject({ outcomes: { created: 2, error: 1 }, rejects: [{ name: "c", line: 3 }] });
    expect(code).toBe(2);
  });

  test("tells what the server rejected, without control characters", async () => {
    script = [
      (response) => {
        const results = [
          { index: 0, outcome: "unchanged", ci_id: "1", error: null },
          { index: 1, outcome: "error", ci_id: null, error: { detail: "name is \u001b[31mbad" } },
        ];
        response.end(JSON.stringify({ results }));
      },
    ];
    const { code, stdout } = await run("kubernetes", write("a.json", pods("a", "b")));
    expect(code).toBe(2);
    expect(stdout).toContain("a.json:2 (byte 79): kubernetes.pod default/b: name is  [31mbad");
    expect(stdout).toMatch(/^kubernetes\.pod +2 +0 +0 +1 +0 +1$/m);
  });

  test("sends what stands before broken input, lists the first rejects and writes all to a file", async () => {
    const broken = write("broken.json", `${pods("a")}{"items":[${"{},".repeat(30)}`);
    const { code, stdout } = await run("kubernetes", broken, write("b.json", pods("b")), "--rejects", "rejects.ndjson");
    expect(code).toBe(2);
    expect(sentNames()).toEqual([["a", "b"]]);
    expect(stdout).toMatch(/and 11 more$/m);
    const rejects = readFileSync(join(folder, "rejects.ndjson"), "utf8").trimEnd().split("\n");
    expect(rejects).toHaveLength(31);
    const reason = expect.stringContaining("broken JSON: the input ends inside a list");
    expect(JSON.parse(rejects.at(-1) ?? "")).toMatchObject({ file: "broken.json", line: 1, index: 30, reason });
  });

  test.each([
    [refuse(401, JSON.stringify({ detail: `unknown key ${key}` })), "HTTP 401: unknown key [key]"],
    [refuse(422, '{"detail":[{"msg":"bad source"}]}'), "bad source"],
    [refuse(302, "", { location: "https://elsewhere.example" }), "redirects elsewhere"],
    [refuse(200, "<html>"), "is not JSON"],
  ])("stops when it is refused (%#)", async (answer, message) => {
    script = [answer];
    const { code, stdout, stderr } = await run("kubernetes", write("a.json", pods("a")), "--json");
    expect(stderr).toContain(message);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 0, seen: 1, error: expect.stringContaining(message) });
    expect(code).toBe(1);
    expect(received).toHaveLength(1);
  });

  test("finishes the bulk under way when interrupted, though its input goes on", async () => {
    const { child, ended } = start("kubernetes", "-", "--json");
    script = [
      (response, bulk) => {
        child.kill("SIGINT");
        acceptAll(response, bulk);
        return true;
      },
    ];
    child.stdin.write(pods(...Array.from({ length: 5001 }, (_, i) => `p${i}`)));
    const { code, stdout } = await ended;
    expect(JSON.parse(stdout)).toMatchObject({
      interrupted: true,
      answered: 5000,
      outcomes: { created: 5000 },
      bulks: 1,
    });
    expect(code).toBe(130);
  });

  test("sends nothing on a dry run, and nothing it cannot understand", async () => {
    const file = write("a.json", pods("a"));
    expect(await run("kubernetes", file, "--dry-run")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("dry run"),
    });
    expect(await run("nmap", file)).toMatchObject({ code: 1, stderr: expect.stringContaining("There is: kubernetes") });
    expect(await run("kubernetes", "none.json")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("none.json"),
    });
    expect(await run("kubernetes", file, "--concurrency", "9")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("1 to 8"),
    });
    expect((await run("--help")).stdout).toContain("Examples:");
    expect(received).toEqual([]);
  });

  test.skipIf(!existsSync(fixtures))(
    "reads a real cluster's dump completely (skipped without the fixtures)",
    async () => {
      const { code, stdout } = await run("kubernetes", fixtures, "--json", "--concurrency", "3");
      const counts = {
        replicaset: 125,
        pod: 91,
        deployment: 65,
        service: 61,
        daemonset: 6,
        horizontalpodautoscaler: 4,
      };
      const seen = Object.entries({ ...counts, job: 3, statefulset: 3 }).map(([kind, n]) => [`kubernetes.${kind}`, n]);
      const { seen_by_type: seenByType, outcomes } = JSON.parse(stdout);
      expect(seenByType).toEqual(Object.fromEntries(seen));
      expect(outcomes.created).toBe(358);
      expect(code).toBe(0);
      const sent = received.flatMap(({ lines }) => lines.map((line) => JSON.parse(line).raw_data));
      expect(sent).toEqual(JSON.parse(readFileSync(fixtures, "utf8")).items);
    },
  );
});
