-- The writing verbs. Each is one round trip; the API's role writes through them only. Locks are taken in one order everywhere:
-- records by identity, then items. So overlapping writers wait for each other, and never in a circle.

-- The source of that name, made on first use.
CREATE FUNCTION muster.source_named(source_name text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found_id integer;
BEGIN
  SELECT s.id INTO found_id FROM sources s WHERE s.name = source_name AND s.collector_id IS NULL;
  IF found_id IS NULL THEN
    INSERT INTO sources (name) VALUES (source_name) ON CONFLICT DO NOTHING;
    SELECT s.id INTO found_id FROM sources s WHERE s.name = source_name AND s.collector_id IS NULL;
  END IF;
  RETURN found_id;
END $$;
--> statement-breakpoint
-- Takes in what a source (or, with source_name NULL, a client) sees: an array of {ci_type, namespace, name, raw_data, department}
-- with each identity once. Answers a row for each element, by its place (from 1): created, updated, unchanged or reactivated.
-- An unchanged item costs its heartbeat and nothing else.
CREATE FUNCTION muster.report_items(context jsonb, source_name text, aging boolean, reported jsonb)
RETURNS TABLE (place integer, outcome text, ci_id uuid) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  seen_at timestamptz(3) := muster.enter(context);
  source integer;
  places integer[];
  ids uuid[];
  fresh boolean[];
  hashes bytea[];
  types text[];
  namespaces text[];
  names text[];
  departments text[];
  declared ci_types;
  moved_ids uuid[];
  moved_documents jsonb[];
BEGIN
  IF source_name IS NOT NULL THEN
    source := muster.source_named(source_name);
    PERFORM set_config('muster.source_id', source::text, true);
  END IF;

  WITH sighting AS MATERIALIZED (
    SELECT s.place::integer, s.ci_type, s.namespace, s.name, s.department, muster.content_hash(
             CASE WHEN t.redacted_paths = '{}' THEN s.raw_data ELSE muster.without_paths(s.raw_data, t.redacted_paths) END,
             t.hidden_paths) AS hash
    FROM ROWS FROM (jsonb_to_recordset(reported) AS (ci_type text, namespace text, name text, department text, raw_data jsonb))
         WITH ORDINALITY AS s (ci_type, namespace, name, department, raw_data, place)
    LEFT JOIN ci_types t ON t.ci_type = s.ci_type
  ), recorded AS (
    INSERT INTO source_records AS r (source_id, ci_type, namespace, name, ci_id, last_seen, ages, content_hash)
    SELECT source, ci_type, namespace, name, uuidv7(), seen_at, aging, hash FROM sighting
    ORDER BY ci_type, namespace, name
    ON CONFLICT (source_id, ci_type, namespace, name) DO UPDATE SET
      last_seen = greatest(r.last_seen, excluded.last_seen), live = true, ages = r.ages OR excluded.ages,
      content_hash = excluded.content_hash
    RETURNING r.ci_id, r.ci_type, r.namespace, r.name, old.ci_id IS NULL AS fresh
  )
  SELECT array_agg(s.place), array_agg(r.ci_id), array_agg(r.fresh), array_agg(s.hash), array_agg(s.ci_type),
         array_agg(s.namespace), array_agg(s.name), array_agg(s.department)
    INTO places, ids, fresh, hashes, types, namespaces, names, departments
  FROM sighting s
  JOIN recorded r ON r.ci_type = s.ci_type AND r.name = s.name AND r.namespace IS NOT DISTINCT FROM s.namespace;

  -- A new statement, so a new snapshot: the records are ours now, and their items as the last writer left them.
  RETURN QUERY
  WITH sighting AS (
    SELECT * FROM unnest(places, ids, fresh, hashes, types, namespaces, names, departments)
      AS u (place, ci_id, fresh, hash, ci_type, namespace, name, department)
  ), differing AS MATERIALIZED (
    SELECT s.*, muster.without_paths(reported -> (s.place - 1) -> 'raw_data', t.redacted_paths) AS raw_data
    FROM sighting s
    LEFT JOIN ci_types t ON t.ci_type = s.ci_type
    LEFT JOIN configuration_items c ON c.ci_id = s.ci_id
    WHERE s.fresh OR c.content_hash <> s.hash OR c.status <> 'active'
       OR (c.ci_type, c.namespace, c.name) IS DISTINCT FROM (s.ci_type, s.namespace, s.name)
       OR c.department IS DISTINCT FROM coalesce(s.department, c.department)
  ), inserted AS (
    INSERT INTO configuration_items (ci_id, source_id, created_at, updated_at, ci_type, namespace, name, department,
                                     content_hash, raw_data)
    SELECT d.ci_id, source, seen_at, seen_at, d.ci_type, d.namespace, d.name, d.department, d.hash, d.raw_data
    FROM differing d WHERE d.fresh ORDER BY d.place
  ), updated AS (
    UPDATE configuration_items c SET
      ci_type = d.ci_type, namespace = d.namespace, name = d.name, department = coalesce(d.department, c.department),
      raw_data = CASE WHEN c.content_hash = d.hash AND c.ci_type = d.ci_type THEN c.raw_data ELSE d.raw_data END,
      content_hash = d.hash, status = 'active',
      status_updated_at = CASE WHEN c.status = 'active' THEN c.status_updated_at ELSE seen_at END,
      version = c.version + 1, updated_at = greatest(c.updated_at, seen_at)
    FROM differing d
    WHERE c.ci_id = d.ci_id AND NOT d.fresh
      AND (c.content_hash <> d.hash OR c.status <> 'active'
           OR (c.ci_type, c.namespace, c.name) IS DISTINCT FROM (d.ci_type, d.namespace, d.name)
           OR c.department IS DISTINCT FROM coalesce(d.department, c.department))
    RETURNING c.ci_id, old.status <> 'active' AS reactivated
  )
  SELECT s.place, CASE WHEN s.fresh THEN 'created' WHEN u.reactivated THEN 'reactivated'
                       WHEN u.ci_id IS NOT NULL THEN 'updated' ELSE 'unchanged' END, s.ci_id
  FROM sighting s LEFT JOIN updated u ON u.ci_id = s.ci_id ORDER BY s.place;

  -- What is new has its metrics from the trigger; what was known gets them here, whether or not it changed otherwise.
  FOR declared IN SELECT t.* FROM ci_types t WHERE t.has_metrics AND t.ci_type = ANY (types) LOOP
    SELECT array_agg(u.ci_id), array_agg(reported -> (u.place - 1) -> 'raw_data') INTO moved_ids, moved_documents
    FROM unnest(places, ids, fresh, types) AS u (place, ci_id, fresh, ci_type)
    WHERE NOT u.fresh AND u.ci_type = declared.ci_type;
    EXECUTE muster.metrics_update(declared) USING moved_ids, moved_documents;
  END LOOP;
END $$;
--> statement-breakpoint
-- Locks an item for writing, records first; answers whether it is there.
CREATE FUNCTION muster.lock_item(item_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM source_records r WHERE r.ci_id = item_id ORDER BY r.source_id, r.ci_type, r.namespace, r.name FOR UPDATE;
  PERFORM FROM configuration_items c WHERE c.ci_id = item_id FOR NO KEY UPDATE;
  RETURN FOUND;
END $$;
--> statement-breakpoint
-- Writes what a person or client says about one item: patch is {name, namespace, ci_type, department, raw_data}; absent keys keep
-- their value, raw_data replaces or, with merging, is an RFC 7396 patch. Answers updated or unchanged, NULL where there is no such item.
-- A record without a source follows the new name, one of a source keeps the name the source knows: unique_violation when another
-- item of the same source bears the new one.
CREATE FUNCTION muster.write_item(context jsonb, item_id uuid, patch jsonb, merging boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  was configuration_items;
  becomes configuration_items;
  declared ci_types;
BEGIN
  IF NOT muster.lock_item(item_id) THEN
    RETURN NULL;
  END IF;
  SELECT c.* INTO was FROM configuration_items c WHERE c.ci_id = item_id;
  becomes := was;
  becomes.name := CASE WHEN patch ? 'name' THEN patch ->> 'name' ELSE was.name END;
  becomes.namespace := CASE WHEN patch ? 'namespace' THEN patch ->> 'namespace' ELSE was.namespace END;
  becomes.ci_type := CASE WHEN patch ? 'ci_type' THEN patch ->> 'ci_type' ELSE was.ci_type END;
  becomes.department := CASE WHEN patch ? 'department' THEN patch ->> 'department' ELSE was.department END;
  SELECT t.* INTO declared FROM ci_types t WHERE t.ci_type = becomes.ci_type;
  becomes.raw_data := muster.without_paths(
    CASE WHEN NOT patch ? 'raw_data' THEN was.raw_data
         WHEN merging AND was.ci_type = becomes.ci_type
           THEN muster.merge_patch(muster.with_metrics(was.raw_data, declared, item_id), patch -> 'raw_data')
         WHEN merging THEN muster.merge_patch(was.raw_data, patch -> 'raw_data')
         ELSE patch -> 'raw_data' END, declared.redacted_paths);
  becomes.content_hash := muster.content_hash(becomes.raw_data, declared.hidden_paths);
  IF (becomes.name, becomes.namespace, becomes.ci_type, becomes.department, becomes.content_hash) IS NOT DISTINCT FROM
     (was.name, was.namespace, was.ci_type, was.department, was.content_hash) THEN
    IF declared.has_metrics AND patch ? 'raw_data' THEN
      EXECUTE muster.metrics_update(declared) USING ARRAY[item_id], ARRAY[becomes.raw_data];
    END IF;
    RETURN 'unchanged';
  END IF;
  IF EXISTS (
    SELECT FROM source_records mine JOIN source_records other ON other.source_id = mine.source_id
    WHERE mine.ci_id = item_id AND other.ci_id <> item_id
      AND (other.ci_type, other.namespace, other.name) IS NOT DISTINCT FROM (becomes.ci_type, becomes.namespace, becomes.name)
  ) THEN
    RAISE unique_violation USING MESSAGE = 'a source of this item knows another item by this type, namespace and name';
  END IF;
  UPDATE source_records r SET ci_type = becomes.ci_type, namespace = becomes.namespace, name = becomes.name
  WHERE r.ci_id = item_id AND r.source_id IS NULL
    AND (r.ci_type, r.namespace, r.name) IS DISTINCT FROM (becomes.ci_type, becomes.namespace, becomes.name);
  UPDATE configuration_items c SET
    name = becomes.name, namespace = becomes.namespace, ci_type = becomes.ci_type, department = becomes.department,
    raw_data = becomes.raw_data, content_hash = becomes.content_hash,
    version = c.version + 1, updated_at = greatest(c.updated_at, written_at)
  WHERE c.ci_id = item_id;
  RETURN 'updated';
END $$;
--> statement-breakpoint
-- Soft delete: the item is archived and its records are no longer live. False where there is no such item.
CREATE FUNCTION muster.archive_item(context jsonb, item_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  archived_at timestamptz(3) := muster.enter(context);
BEGIN
  IF NOT muster.lock_item(item_id) THEN
    RETURN false;
  END IF;
  UPDATE source_records r SET live = false WHERE r.ci_id = item_id AND r.live;
  UPDATE configuration_items c SET
    status = 'archived', status_updated_at = archived_at, version = c.version + 1,
    updated_at = greatest(c.updated_at, archived_at)
  WHERE c.ci_id = item_id AND c.status <> 'archived';
  RETURN true;
END $$;
--> statement-breakpoint
-- The item as this very statement has left it; a plain SELECT beside a verb still sees the state before it.
CREATE FUNCTION muster.current_item(item_id uuid) RETURNS SETOF configuration_items LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT c.* FROM public.configuration_items c WHERE c.ci_id = item_id;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.current_last_seen(item_id uuid) RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN (SELECT max(r.last_seen) FROM public.source_records r WHERE r.ci_id = item_id);
END $$;
