-- What every row of a generated estate holds, as functions of the item's number and the change's version. Temporary, so that each
-- connection that loads has its own; simple, so that they are inlined.

-- The address that something has for the nth time.
CREATE FUNCTION pg_temp.address(n bigint, nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '10.' || ((n * 40503 + nth * 7919) >> 16 & 255) || '.' || ((n * 40503 + nth * 7919) >> 8 & 255)
  || '.' || ((n * 40503 + nth * 7919) & 255);

CREATE FUNCTION pg_temp.image(app text, n bigint, nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN 'registry.example.net/' || app || ':1.' || (n % 20 + nth) || '.' || n % 7;

CREATE FUNCTION pg_temp.containers(app text, n bigint, nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '[{"name": "' || app || '", "image": "' || pg_temp.image(app, n, nth)
  || '", "ports": [{"containerPort": 8080, "protocol": "TCP"}], "imagePullPolicy": "IfNotPresent"}]';

CREATE FUNCTION pg_temp.ports(nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '[{"name": "http", "port": 80, "protocol": "TCP", "targetPort": ' || 8000 + nth || '}]';

CREATE FUNCTION pg_temp.properties(n bigint, nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '"pool.size=' || nth || '\ncache.ttl=30s\nupstream=http://' || pg_temp.address(n, nth) || ':8080/\nlog.level=info\n"';

CREATE FUNCTION pg_temp.phase(nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN nth % 2 = 1 THEN '"Running"' ELSE '"Pending"' END;

CREATE FUNCTION pg_temp.reason(nth integer) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN nth % 2 = 1 THEN '"Started"' ELSE '"CrashLoopBackOff"' END;

-- The document of an item at a version. Each version moves one thing, in turns; that is what the divisions count.
CREATE FUNCTION pg_temp.document(kind text, app text, token text, n bigint, v integer) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN (CASE kind
  WHEN 'kubernetes.pod' THEN
    '{"metadata": {"labels": {"app.kubernetes.io/name": "' || app || '", "pod-template-hash": "' || token
    || '"}}, "spec": {"nodeName": "node-' || n % 200 || '", "restartPolicy": "Always", "containers": ' || pg_temp.containers(app, n, 0)
    || '}, "status": {"hostIP": "10.255.0.' || n % 200 || '", "podIP": "' || pg_temp.address(n, v / 2)
    || '", "phase": ' || pg_temp.phase((v + 1) / 2) || ', "reason": ' || pg_temp.reason((v + 1) / 2) || '}}'
  WHEN 'kubernetes.deployment' THEN
    '{"metadata": {"labels": {"app.kubernetes.io/name": "' || app || '"}, "annotations": {"deployment.kubernetes.io/revision": "'
    || v / 3 + 1 || '"}}, "spec": {"replicas": ' || (v + 1) / 3 % 2 + n % 5 || ', "selector": {"matchLabels": {"app": "' || app
    || '"}}, "template": {"spec": {"containers": ' || pg_temp.containers(app, n, v / 3) || '}}}, "status": {"replicas": ' || n % 5
    || ', "readyReplicas": ' || (v + 2) / 3 % 2 + n % 5 || '}}'
  WHEN 'kubernetes.service' THEN
    '{"metadata": {"labels": {"app.kubernetes.io/name": "' || app || '"}}, "spec": {"type": "ClusterIP", "clusterIP": "'
    || pg_temp.address(n, v / 2) || '", "ports": ' || pg_temp.ports((v + 1) / 2) || ', "selector": {"app": "' || app || '"}}}'
  WHEN 'kubernetes.configmap' THEN
    '{"metadata": {"labels": {"app.kubernetes.io/name": "' || app || '"}}, "data": {"application.properties": '
    || pg_temp.properties(n, v) || '}}'
  WHEN 'host' THEN
    '{"networking": {"hostname": "' || app || '-' || token || '", "ip": "' || pg_temp.address(n, (v + 1) / 2)
    || '"}, "os": {"name": "Debian", "family": "Debian"}, "kernelrelease": "6.8.' || v / 2
    || '-generic", "architecture": "amd64", "processors": {"count": ' || n % 8 * 8 + 8 || '}}'
END)::jsonb;

CREATE FUNCTION pg_temp.entry(path text, was text, becomes text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN '{"op": "replace", "path": ["raw_data", ' || path || '], "old": ' || was || ', "new": ' || becomes || '}';

-- What the trigger logs when an item goes from the version before to this one.
CREATE FUNCTION pg_temp.entries(kind text, app text, n bigint, v integer) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN ('[' || CASE
  WHEN v = 1 THEN ''
  WHEN kind = 'kubernetes.pod' AND v % 2 = 0 THEN
    pg_temp.entry('"status", "podIP"', '"' || pg_temp.address(n, v / 2 - 1) || '"', '"' || pg_temp.address(n, v / 2) || '"')
  WHEN kind = 'kubernetes.pod' THEN
    pg_temp.entry('"status", "phase"', pg_temp.phase(v / 2), pg_temp.phase((v + 1) / 2)) || ', '
    || pg_temp.entry('"status", "reason"', pg_temp.reason(v / 2), pg_temp.reason((v + 1) / 2))
  WHEN kind = 'kubernetes.deployment' AND v % 3 = 0 THEN
    pg_temp.entry('"metadata", "annotations", "deployment.kubernetes.io/revision"', '"' || v / 3 || '"', '"' || v / 3 + 1 || '"')
    || ', ' || pg_temp.entry('"spec", "template", "spec", "containers"',
      pg_temp.containers(app, n, v / 3 - 1), pg_temp.containers(app, n, v / 3))
  WHEN kind = 'kubernetes.deployment' AND v % 3 = 2 THEN
    pg_temp.entry('"spec", "replicas"', (v / 3 % 2 + n % 5)::text, ((v + 1) / 3 % 2 + n % 5)::text)
  WHEN kind = 'kubernetes.deployment' THEN
    pg_temp.entry('"status", "readyReplicas"', ((v + 1) / 3 % 2 + n % 5)::text, ((v + 2) / 3 % 2 + n % 5)::text)
  WHEN kind = 'kubernetes.service' AND v % 2 = 0 THEN
    pg_temp.entry('"spec", "clusterIP"', '"' || pg_temp.address(n, v / 2 - 1) || '"', '"' || pg_temp.address(n, v / 2) || '"')
  WHEN kind = 'kubernetes.service' THEN pg_temp.entry('"spec", "ports"', pg_temp.ports(v / 2), pg_temp.ports((v + 1) / 2))
  WHEN kind = 'kubernetes.configmap' THEN
    pg_temp.entry('"data", "application.properties"', pg_temp.properties(n, v - 1), pg_temp.properties(n, v))
  WHEN kind = 'host' AND v % 2 = 0 THEN
    pg_temp.entry('"kernelrelease"', '"6.8.' || v / 2 - 1 || '-generic"', '"6.8.' || v / 2 || '-generic"')
  WHEN kind = 'host' THEN
    pg_temp.entry('"networking", "ip"', '"' || pg_temp.address(n, v / 2) || '"', '"' || pg_temp.address(n, (v + 1) / 2) || '"')
END || ']')::jsonb;

-- When an item reached a version: the versions share the time between its making and the end, each somewhere in its part of it.
CREATE FUNCTION pg_temp.moment(created_at timestamptz, until timestamptz, n bigint, v integer, versions integer)
RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN date_trunc('milliseconds', created_at + (until - created_at)
  * CASE WHEN v = 1 THEN 0 ELSE (v - 1.99 + (hashint8extended(n, v) & 1023) * 0.00095) / versions END);
