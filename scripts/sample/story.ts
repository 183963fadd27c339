import { later, stamp } from "./calendar.ts";
import type { Calendar } from "./calendar.ts";
import { edited } from "./edit.ts";
import { apiObject } from "./kubernetes-objects.ts";
import { configurationStory } from "./story-configuration.ts";
import { infrastructureStory } from "./story-infrastructure.ts";
import { releaseStory } from "./story-releases.ts";
import type { StoryEvent } from "./story-event.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const longestSilence = 22 * 60;
const backupRhythm = 21 * 60;

/**
 * Everything that happens between the first report and `now`, in order. Where nobody changes anything for long, as at a weekend, the
 * backup writes its status, so that no whole day pass without a report.
 */
export function storyOf(calendar: Calendar): readonly StoryEvent[] {
  const told = [...releaseStory(calendar), ...infrastructureStory(calendar), ...configurationStory(calendar)]
    .filter((event) => event.at > later(calendar.start, 30) && event.at < later(calendar.now, -10))
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const story: StoryEvent[] = [];
  let last = calendar.start;
  for (const next of [...told.filter((event) => !event.quiet).map((event) => event.at), calendar.now]) {
    while (minutesBetween(last, next) > longestSilence) {
      last = later(last, backupRhythm);
      story.push({ at: last, reason: "backup finished", play: writeBackupStatus });
    }
    last = next;
  }
  return [...told, ...story].toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

/** The ConfigMap in which the backup says how it went. */
export function writeBackupStatus(world: World, at: Date): void {
  const key = { ci_type: "kubernetes.configmap", namespace: "monitoring", name: "backup-status" };
  const before = world.known(sources.kubernetes, key)
    ? world.find(sources.kubernetes, key.ci_type, key.namespace, key.name)
    : apiObject({ kind: "ConfigMap", namespace: key.namespace, name: key.name, created: at, body: {} });
  world.put(sources.kubernetes, edited(before, { data: { lastSuccess: stamp(at), target: "backup-1", result: "ok" } }));
}

function minutesBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 60_000;
}
