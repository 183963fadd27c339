import type { Calendar } from "./calendar.ts";
import { later } from "./calendar.ts";
import { ownImage } from "./kubernetes-content.ts";
import { updateDaemonSet } from "./kubernetes-daemons.ts";
import { runCronJob, runOnce } from "./kubernetes-jobs.ts";
import { crash, finishRollout, imagePath, rollBack, startFailingRollout, startRollout } from "./kubernetes-rollouts.ts";
import { updateStatefulSet } from "./kubernetes-stateful.ts";
import type { StoryEvent } from "./story-event.ts";

/** What the teams release and roll back, and what runs on a schedule. */
export function releaseStory(calendar: Calendar): StoryEvent[] {
  const { workday, ago } = calendar;
  return [
    release(workday(0, 9, 30), "shop", "storefront", "4.12.1"),
    release(workday(1, 10, 5), "shop", "catalog", "2.8.0"),
    rollOut(workday(2, 11), "kube-system", "coredns", "registry.k8s.io/coredns/coredns:v1.12.3"),
    release(workday(3, 9, 45), "checkout", "cart", "3.4.0"),
    daemons(workday(3, 15, 30), "monitoring", "node-exporter", "quay.io/prometheus/node-exporter:v1.10.0"),
    ...failedRelease(workday(4, 10, 15)),
    release(workday(5, 9, 20), "shop", "search", "1.10.0"),
    ...slowRelease(workday(6, 10), "shop", "storefront", "4.13.0"),
    ...migrationAndRelease(workday(8, 9, 10)),
    monitoringUpdate(workday(9, 10)),
    rollOut(
      workday(9, 11),
      "ingress-nginx",
      "ingress-nginx-controller",
      "registry.k8s.io/ingress-nginx/controller:v1.13.2",
    ),
    release(workday(10, 10, 30), "shop", "catalog", "2.8.1"),
    release(workday(11, 9, 30), "analytics", "events-collector", "0.32.0"),
    release(workday(12, 9, 40), "checkout", "payments", "5.2.1"),
    release(workday(13, 9, 15), "shop", "storefront", "4.14.0"),
    release(ago(26.5), "analytics", "dashboards", "1.7.0"),
    ...slowRelease(ago(2.2), "checkout", "cart", "3.4.1"),
    ...calendar.weekly(1, 4).map((at) => scheduled(at, "analytics", "weekly-sales-report", 12)),
    ...calendar.weekly(3, 3).map((at) => scheduled(at, "shop", "catalog-reindex", 31)),
  ];
}

/** A release of one of the company's own applications, over by the time that it is seen. */
function release(at: Date, namespace: string, app: string, version: string): StoryEvent {
  return rollOut(at, namespace, app, ownImage(namespace, app, version));
}

function rollOut(at: Date, namespace: string, app: string, image: string): StoryEvent {
  return {
    at,
    reason: `release ${app} ${image.split(":").at(-1) ?? image}`,
    play: (world, time) => {
      startRollout(world, time, namespace, app, { [imagePath]: image });
      finishRollout(world, time, namespace, app);
    },
  };
}

/** A release that is seen twice: under way with its first new pod, and done. */
function slowRelease(at: Date, namespace: string, app: string, version: string): StoryEvent[] {
  const template = { [imagePath]: ownImage(namespace, app, version) };
  const reason = `release ${app} ${version}`;
  return [
    { at, reason, play: (world, time) => startRollout(world, time, namespace, app, template) },
    {
      at: later(at, 6),
      reason: `${reason} complete`,
      play: (world, time) => finishRollout(world, time, namespace, app),
    },
  ];
}

function failedRelease(at: Date): StoryEvent[] {
  const [namespace, app] = ["checkout", "payments"] as const;
  return [
    {
      at,
      reason: "release payments 5.2.0",
      play: (world, time) => startFailingRollout(world, time, namespace, app, ownImage(namespace, app, "5.2.0")),
    },
    {
      at: later(at, 14),
      reason: "payments 5.2.0 does not become ready",
      play: (world, time) => crash(world, time, namespace, app, 6, true),
    },
    {
      at: later(at, 21),
      reason: "roll payments back to 5.1.4",
      play: (world, time) => rollBack(world, time, namespace, app, ownImage(namespace, app, "5.1.4")),
    },
  ];
}

function migrationAndRelease(at: Date): StoryEvent[] {
  const image = ownImage("checkout", "orders", "2.21.0");
  const job = {
    namespace: "checkout",
    app: "orders-migrate-0042",
    partOf: "checkout",
    image,
    cpu: "100m",
    memory: "256Mi",
  };
  return [
    {
      at,
      reason: "migrate the orders database to 0042",
      play: (world, time) => runOnce(world, time, { ...job, secret: "orders-db", minutes: 3 }),
    },
    rollOut(later(at, 12), "checkout", "orders", image),
  ];
}

function daemons(at: Date, namespace: string, name: string, image: string): StoryEvent {
  return {
    at,
    reason: `update ${name} on every node`,
    play: (world, time) => updateDaemonSet(world, time, namespace, name, image),
  };
}

function monitoringUpdate(at: Date): StoryEvent {
  const grafana = rollOut(at, "monitoring", "grafana", "docker.io/grafana/grafana:12.1.1");
  return {
    at,
    reason: "grafana 12.1.1 and prometheus v3.5.1",
    play: (world, time) => {
      grafana.play(world, time);
      updateStatefulSet(world, time, "monitoring", "prometheus", "quay.io/prometheus/prometheus:v3.5.1");
    },
  };
}

function scheduled(at: Date, namespace: string, name: string, minutes: number): StoryEvent {
  return {
    at: later(at, minutes + 1),
    reason: `scheduled ${name}`,
    play: (world) => runCronJob(world, at, namespace, name, minutes),
  };
}
