-- The plan of an estate: which items there are and when each of their changes happened. $1 items, $2 changes, $3 seed, $4 first
-- instant, $5 last. Everything follows from these.
CREATE UNLOGGED TABLE bench.items AS
SELECT k.n, k.kind, k.app, k.token, k.versions, k.versions > 2 AND k.h >> 40 & 31 = 0 AS archived,
  -- As uuidv7 makes them: in the order of their time.
  (lpad(to_hex((extract(epoch FROM k.created_at) * 1000)::bigint), 12, '0') || '7' || substr(k.digits, 1, 3) || '8'
    || substr(k.digits, 4, 15))::uuid AS ci_id,
  s.id AS source_id, k.created_at,
  CASE WHEN k.kind = 'host' THEN NULL ELSE (ARRAY['prod', 'prod.eu-west', 'prod.us-east', 'staging', 'team-payments', 'team-search',
    'kube-system', 'monitoring', 'ingress', 'batch', 'data', 'sandbox', 'team-web', 'team-mobile', 'team-core', 'ci'])
    [1 + (k.h >> 24 & 15)] END AS namespace,
  CASE WHEN k.kind = 'host' AND k.h >> 30 & 1 = 0 THEN 'infrastructure' END AS department,
  k.app || CASE k.kind WHEN 'kubernetes.pod' THEN '-deployment-' || k.token || '-' || substr(k.digits, 20, 5)
    WHEN 'kubernetes.deployment' THEN '-deployment-' || k.token WHEN 'kubernetes.configmap' THEN '-config-' || k.token
    WHEN 'host' THEN '-' || k.token || '.example.net' ELSE '-' || k.token END AS name
FROM (
  SELECT i.n, i.h, md5(i.n || ' ' || $3::bigint) AS digits,
    -- An odd factor: no two of 16 million numbers have one token.
    lpad(to_hex((i.n * 11400714819 + $3::bigint) & 16777215), 6, '0') AS token,
    (ARRAY['nginx', 'redis', 'checkout', 'cart', 'billing', 'search', 'gateway', 'auth', 'mailer', 'catalog', 'inventory', 'shipping',
      'pricing', 'profile', 'session', 'reports', 'exporter', 'scheduler', 'worker', 'frontend', 'backend', 'images', 'payments',
      'ledger', 'fraud', 'tickets', 'chat', 'feed', 'ranking', 'crawler', 'indexer', 'archive'])[1 + (i.h >> 7 & 31)] AS app,
    CASE WHEN i.h & 127 < 58 THEN 'kubernetes.pod' WHEN i.h & 127 < 82 THEN 'kubernetes.deployment'
      WHEN i.h & 127 < 97 THEN 'kubernetes.service' WHEN i.h & 127 < 112 THEN 'kubernetes.configmap' ELSE 'host' END AS kind,
    -- Some change far more often than others, and together as often as was asked for.
    (1 + floor(($2::bigint - $1::bigint) * (0.6 * i.x + 0.4 * sqrt(i.x)))
       - floor(($2::bigint - $1::bigint) * (0.6 * i.before + 0.4 * sqrt(i.before))))::integer AS versions,
    -- Most were there when the log began.
    date_trunc('milliseconds', $4::timestamptz + ($5::timestamptz - $4::timestamptz)
      * CASE WHEN i.h >> 12 & 7 < 5 THEN (i.h >> 15 & 255) / 256.0 / 1000 ELSE (i.h >> 15 & 255) / 256.0 END) AS created_at
  FROM (SELECT n, hashint8extended(n, $3::bigint) AS h, n::float8 / $1::bigint AS x, (n - 1)::float8 / $1::bigint AS before
        FROM generate_series(1, $1::bigint) AS n) AS i) AS k
-- A namespace is in one cluster.
JOIN sources s ON s.name = CASE WHEN k.kind = 'host' THEN 'machines' ELSE 'cluster-' || (k.h >> 24 & 3) END;
--> statement-breakpoint
ALTER TABLE bench.items ADD PRIMARY KEY (n);
--> statement-breakpoint
CREATE UNLOGGED TABLE bench.changes AS
SELECT row_number() OVER (ORDER BY c.at, c.n, c.v) AS place, c.n, c.v, c.at
FROM (SELECT i.n, v, pg_temp.moment(i.created_at, $5::timestamptz, i.n, v, i.versions) AS at
      FROM bench.items i CROSS JOIN LATERAL generate_series(1, i.versions) AS v) AS c;
--> statement-breakpoint
ALTER TABLE bench.changes ADD PRIMARY KEY (place);
--> statement-breakpoint
ANALYZE bench.items, bench.changes;
