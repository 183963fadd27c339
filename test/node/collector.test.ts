import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signerOf } from "../support/muster-signature.ts";
import { openEstate, startMuster } from "./collector-estate.ts";
import type { RunningMuster } from "./collector-estate.ts";
import { triggerBody } from "./collector-process.ts";

const fixtures = join(import.meta.dirname, "../../../shared/fixtures/kubernetes/gke-kubevious");
const hourMs = 60 * 60_000;

/** How many objects there are in all files, counted without any code of the project's. */
function objectsIn(folder: string): number {
  const lists = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
  return lists.reduce((sum, list) => sum + list.items.length, 0);
}

describe.skipIf(!existsSync(fixtures))(
  "Muster and the reference collector, as processes, on a real cluster's dump",
  () => {
    const closing = new AsyncDisposableStack();
    let muster: RunningMuster;

    beforeAll(async () => {
      muster = await startMuster(closing);
    }, 120_000);
    afterAll(() => closing.disposeAsync());

    test("collect all of it when someone asks, and both say how it went", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "manual", fixtures);
      await estate.trigger();
      const all = objectsIn(fixtures);
      expect(await estate.reported()).toMatchObject({
        last_collection: expect.any(String),
        last_error: null,
        health_status: { status: "healthy", message: `${all} objects seen, 0 gone` },
      });
      expect(await estate.items("active")).toMatchObject({ total: all });
      expect(await muster.ask("GET", `/collectors/${estate.collectorId}/health`, 200)).toMatchObject({
        status: "healthy",
        subsystems: { manual: { status: "healthy", last_collection: expect.any(String) } },
      });
      expect(await muster.ask("POST", `/sources/${estate.sourceId}/health`, 200)).toMatchObject({ status: "healthy" });
    });

    test("collect by the schedule, once for each time that it is due", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "scheduled", fixtures, { enabled: true, interval_minutes: 5 });
      const tick = (at: number) => muster.worker.runCron("* * * * *", new Date(at), new AbortController().signal);
      const start = Date.now();
      await tick(start + hourMs);
      const first = await estate.reported();
      expect(first).toMatchObject({ health_status: { status: "healthy" } });
      await tick(start + hourMs);
      await tick(start + 2 * hourMs);
      expect(await estate.reported(first)).toMatchObject({ health_status: { status: "healthy" } });
      await estate.collector.end();
      expect(estate.collector.output().match(/scheduled: collecting/g)).toHaveLength(2);
    });

    test("say that a source fails while it does, and keep what they know of it", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "failing", fixtures);
      await estate.trigger();
      const well = await estate.reported();
      renameSync(estate.folder, `${estate.folder}-away`);
      await estate.trigger();
      const failed = await estate.reported(well);
      expect(failed).toMatchObject({
        last_collection: well.last_collection,
        last_error: expect.stringContaining("the folder cannot be read"),
        health_status: { status: "unhealthy" },
      });
      expect(await muster.ask("POST", `/sources/${estate.sourceId}/health`, 200)).toMatchObject({
        status: "unhealthy",
      });
      expect(await muster.ask("GET", `/collectors/${estate.collectorId}/health`, 200)).toMatchObject({
        status: "unhealthy",
        subsystems: { failing: { status: "unhealthy", last_error: expect.stringContaining("cannot be read") } },
      });
      expect(await estate.items("active")).toMatchObject({ total: objectsIn(fixtures) });

      const asked = await estate.source();
      renameSync(`${estate.folder}-away`, estate.folder);
      await estate.trigger();
      expect(await estate.reported(asked)).toMatchObject({ last_error: null, health_status: { status: "healthy" } });
    });

    test("retire three pods at once when they are gone, and nothing else", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "three", fixtures);
      await estate.trigger();
      const before = await estate.reported();
      const gone: string[] = [];
      estate.keep(({ kind, metadata }) => {
        if (kind !== "Pod" || gone.length === 3) return true;
        gone.push(metadata.name);
        return false;
      });
      await estate.trigger();
      const all = objectsIn(fixtures);
      expect(await estate.reported(before)).toMatchObject({
        health_status: { status: "healthy", message: `${all - 3} objects seen, 3 gone` },
      });
      const inactive = await estate.items("inactive");
      expect(inactive.names.toSorted()).toEqual(gone.toSorted());
      expect(await estate.items("active")).toMatchObject({ total: all - 3 });
    });

    test("retire nothing when most of it is gone, and call for a person", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "most", fixtures);
      await estate.trigger();
      const before = await estate.reported();
      const all = objectsIn(fixtures);
      estate.keep((_, index) => index % 5 < 2);
      const left = objectsIn(estate.folder);
      expect(left / all).toBeLessThan(0.45);
      await estate.trigger();
      const held = await estate.reported(before);
      expect(held.health_status).toMatchObject({
        status: "degraded",
        message: expect.stringContaining(`did not see ${all - left} of ${all} records`),
      });
      expect(await estate.items("inactive")).toMatchObject({ total: 0 });
      expect(await estate.items("active")).toMatchObject({ total: all });
      expect(await muster.ask("GET", `/collectors/${estate.collectorId}/health`, 200)).toMatchObject({
        status: "degraded",
      });

      estate.restore();
      await estate.trigger();
      expect(await estate.reported(held)).toMatchObject({ health_status: { message: `${all} objects seen, 0 gone` } });
    });

    test("let nobody but Muster trigger the collector", { timeout: 60_000 }, async () => {
      await using estate = await openEstate(muster, "guarded", fixtures);
      const { collector, sourceId } = estate;
      const body = triggerBody("0198f0c2-7c1a-7b3e-9a51-2f4d8e6b0a11", ["guarded"]);
      const request = { method: "POST", url: `${collector.url}/trigger`, body: JSON.stringify(body) };
      const stale = await muster.signer.sign(request, new Date(Date.now() - 6 * 60_000));
      const forged = await (await signerOf(1)).sign(request, new Date());
      for (const headers of [{}, stale, forged]) expect((await collector.trigger(body, headers)).status).toBe(401);
      expect(collector.output()).not.toContain("collecting");
      expect(await muster.ask("GET", `/sources/${sourceId}`, 200)).toMatchObject({ last_collection: null });
      // The same, signed by Muster's key and now, is taken.
      const unknown = triggerBody("0198f0c2-7c1a-7b3e-9a51-2f4d8e6b0a12", []);
      expect((await collector.trigger(unknown)).status).toBe(202);
    });
  },
);
