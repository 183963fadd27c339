import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runScript, type ServeProcess, startServe, temporaryFolder } from "./serve-process.ts";

const fixture = join(import.meta.dirname, "../../../shared/fixtures/kubernetes/gke-kubevious/data-all.json");

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

describe.skipIf(!existsSync(fixture))("importing a real cluster as a sync (skipped without the fixtures)", () => {
  let data: Awaited<ReturnType<typeof temporaryFolder>>;
  let serve: ServeProcess;
  let objects: KubernetesObject[];

  beforeAll(async () => {
    data = await temporaryFolder();
    serve = await startServe("--engine", "postgres", "--data-dir", data.folder, "--no-sample", "--port", "0");
    objects = JSON.parse(readFileSync(fixture, "utf8")).items;
  }, 60_000);
  afterAll(async () => {
    await serve.end("SIGTERM");
    await data.remove();
  }, 30_000);

  async function importSync(present: readonly KubernetesObject[], ...options: string[]) {
    const file = join(data.folder, "cluster.json");
    writeFileSync(file, JSON.stringify({ kind: "List", apiVersion: "v1", items: present }));
    const args = ["kubernetes", file, "--source", "gke", "--sync", "--json", ...options];
    const { code, stdout, stderr } = await runScript("import.ts", args, {
      MUSTER_URL: serve.url,
      MUSTER_API_KEY: serve.adminKey,
    });
    expect(stderr).toBe("");
    return { code, report: JSON.parse(stdout) };
  }

  async function named(status: string): Promise<string[]> {
    const response = await serve.get(`/api/v1/configuration-items?status=${status}&limit=1000`);
    const { items }: { items: { ci_type: string; namespace: string; name: string }[] } = await response.json();
    return items.map(({ ci_type, namespace, name }) => `${ci_type} ${namespace}/${name}`).toSorted();
  }

  const nameOf = ({ kind, metadata }: KubernetesObject) =>
    `kubernetes.${kind.toLowerCase()} ${metadata.namespace}/${metadata.name}`;

  test(
    "three pods that are gone go inactive at once, the loss of 60 % is held, and happens when it is forced",
    { timeout: 120_000 },
    async () => {
      const first = await importSync(objects);
      expect(first).toMatchObject({
        code: 0,
        report: { outcomes: { created: 358 }, sync: { status: "committed", counts: { seen: 358, unseen: 0 } } },
      });

      const gone = objects.filter(({ kind }) => kind === "Pod").slice(10, 13);
      const second = await importSync(objects.filter((object) => !gone.includes(object)));
      const counts = { seen: 355, unseen: 3, deactivated: 3, kept_by_other_sources: 0 };
      expect(second).toMatchObject({
        code: 0,
        report: { outcomes: { unchanged: 355 }, sync: { status: "committed", counts } },
      });
      expect(await named("inactive")).toEqual(gone.map(nameOf).toSorted());

      const rest = objects.filter((object) => !gone.includes(object)).slice(0, 142);
      const held = await importSync(rest);
      expect(held).toMatchObject({ code: 3, report: { sync: { status: "held", counts: { seen: 142, unseen: 213 } } } });
      expect(await named("inactive")).toEqual(gone.map(nameOf).toSorted());

      const forced = await importSync(rest, "--force");
      expect(forced).toMatchObject({
        code: 0,
        report: { sync: { status: "committed", counts: { deactivated: 213 } } },
      });
      expect(await named("active")).toEqual(rest.map(nameOf).toSorted());
    },
  );

  test("what was rejected keeps the sync from being committed", { timeout: 60_000 }, async () => {
    const before = await named("active");
    const nameless = { kind: "Pod", metadata: {} } as KubernetesObject;
    const { code, report } = await importSync([...objects.slice(0, 5), nameless], "--force");
    expect({ code, sync: report.sync }).toMatchObject({ code: 2, sync: { status: "given up", counts: null } });
    expect(await named("active")).toEqual(before);
  });
});

test("the importer refuses what makes no sense about a sync", async () => {
  const refused = async (...args: string[]) => (await runScript("import.ts", ["kubernetes", "x.json", ...args])).stderr;
  expect(await refused("--force")).toContain("about a --sync");
  expect(await refused("--sync", "--max-drop-percent", "101")).toContain("0 to 100");
  expect(await refused("--source", "a", "--source-id", "1")).toContain("exclude each other");
  expect(await refused("--source-id", "0")).toContain("whole number from 1");
});
