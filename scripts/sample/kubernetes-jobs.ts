import { later, stamp } from "./calendar.ts";
import { edited, objectAt, textAt } from "./edit.ts";
import type { TemplateParts } from "./kubernetes-objects.ts";
import { apiObject, podTemplate, selectorOf } from "./kubernetes-objects.ts";
import { podsOf, startPod } from "./kubernetes-scheduling.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const source = sources.kubernetes;

/** A schedule by which jobs are made. */
export function cronJob(
  parts: TemplateParts & { namespace: string; created: Date; schedule: string; suspend?: boolean },
): SampleItem {
  const { namespace, app, created, schedule } = parts;
  return apiObject({
    kind: "CronJob",
    apiVersion: "batch/v1",
    namespace,
    name: app,
    created,
    labels: selectorOf(app),
    body: {
      spec: {
        schedule,
        timeZone: "Etc/UTC",
        suspend: parts.suspend ?? false,
        concurrencyPolicy: "Forbid",
        successfulJobsHistoryLimit: 1,
        failedJobsHistoryLimit: 1,
        jobTemplate: { spec: { backoffLimit: 2, template: podTemplate({ ...parts, restartPolicy: "OnFailure" }) } },
      },
      status: {},
    },
  });
}

/** A scheduled run: the CronJob's next job and its pod, already done; the run before it is cleaned away. */
export function runCronJob(world: World, at: Date, namespace: string, name: string, minutes: number): void {
  const cron = world.find(source, "kubernetes.cronjob", namespace, name);
  const ended = later(at, minutes);
  for (const job of world.all(source, "kubernetes.job").filter((candidate) => madeBy(candidate, cron)))
    world.remove(source, job, ...podsOf(world, job));
  runJob(world, {
    namespace,
    name: `${name}-${Math.floor(at.getTime() / 60_000)}`,
    at,
    ended,
    spec: objectAt(cron, "spec.jobTemplate.spec"),
    owner: cron,
  });
  world.put(
    source,
    edited(cron, {
      "status.lastScheduleTime": stamp(at),
      "status.lastSuccessfulTime": stamp(ended),
      "status.active": undefined,
    }),
  );
}

/** A job that somebody started by hand, already done. */
export function runOnce(world: World, at: Date, parts: TemplateParts & { namespace: string; minutes: number }): void {
  const template = podTemplate({ ...parts, restartPolicy: "OnFailure" });
  const ended = later(at, parts.minutes);
  runJob(world, { namespace: parts.namespace, name: parts.app, at, ended, spec: { backoffLimit: 0, template } });
}

interface Run {
  readonly namespace: string;
  readonly name: string;
  readonly at: Date;
  readonly ended: Date;
  readonly spec: JsonObject;
  readonly owner?: SampleItem;
}

function runJob(world: World, run: Run): void {
  const labels = { "batch.kubernetes.io/job-name": run.name };
  const job = apiObject({
    kind: "Job",
    apiVersion: "batch/v1",
    namespace: run.namespace,
    name: run.name,
    created: run.at,
    labels,
    ...(run.owner ? { owner: run.owner } : {}),
    body: {
      spec: { parallelism: 1, completions: 1, ...run.spec },
      status: {
        startTime: stamp(run.at),
        completionTime: stamp(run.ended),
        succeeded: 1,
        conditions: [
          { type: "Complete", status: "True", lastProbeTime: stamp(run.ended), lastTransitionTime: stamp(run.ended) },
        ],
      },
    },
  });
  world.put(source, job);
  world.put(source, completed(startPod(world, job, run.at, labels), run));
}

function completed(pod: SampleItem, run: Run): SampleItem {
  return edited(pod, {
    "status.phase": "Succeeded",
    "status.conditions.2.status": "False",
    "status.conditions.3.status": "False",
    "status.conditions.3.reason": "PodCompleted",
    "status.containerStatuses.0.ready": false,
    "status.containerStatuses.0.started": false,
    "status.containerStatuses.0.state": {
      terminated: { exitCode: 0, reason: "Completed", startedAt: stamp(run.at), finishedAt: stamp(run.ended) },
    },
  });
}

function madeBy(job: SampleItem, cron: SampleItem): boolean {
  return objectAt(job, "metadata.ownerReferences.0")["uid"] === textAt(cron, "metadata.uid");
}
