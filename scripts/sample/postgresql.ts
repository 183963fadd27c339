import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between, random } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

/** The PostgreSQL server, named like the virtual machine it runs on. */
export const postgresqlServer = "pg-1";

const databases: readonly (readonly [string, string, readonly string[]])[] = [
  ["shop", "Shop", ["pg_trgm", "unaccent"]],
  ["orders", "Shop", ["pgcrypto"]],
  ["analytics", "Data", ["pg_stat_statements"]],
  ["wiki_old", "Platform", []],
];

const id = "id bigint, created_at timestamptz";
const tables: readonly (readonly [string, string, number, string])[] = [
  ["shop.public", "products", 18_400, `${id}, sku text, title text, price_cents integer`],
  ["shop.public", "product_images", 61_200, `${id}, product_id bigint, url text`],
  ["shop.public", "categories", 310, `${id}, parent_id bigint, name text`],
  ["shop.public", "stock_levels", 36_900, "product_id bigint, location text, quantity integer"],
  ["shop.public", "price_rules", 140, `${id}, name text, percent numeric`],
  ["shop.public", "customers", 212_000, `${id}, email text, name text`],
  ["shop.public", "addresses", 268_000, `${id}, customer_id bigint, lines text[]`],
  ["shop.public", "reviews", 44_100, `${id}, product_id bigint, stars smallint, body text`],
  ["shop.search", "synonyms", 890, "term text, synonym text"],
  ["shop.search", "documents", 18_400, "product_id bigint, content tsvector"],
  ["orders.public", "orders", 1_310_000, `${id}, customer_id bigint, state text, total_cents integer`],
  ["orders.public", "order_lines", 3_940_000, `${id}, order_id bigint, sku text, quantity integer`],
  ["orders.public", "payments", 1_290_000, `${id}, order_id bigint, provider text, state text`],
  ["orders.public", "refunds", 21_700, `${id}, payment_id bigint, amount_cents integer`],
  ["orders.public", "shipments", 1_240_000, `${id}, order_id bigint, carrier text`],
  ["orders.public", "outbox", 5_200, `${id}, topic text, payload jsonb`],
  ["orders.public", "schema_migrations", 41, "version text, applied_at timestamptz"],
  ["orders.public", "orders_backup_tmp", 1_180_000, `${id}, customer_id bigint, state text`],
  ["analytics.public", "daily_sales", 2_900, "day date, revenue_cents bigint, orders integer"],
  ["analytics.public", "sessions", 8_800_000, `${id}, visitor text, source text`],
  ["analytics.public", "campaigns", 260, `${id}, name text, budget_cents integer`],
  ["analytics.staging", "import_batches", 7_700, `${id}, file text, rows integer`],
  ["wiki_old.public", "pages", 1_900, `${id}, title text, body text`],
  ["wiki_old.public", "attachments", 640, `${id}, page_id bigint, path text`],
];

/** Fills the PostgreSQL server as it stands when it is first seen. */
export function buildPostgresql(world: World): void {
  const put = (...items: readonly SampleItem[]): void => world.put(sources.postgresql, ...items);
  put({
    name: postgresqlServer,
    namespace: null,
    ci_type: "postgresql.server",
    department: "Data",
    raw_data: server(),
  });
  for (const [name, department, extensions] of databases)
    put({
      name,
      namespace: postgresqlServer,
      ci_type: "postgresql.database",
      department,
      raw_data: database(name, extensions),
    });
  for (const table of tables) put(tableItem(...table));
}

function tableItem(namespace: string, name: string, rows: number, columnWords: string): SampleItem {
  const [databaseName = "", schema = ""] = namespace.split(".");
  const columns = columnList(columnWords);
  const size = 8192 * Math.ceil((rows * (40 + 14 * columns.length)) / 8192 + 1);
  const share = random(`${namespace}.${name}`);
  const raw: JsonObject = {
    schema_name: schema,
    kind: name === "daily_sales" ? "m" : "r",
    owner: databaseName,
    tablespace: "pg_default",
    persistence: "p",
    row_security: false,
    columns,
    indexes: [`${name}_pkey`],
    metrics: {
      total_size_bytes: Math.round(size * 1.4),
      table_size_bytes: size,
      index_size_bytes: Math.round(size * 0.4),
      estimated_row_count: rows,
      idx_scan: Math.round(rows * (5 + 40 * share())),
      seq_scan: Math.round(200 + 2000 * share()),
      n_tup_ins: rows,
      n_tup_upd: Math.round(rows * share()),
      n_dead_tup: Math.round(rows * 0.03 * share()),
    },
  };
  const department = databases.find(([candidate]) => candidate === databaseName)?.[1] ?? "Data";
  return { name, namespace, ci_type: "postgresql.table", department, raw_data: raw };
}

/** Column definitions from `name type` words separated by commas. */
export function columnList(words: string): JsonValue[] {
  return words.split(", ").map((word) => {
    const [name = "", type = ""] = word.split(" ");
    return { name, type, nullable: !["id", "created_at"].includes(name) };
  });
}

function server(): JsonObject {
  return {
    host: "pg-1.harbourandpine.example",
    port: 5432,
    server_version: "17.5",
    server_version_num: 170005,
    system_identifier: "7402118846320917541",
    in_recovery: false,
    data_directory: "/var/lib/postgresql/17/main",
    settings: { max_connections: 200, shared_buffers: "12GB", work_mem: "32MB", wal_level: "replica", ssl: true },
    metrics: {
      connections: 84,
      active_connections: 11,
      total_size_bytes: 61_203_283_968,
      wal_bytes: 902_114_304_000,
      checkpoints_timed: 21_004,
      uptime_seconds: 5_200_000,
    },
  };
}

function database(name: string, extensions: readonly string[]): JsonObject {
  const seed = `database/${name}`;
  return {
    owner: name,
    encoding: "UTF8",
    collation: "C.UTF-8",
    tablespace: "pg_default",
    allow_connections: true,
    connection_limit: -1,
    is_template: false,
    extensions: [...extensions],
    metrics: {
      size_bytes: between(seed, 2e9, 30e9),
      numbackends: between(seed, 4, 30),
      xact_commit: between(`${seed}/c`, 1e7, 9e7),
      blks_read: between(`${seed}/r`, 1e6, 9e6),
      blks_hit: between(`${seed}/h`, 1e8, 9e8),
      tup_inserted: between(`${seed}/i`, 1e6, 9e6),
    },
  };
}
