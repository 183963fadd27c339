-- Time travel: an item as it was, from its present row and the log, and changes taken back.

CREATE FUNCTION muster.entry_path(entry jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT jsonb_array_elements_text(entry -> 'path'));
--> statement-breakpoint
-- The item before entries of the log, which come newest first. A path without its parent can only be one that a type has come to hide
-- since; it changes nothing.
CREATE FUNCTION muster.undo_entries(item configuration_items, entries jsonb) RETURNS configuration_items
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  entry jsonb;
  path text[];
  doc jsonb := item.raw_data;
BEGIN
  FOR entry IN SELECT jsonb_array_elements(entries) LOOP
    path := muster.entry_path(entry);
    IF cardinality(path) > 1 THEN
      CONTINUE WHEN jsonb_typeof(doc #> path[2:cardinality(path) - 1]) IS DISTINCT FROM 'object';
      doc := CASE entry ->> 'op' WHEN 'add' THEN doc #- path[2:] ELSE jsonb_set(doc, path[2:], entry -> 'old') END;
      CONTINUE;
    END IF;
    CASE path[1]
      WHEN 'raw_data' THEN doc := entry -> 'old';
      WHEN 'name' THEN item.name := entry ->> 'old';
      WHEN 'namespace' THEN item.namespace := entry ->> 'old';
      WHEN 'ci_type' THEN item.ci_type := entry ->> 'old';
      WHEN 'status' THEN item.status := entry ->> 'old';
      WHEN 'department' THEN item.department := entry ->> 'old';
    END CASE;
  END LOOP;
  item.raw_data := doc;
  RETURN item;
END $$;
--> statement-breakpoint
-- The entries that lead from one state of an item to another, columns first.
CREATE FUNCTION muster.item_diff(was configuration_items, becomes configuration_items) RETURNS jsonb
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(jsonb_agg(e.entry), '[]')
  FROM (
    SELECT entry FROM unnest(ARRAY[
      muster.column_entry('name', was.name, becomes.name),
      muster.column_entry('namespace', was.namespace, becomes.namespace),
      muster.column_entry('ci_type', was.ci_type, becomes.ci_type),
      muster.column_entry('status', was.status, becomes.status),
      muster.column_entry('department', was.department, becomes.department)]) AS c (entry)
    WHERE entry IS NOT NULL
    UNION ALL
    SELECT entry FROM muster.diff(was.raw_data, becomes.raw_data, ARRAY['raw_data'], 1) AS r (entry)
  ) AS e
$$;
--> statement-breakpoint
-- The instant from which on the log is whole: what came before may have gone with a partition.
CREATE FUNCTION muster.history_kept_since() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT coalesce(min(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''')::timestamptz), 'infinity')
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.changes'::regclass
$$;
--> statement-breakpoint
-- An item as it was at an instant, changes of that very instant included; its document comes without the paths that the type it had
-- then hides. outcome is found, unborn, gone or, where the log no longer leads back so far, forgotten. No row where nothing is known of
-- the item. updated_at and status_updated_at are NULL where the log no longer tells them, created_at where the item is gone besides.
-- One snapshot, that of the calling statement: STABLE is what keeps the row and the log together.
CREATE FUNCTION muster.item_at(item_id uuid, at timestamptz)
RETURNS TABLE (outcome text, kept_since timestamptz, item configuration_items) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp ROWS 1 AS $$
DECLARE
  purged changes;
  oldest integer;
  unborn boolean;
  undone_entries jsonb;
  declared ci_types;
BEGIN
  SELECT c.* INTO item FROM configuration_items c WHERE c.ci_id = item_id;
  IF NOT FOUND THEN
    SELECT h.* INTO purged FROM changes h
    WHERE h.ci_id = item_id AND h.change_type = 'PURGED' ORDER BY h.version DESC, h.id DESC LIMIT 1;
    IF NOT FOUND THEN
      RETURN;
    ELSIF purged.changed_at <= at THEN
      outcome := 'gone';
      item := NULL;
      RETURN NEXT;
      RETURN;
    END IF;
    -- Its status and document are among the entries that are undone below.
    item.ci_id := item_id;
    item.version := purged.version;
    item.source_id := purged.source_id;
    item.name := purged.name;
    item.namespace := purged.namespace;
    item.ci_type := purged.ci_type;
    item.department := purged.department;
    item.raw_data := '{}';
    item.updated_at := purged.changed_at;
    SELECT h.changed_at INTO item.created_at
    FROM (SELECT f.* FROM changes f WHERE f.ci_id = item_id ORDER BY f.version, f.id LIMIT 1) AS h
    WHERE h.change_type = 'CREATED';
  END IF;

  -- Of all entries for one path only the oldest counts: going back, it has the last word on everything below it.
  WITH undone AS MATERIALIZED (
    SELECT h.id, h.version, h.change_type, h.entries FROM changes h WHERE h.ci_id = item_id AND h.changed_at > at
  )
  SELECT min(u.version), bool_or(u.change_type = 'CREATED'), (
      SELECT jsonb_agg(d.entry ORDER BY d.version DESC, d.id DESC)
      FROM (
        SELECT DISTINCT ON (e.entry -> 'path') e.entry - 'new' AS entry, p.version, p.id
        FROM undone p CROSS JOIN LATERAL jsonb_array_elements(p.entries) AS e (entry)
        ORDER BY e.entry -> 'path', p.version, p.id) AS d)
    INTO oldest, unborn, undone_entries
  FROM undone u;

  IF unborn OR at < item.created_at THEN
    outcome := 'unborn';
  ELSIF at < item.updated_at AND at < muster.history_kept_since() THEN
    outcome := 'forgotten';
    kept_since := muster.history_kept_since();
  ELSE
    outcome := 'found';
  END IF;
  IF outcome <> 'found' THEN
    item := NULL;
    RETURN NEXT;
    RETURN;
  END IF;

  IF undone_entries IS NOT NULL THEN
    SELECT t.* INTO declared FROM ci_types t WHERE t.ci_type = item.ci_type;
    item.raw_data := muster.without_paths(item.raw_data, declared.hidden_paths);
    item := muster.undo_entries(item, undone_entries);
    item.version := oldest - 1;
    IF EXISTS (SELECT FROM jsonb_array_elements(undone_entries) AS e (entry) WHERE e.entry -> 'path' = '["status"]') THEN
      item.status_updated_at := (
        SELECT h.changed_at FROM changes h
        WHERE h.ci_id = item_id AND h.changed_at <= at AND h.change_type <> 'CREATED' AND EXISTS (
          SELECT FROM jsonb_array_elements(h.entries) AS e (entry) WHERE e.entry -> 'path' = '["status"]')
        ORDER BY h.version DESC, h.id DESC LIMIT 1);
    END IF;
  END IF;
  IF item.updated_at > at THEN
    item.updated_at := (
      SELECT h.changed_at FROM changes h WHERE h.ci_id = item_id AND h.changed_at <= at
      ORDER BY h.version DESC, h.id DESC LIMIT 1);
  END IF;
  SELECT t.* INTO declared FROM ci_types t WHERE t.ci_type = item.ci_type;
  item.raw_data := muster.without_paths(item.raw_data, declared.hidden_paths || declared.redacted_paths);
  item.content_hash := NULL; -- that of the present
  RETURN NEXT;
END $$;
--> statement-breakpoint
-- doc with what stored holds at path, where doc has the parent of it; elements of an array by their place, while there are as many.
CREATE FUNCTION muster.with_path(doc jsonb, stored jsonb, path text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  star integer := array_position(path, NULL);
  elements jsonb;
  stored_elements jsonb;
BEGIN
  IF star IS NULL THEN
    RETURN CASE WHEN stored #> path IS NULL OR jsonb_typeof(doc #> path[:cardinality(path) - 1]) IS DISTINCT FROM 'object' THEN doc
                ELSE jsonb_set(doc, path, stored #> path) END;
  END IF;
  elements := doc #> path[:star - 1];
  stored_elements := stored #> path[:star - 1];
  IF jsonb_typeof(elements) IS DISTINCT FROM 'array' OR jsonb_typeof(stored_elements) IS DISTINCT FROM 'array' THEN
    RETURN doc;
  ELSIF jsonb_array_length(elements) <> jsonb_array_length(stored_elements) THEN
    RETURN doc;
  END IF;
  SELECT coalesce(jsonb_agg(muster.with_path(element, stored_elements -> (i::integer - 1), path[star + 1:]) ORDER BY i), '[]')
    INTO elements FROM jsonb_array_elements(elements) WITH ORDINALITY AS t (element, i);
  RETURN jsonb_set(doc, path[:star - 1], elements);
END $$;
--> statement-breakpoint
-- Takes one change back on the present item. outcome is reverted; unchanged where the item already is as before the change;
-- conflict where a later change (blocker) touched the same path, a parent or a child of it; created and gone where there is nothing to
-- go back to; sighting for a status that follows what sources see. patch has the entries from the present to the reverted state.
-- No row for an unknown change. unique_violation as muster.write_item. A dry run takes no lock and writes nothing.
CREATE FUNCTION muster.revert_change(context jsonb, change_id bigint, dry_run boolean)
RETURNS TABLE (outcome text, item_id uuid, blocker_id bigint, blocker_field text, patch jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 1 AS $$
DECLARE
  reverted_at timestamptz(3) := muster.enter(context);
  change changes;
  was configuration_items;
  shown configuration_items;
  becomes configuration_items;
  declared ci_types;
  target ci_types;
  stored jsonb;
  document jsonb;
BEGIN
  SELECT h.* INTO change FROM changes h WHERE h.id = change_id;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  item_id := change.ci_id;
  IF NOT dry_run THEN
    PERFORM muster.lock_item(item_id);
  END IF;
  -- A new statement, so a new snapshot: the item as the last writer left it.
  SELECT c.* INTO was FROM configuration_items c WHERE c.ci_id = item_id;
  outcome := CASE
    WHEN NOT FOUND THEN 'gone'
    WHEN change.change_type = 'CREATED' THEN 'created'
    WHEN EXISTS (SELECT FROM jsonb_array_elements(change.entries) AS e (entry)
                 WHERE e.entry -> 'path' = '["status"]' AND e.entry ->> 'new' <> 'archived') THEN 'sighting' END;
  IF outcome IS NOT NULL THEN
    RETURN NEXT;
    RETURN;
  END IF;

  SELECT t.* INTO declared FROM ci_types t WHERE t.ci_type = was.ci_type;
  shown := was;
  shown.raw_data := muster.without_paths(was.raw_data, declared.hidden_paths);
  becomes := muster.undo_entries(shown, change.entries);
  SELECT t.* INTO target FROM ci_types t WHERE t.ci_type = becomes.ci_type;
  document := becomes.raw_data;
  -- A document that was logged whole brings the values of hidden paths along; else those that are stored stay, metrics as last seen.
  IF NOT EXISTS (SELECT FROM jsonb_array_elements(change.entries) AS e (entry) WHERE e.entry -> 'path' = '["raw_data"]') THEN
    stored := CASE WHEN was.ci_type = becomes.ci_type THEN muster.with_metrics(was.raw_data, declared, item_id) ELSE was.raw_data END;
    document := muster.without_paths(document, target.hidden_paths);
    FOR i IN 1 .. coalesce(cardinality(target.hidden_paths), 0) LOOP
      document := muster.with_path(document, stored, target.hidden_paths[i]::text[]);
    END LOOP;
  END IF;
  document := muster.without_paths(document, target.redacted_paths);
  becomes.raw_data := muster.without_paths(document, target.hidden_paths);
  patch := muster.item_diff(shown, becomes);

  -- An entry whose parent is gone could not be undone: then nothing to do does not mean done.
  IF patch <> '[]' OR EXISTS (
      SELECT FROM jsonb_array_elements(change.entries) AS e (entry) CROSS JOIN LATERAL muster.entry_path(e.entry) AS path
      WHERE cardinality(path) > 1 AND jsonb_typeof(shown.raw_data #> path[2:cardinality(path) - 1]) IS DISTINCT FROM 'object') THEN
    SELECT h.id, muster.field_name(l.path) INTO blocker_id, blocker_field
    FROM changes h
    CROSS JOIN LATERAL jsonb_array_elements(h.entries) WITH ORDINALITY AS e (entry, place)
    CROSS JOIN LATERAL (SELECT muster.entry_path(e.entry) AS path) AS l
    WHERE h.ci_id = change.ci_id AND h.version > change.version AND h.changed_at >= change.changed_at AND EXISTS (
      SELECT FROM jsonb_array_elements(change.entries) AS o (entry)
      CROSS JOIN LATERAL (SELECT muster.entry_path(o.entry) AS path) AS m
      WHERE m.path[:cardinality(l.path)] = l.path[:cardinality(m.path)])
    ORDER BY h.version, h.id, e.place LIMIT 1;
    IF FOUND THEN
      outcome := 'conflict';
      patch := NULL;
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  outcome := CASE WHEN patch = '[]' THEN 'unchanged' ELSE 'reverted' END;
  IF dry_run AND EXISTS (
      SELECT FROM source_records r JOIN source_records o ON o.ci_id <> r.ci_id AND o.source_id IS NULL
        AND (o.ci_type, o.name) = (becomes.ci_type, becomes.name) AND o.namespace IS NOT DISTINCT FROM becomes.namespace
      WHERE r.ci_id = change.ci_id AND r.source_id IS NULL) THEN
    RAISE unique_violation USING MESSAGE = 'another item bears the name of before';
  ELSIF outcome = 'reverted' AND NOT dry_run THEN
    UPDATE source_records r SET ci_type = becomes.ci_type, namespace = becomes.namespace, name = becomes.name
    WHERE r.ci_id = change.ci_id AND r.source_id IS NULL
      AND (r.ci_type, r.namespace, r.name) IS DISTINCT FROM (becomes.ci_type, becomes.namespace, becomes.name);
    -- An active item has a live record; one that is overdue ages again with the next sweep.
    UPDATE source_records r SET live = true
    WHERE r.ci_id = change.ci_id AND NOT r.live AND becomes.status = 'active' AND was.status <> 'active';
    UPDATE configuration_items c SET
      name = becomes.name, namespace = becomes.namespace, ci_type = becomes.ci_type, department = becomes.department,
      status = becomes.status, raw_data = document, content_hash = muster.content_hash(document, target.hidden_paths),
      status_updated_at = CASE WHEN c.status = becomes.status THEN c.status_updated_at ELSE reverted_at END,
      version = c.version + 1, updated_at = greatest(c.updated_at, reverted_at)
    WHERE c.ci_id = change.ci_id;
  END IF;
  RETURN NEXT;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.entry_path(jsonb), muster.undo_entries(configuration_items, jsonb),
  muster.item_diff(configuration_items, configuration_items), muster.history_kept_since(), muster.item_at(uuid, timestamptz),
  muster.with_path(jsonb, jsonb, text[]), muster.revert_change(jsonb, bigint, boolean) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.item_at(uuid, timestamptz), muster.item_diff(configuration_items, configuration_items),
  muster.revert_change(jsonb, bigint, boolean) TO muster_api;
