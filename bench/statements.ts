/** Items numbered $1 to $2 as their writes would have left them by $3. */
export const insertItems = `
  INSERT INTO configuration_items (ci_id, version, source_id, created_at, updated_at, status, status_updated_at, ci_type,
    namespace, name, department, content_hash, raw_data)
  SELECT i.ci_id, i.versions, i.source_id, i.created_at, m.at, CASE WHEN i.archived THEN 'archived' ELSE 'active' END,
    CASE WHEN i.archived THEN m.at END, i.kind, i.namespace, i.name, i.department,
    -- None of its paths is hidden from the hash.
    sha256(convert_to(d.document::text, 'UTF8')), d.document
  FROM bench.items i
  CROSS JOIN LATERAL (SELECT pg_temp.moment(i.created_at, $3, i.n, i.versions, i.versions) AS at OFFSET 0) AS m
  CROSS JOIN LATERAL (
    SELECT pg_temp.document(i.kind, i.app, i.token, i.n, i.versions - i.archived::integer) AS document OFFSET 0) AS d
  WHERE i.n BETWEEN $1 AND $2 ORDER BY i.n`;

/** The names under which their sources know these items; last seen at $3 unless archived. */
export const insertRecords = `
  INSERT INTO source_records (source_id, ci_type, namespace, name, ci_id, last_seen, live, ages, content_hash)
  SELECT c.source_id, c.ci_type, c.namespace, c.name, c.ci_id, CASE WHEN i.archived THEN c.updated_at ELSE $3 END,
    NOT i.archived, true, c.content_hash
  FROM bench.items i JOIN configuration_items c ON c.ci_id = i.ci_id
  WHERE i.n BETWEEN $1 AND $2 ORDER BY i.n`;

/** Changes $1 to $2 in the order of their time, as the trigger logs them. */
export const insertChanges = `
  INSERT INTO changes (id, changed_at, ci_id, version, source_id, change_type, ci_type, namespace, name, department, actor,
    request_id, reason, entries) OVERRIDING SYSTEM VALUE
  SELECT h.place, h.at, i.ci_id, h.v, i.source_id,
    CASE WHEN h.v = 1 THEN 'CREATED' WHEN i.archived AND h.v = i.versions THEN 'DELETED' ELSE 'UPDATED' END,
    i.kind, i.namespace, i.name, i.department, 'key:' || md5('key ' || i.source_id)::uuid, md5('request ' || h.place / 40)::uuid,
    CASE WHEN h.place % 25 = 0 THEN 'release 2026.' || h.place / 20000 END,
    CASE WHEN i.archived AND h.v = i.versions
      THEN '[{"op": "replace", "path": ["status"], "old": "active", "new": "archived"}]'
      ELSE pg_temp.entries(i.kind, i.app, i.n, h.v) END
  FROM bench.changes h JOIN bench.items i ON i.n = h.n
  WHERE h.place BETWEEN $1 AND $2 ORDER BY h.place`;

export const insertCounts = `
  INSERT INTO item_counts (status, ci_type, namespace, source_id, department, n)
  SELECT status, ci_type, namespace, source_id, department, count(*) FROM configuration_items GROUP BY 1, 2, 3, 4, 5`;

/** The type tables, by the statement that the triggers use. */
export const typeTableStatements = `
  SELECT t.ci_type, muster.type_upsert(t, 'configuration_items') AS statement FROM ci_types t
  WHERE t.ci_type IN (SELECT DISTINCT ci_type FROM configuration_items)`;

/** Indexes of a table that no constraint needs, as what makes them again, in all partitions at once. */
export const looseIndexes = `
  SELECT c.oid::regclass::text AS name, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') AS definition
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = ANY ($1::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)`;
