import type { TemplateParts } from "./kubernetes-objects.ts";
import type { JsonObject } from "../../src/lib/json.ts";

const registry = "registry.harbourandpine.example";

/** What a team runs, before anything has changed. */
export type Workload = TemplateParts & { readonly namespace: string; readonly replicas: number };

/** The image of one of the company's own applications. */
export function ownImage(namespace: string, app: string, version: string): string {
  return `${registry}/${namespace}/${app}:${version}`;
}

function own(
  namespace: string,
  app: string,
  version: string,
  replicas: number,
  more: Partial<TemplateParts> = {},
): Workload {
  const image = ownImage(namespace, app, version);
  return { namespace, app, partOf: namespace, image, replicas, port: 8080, cpu: "100m", memory: "256Mi", ...more };
}

/** The deployments. */
export const deployments: readonly Workload[] = [
  own("shop", "storefront", "4.12.0", 3, { memory: "512Mi", configMap: "storefront-config" }),
  own("shop", "catalog", "2.7.3", 2, { configMap: "catalog-config", secret: "catalog-db" }),
  own("shop", "search", "1.9.0", 2),
  own("shop", "images", "0.14.2", 1, { memory: "768Mi" }),
  own("checkout", "cart", "3.3.1", 2),
  own("checkout", "payments", "5.1.4", 2, { configMap: "payments-config", secret: "payments-provider" }),
  own("checkout", "orders", "2.20.0", 2, { configMap: "orders-config", secret: "orders-db" }),
  own("checkout", "mailer", "1.2.8", 1),
  own("analytics", "events-collector", "0.31.0", 1, { configMap: "events-collector-config" }),
  own("analytics", "dashboards", "1.6.2", 1, { secret: "dashboards-db" }),
  own("staging", "storefront", "4.13.0-rc.1", 1, { configMap: "storefront-config" }),
  own("monitoring", "grafana", "", 1, {
    image: "docker.io/grafana/grafana:12.1.0",
    port: 3000,
    secret: "grafana-admin",
  }),
  own("ingress-nginx", "ingress-nginx-controller", "", 2, {
    image: "registry.k8s.io/ingress-nginx/controller:v1.13.1",
    port: 443,
    configMap: "ingress-nginx-controller",
  }),
  own("kube-system", "coredns", "", 2, {
    image: "registry.k8s.io/coredns/coredns:v1.12.2",
    port: 53,
    configMap: "coredns",
  }),
];

/** The StatefulSets, with the size of each pod's volume. */
export const statefulSets: readonly (Workload & { readonly storage: string })[] = [
  {
    ...own("shop", "opensearch", "", 2, {
      image: "docker.io/opensearchproject/opensearch:3.1.0",
      port: 9200,
      memory: "2Gi",
    }),
    storage: "80Gi",
  },
  { ...own("checkout", "valkey", "", 2, { image: "docker.io/valkey/valkey:8.1.3", port: 6379 }), storage: "8Gi" },
  {
    ...own("analytics", "clickhouse", "", 1, {
      image: "docker.io/clickhouse/clickhouse-server:25.7",
      port: 8123,
      memory: "4Gi",
    }),
    storage: "200Gi",
  },
  {
    ...own("monitoring", "prometheus", "", 1, {
      image: "quay.io/prometheus/prometheus:v3.5.0",
      port: 9090,
      memory: "2Gi",
      configMap: "prometheus-config",
    }),
    storage: "60Gi",
  },
];

/** The DaemonSets. */
export const daemonSets: readonly Workload[] = [
  own("kube-system", "kube-proxy", "", 0, { image: "registry.k8s.io/kube-proxy:v1.33.4", memory: "64Mi" }),
  own("monitoring", "node-exporter", "", 0, {
    image: "quay.io/prometheus/node-exporter:v1.9.1",
    port: 9100,
    memory: "64Mi",
  }),
];

/** The schedules. */
export const cronJobs: readonly (Workload & { readonly schedule: string; readonly suspend?: boolean })[] = [
  { ...own("analytics", "weekly-sales-report", "1.6.2", 0), schedule: "0 4 * * 1" },
  { ...own("shop", "catalog-reindex", "2.7.3", 0), schedule: "0 3 * * 3" },
  { ...own("checkout", "expire-carts", "3.3.1", 0), schedule: "*/10 * * * *", suspend: true },
];

/** The hosts that are reachable from outside, with the service behind each and its certificate. */
export const ingresses = [
  { namespace: "shop", name: "storefront", host: "www.harbourandpine.example", secret: "storefront-tls" },
  { namespace: "shop", name: "images", host: "images.harbourandpine.example", secret: "images-tls" },
  { namespace: "analytics", name: "dashboards", host: "dashboards.harbourandpine.example", secret: "dashboards-tls" },
  { namespace: "monitoring", name: "grafana", host: "grafana.harbourandpine.example", secret: "grafana-tls" },
] as const;

/** The ConfigMaps, as namespace, name and content. */
export const configMaps: readonly (readonly [string, string, JsonObject])[] = [
  ["shop", "storefront-config", { LOG_LEVEL: "info", CURRENCY: "EUR", FREE_SHIPPING_FROM: "75", BANNER: "summer" }],
  ["shop", "catalog-config", { LOG_LEVEL: "info", PAGE_SIZE: "48", DATABASE_HOST: "pg-1.harbourandpine.example" }],
  ["checkout", "payments-config", { LOG_LEVEL: "info", PROVIDER: "northpay", TIMEOUT_MS: "4000" }],
  ["checkout", "orders-config", { LOG_LEVEL: "info", DATABASE_HOST: "pg-1.harbourandpine.example", POOL_SIZE: "10" }],
  ["analytics", "events-collector-config", { LOG_LEVEL: "info", BATCH_SIZE: "500", SINK: "clickhouse.analytics" }],
  ["staging", "storefront-config", { LOG_LEVEL: "debug", CURRENCY: "EUR", BANNER: "autumn" }],
  ["monitoring", "prometheus-config", { "prometheus.yml": "global:\n  scrape_interval: 30s\nscrape_configs: []\n" }],
  ["monitoring", "grafana-dashboards", { "orders.json": '{"title":"Orders","panels":[]}' }],
  ["ingress-nginx", "ingress-nginx-controller", { "proxy-body-size": "8m", "use-http2": "true" }],
  ["kube-system", "coredns", { Corefile: ".:53 {\n  errors\n  kubernetes cluster.local\n  cache 30\n}\n" }],
];

/** The secrets that applications read; every value is made up. */
export const secrets: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ["shop", "catalog-db", { username: "catalog", password: "sample-catalog-password" }],
  ["checkout", "orders-db", { username: "orders", password: "sample-orders-password" }],
  ["checkout", "payments-provider", { "api-key": "sample-provider-key", "webhook-secret": "sample-webhook-secret" }],
  ["analytics", "dashboards-db", { username: "dashboards", password: "sample-dashboards-password" }],
  ["monitoring", "grafana-admin", { "admin-user": "admin", "admin-password": "sample-admin-password" }],
];
