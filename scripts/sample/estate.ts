import { calendarOf } from "./calendar.ts";
import { buildCeph, cephId } from "./ceph.ts";
import { movedTo } from "./figures.ts";
import { buildCluster } from "./kubernetes-cluster.ts";
import { buildMachines } from "./machines.ts";
import { keyOf } from "./model.ts";
import type { Moment, SampleEstate, SampleItem, SourceReport } from "./model.ts";
import { buildPostgresql } from "./postgresql.ts";
import { buildProxmox } from "./proxmox.ts";
import { storyOf, writeBackupStatus } from "./story.ts";
import { createWorld } from "./world.ts";

/**
 * The sample estate of an online shop, Harbour & Pine, with three weeks of changes that end at `now`. The same `now` gives the same
 * estate to the last character.
 */
export function sampleEstate(now: Date): SampleEstate {
  const calendar = calendarOf(now);
  const { start } = calendar;
  const world = createWorld();
  buildProxmox(world);
  buildCeph(world);
  buildPostgresql(world);
  buildCluster(world, start, cephId);
  buildMachines(world);
  writeBackupStatus(world, start);
  world.close(start, "first report");
  for (const event of storyOf(calendar)) {
    event.play(world, event.at);
    world.close(event.at, event.reason);
  }
  const { moments, silent } = world;
  const steps = moments
    .filter((moment) => moment.items.length > 0)
    .map(({ at, source, reason, items }) => ({
      at,
      source,
      reason,
      items: items.map((item) => movedTo(item, at, start)),
    }));
  return { start, steps, present: found(moments, now, start), silent, moments };
}

/** What each source would report at that time: the items alive then, with the content and the figures of then. */
export function presentAt(estate: SampleEstate, at: Date): readonly SourceReport[] {
  return found(estate.moments, at, estate.start);
}

function found(moments: readonly Moment[], at: Date, start: Date): readonly SourceReport[] {
  const bySource = new Map<string, Map<string, SampleItem>>();
  for (const moment of moments) {
    if (moment.at > at) break;
    const items = bySource.get(moment.source) ?? new Map<string, SampleItem>();
    bySource.set(moment.source, items);
    for (const key of moment.gone) items.delete(keyOf(key));
    for (const item of moment.items) items.set(keyOf(item), item);
  }
  return [...bySource].map(([source, items]) => ({
    source,
    items: [...items.values()].map((item) => movedTo(item, at, start)),
  }));
}
