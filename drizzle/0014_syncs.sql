DROP INDEX "source_syncs_source_id_idx";--> statement-breakpoint
ALTER TABLE "source_syncs" ADD COLUMN "idle_seconds" integer DEFAULT 3600 NOT NULL;--> statement-breakpoint
CREATE INDEX "source_syncs_expires_at_idx" ON "source_syncs" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "source_syncs_source_id_idx" ON "source_syncs" USING btree ("source_id","opened_at","id");--> statement-breakpoint
-- Syncs: a full collection of a source. Locks are taken in one order here too: the sync, then records by identity, then items by ci_id.
-- SQLSTATE MU404 and MU409 carry a message for the caller: there is no such thing, or its state does not allow this.

-- Whether a type and namespace are in a scope; NULL for all, an element NULL for items without a namespace.
CREATE FUNCTION muster.in_scope(item_type text, item_namespace text, types text[], namespaces text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (types IS NULL OR item_type = ANY (types))
  AND (namespaces IS NULL OR (item_namespace = ANY (namespaces)) IS TRUE
       OR item_namespace IS NULL AND array_position(namespaces, NULL) IS NOT NULL);
--> statement-breakpoint
-- Raises MU409 for a sync that takes nothing more.
CREATE FUNCTION muster.require_open(sync source_syncs, asked_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF sync.committed_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409',
      MESSAGE = format('The sync was committed at %s; open another one', muster.iso(sync.committed_at));
  ELSIF sync.is_cancelled THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = 'The sync was given up; open another one';
  ELSIF sync.expires_at <= asked_at THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format(
      'The sync expired at %s; open another one and send its items again', muster.iso(sync.expires_at));
  END IF;
END $$;
--> statement-breakpoint
-- The sync of a source, locked against its bulks and other ends. Raises MU404.
CREATE FUNCTION muster.lock_sync(of_source integer, wanted uuid) RETURNS source_syncs LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  sync source_syncs;
BEGIN
  SELECT y.* INTO sync FROM source_syncs y JOIN sources s ON s.id = y.source_id
  WHERE y.id = wanted AND y.source_id = of_source AND s.deleted_at IS NULL FOR UPDATE OF y;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU404', MESSAGE = 'Sync not found';
  END IF;
  RETURN sync;
END $$;
--> statement-breakpoint
-- Which source reports: {"source": name}, {"source_id": id}, {"sync_id": id} or {} for none. Answers the sync, or a row with nothing
-- but the source. A sync cannot end, nor a source be removed by whoever locks its row FOR UPDATE, before the bulk has landed.
CREATE FUNCTION muster.report_origin(origin jsonb, asked_at timestamptz) RETURNS source_syncs LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  sync source_syncs;
  kept_until timestamptz(3);
BEGIN
  IF origin ? 'source' THEN
    sync.source_id := muster.source_named(origin ->> 'source');
  ELSIF origin ? 'source_id' THEN
    SELECT s.id INTO sync.source_id FROM sources s
    WHERE s.id = (origin ->> 'source_id')::integer AND s.deleted_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'MU404', MESSAGE = 'Source not found';
    END IF;
  ELSIF origin ? 'sync_id' THEN
    -- FOR KEY SHARE lets other bulks extend the sync meanwhile, and makes its commit wait.
    SELECT y.* INTO sync FROM source_syncs y JOIN sources s ON s.id = y.source_id
    WHERE y.id = (origin ->> 'sync_id')::uuid AND s.deleted_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'MU404', MESSAGE = 'Sync not found';
    END IF;
    PERFORM muster.require_open(sync, asked_at);
    kept_until := least(asked_at + make_interval(secs => sync.idle_seconds), sync.opened_at + interval '24 hours');
    -- A bulk beside this one that is extending it already does so well enough; waiting for it could end in a circle.
    UPDATE source_syncs y SET expires_at = kept_until
    WHERE y.id IN (SELECT o.id FROM source_syncs o WHERE o.id = sync.id AND o.expires_at < kept_until FOR NO KEY UPDATE SKIP LOCKED);
  END IF;
  RETURN sync;
END $$;
--> statement-breakpoint
DROP FUNCTION muster.report_items(jsonb, text, boolean, jsonb);
--> statement-breakpoint
-- Takes in what a source (see report_origin) or a client sees: an array of {ci_type, namespace, name, raw_data, department}
-- with each identity once. Answers a row for each element, by its place (from 1): created, updated, unchanged, reactivated, or outside
-- of the scope of the sync; with atomic one that is outside keeps all from landing, and the answer holds nothing but such.
-- An unchanged item costs its heartbeat and nothing else.
CREATE FUNCTION muster.report_items(context jsonb, origin jsonb, aging boolean, atomic boolean, reported jsonb)
RETURNS TABLE (place integer, outcome text, ci_id uuid) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  seen_at timestamptz(3) := muster.enter(context);
  sync source_syncs := muster.report_origin(origin, seen_at);
  source integer := sync.source_id;
  outside integer[] := '{}';
  places integer[];
  ids uuid[];
  fresh boolean[];
  revived boolean[];
  hashes bytea[];
  types text[];
  namespaces text[];
  names text[];
  departments text[];
  held uuid[];
  declared ci_types;
  moved_ids uuid[];
  moved_documents jsonb[];
BEGIN
  PERFORM set_config('muster.source_id', coalesce(source::text, ''), true);
  PERFORM set_config('muster.writes_one', (jsonb_array_length(reported) = 1)::text, true);
  -- What a sync reports was seen by it, also where this clock is behind that of its opening.
  seen_at := greatest(seen_at, sync.opened_at);
  IF sync.types IS NOT NULL OR sync.namespaces IS NOT NULL THEN
    SELECT coalesce(array_agg(s.place::integer), '{}') INTO outside
    FROM ROWS FROM (jsonb_to_recordset(reported) AS (ci_type text, namespace text)) WITH ORDINALITY AS s (ci_type, namespace, place)
    WHERE NOT muster.in_scope(s.ci_type, s.namespace, sync.types, sync.namespaces);
    RETURN QUERY SELECT o.place, 'outside', NULL::uuid FROM unnest(outside) AS o (place);
    IF atomic AND outside <> '{}' THEN
      RETURN;
    END IF;
  END IF;

  WITH sighting AS MATERIALIZED (
    SELECT s.place::integer, s.ci_type, s.namespace, s.name, s.department, muster.content_hash(
             CASE WHEN t.redacted_paths = '{}' THEN s.raw_data ELSE muster.without_paths(s.raw_data, t.redacted_paths) END,
             t.hidden_paths) AS hash
    FROM ROWS FROM (jsonb_to_recordset(reported) AS (ci_type text, namespace text, name text, department text, raw_data jsonb))
         WITH ORDINALITY AS s (ci_type, namespace, name, department, raw_data, place)
    LEFT JOIN ci_types t ON t.ci_type = s.ci_type
    -- Not the condition itself: the planner would think that it leaves one row.
    WHERE s.place <> ALL (outside)
  ), recorded AS (
    INSERT INTO source_records AS r (source_id, ci_type, namespace, name, ci_id, last_seen, ages, content_hash)
    SELECT source, ci_type, namespace, name, uuidv7(), seen_at, aging, hash FROM sighting
    ORDER BY ci_type, namespace, name
    ON CONFLICT (source_id, ci_type, namespace, name) DO UPDATE SET
      last_seen = greatest(r.last_seen, excluded.last_seen), live = true, ages = r.ages OR excluded.ages,
      content_hash = excluded.content_hash
    RETURNING r.ci_id, r.ci_type, r.namespace, r.name, old.ci_id IS NULL AS fresh, old.live IS FALSE AS revived
  )
  SELECT array_agg(s.place), array_agg(r.ci_id), array_agg(r.fresh), array_agg(r.revived), array_agg(s.hash), array_agg(s.ci_type),
         array_agg(s.namespace), array_agg(s.name), array_agg(s.department)
    INTO places, ids, fresh, revived, hashes, types, namespaces, names, departments
  FROM sighting s
  JOIN recorded r ON r.ci_type = s.ci_type AND r.name = s.name AND r.namespace IS NOT DISTINCT FROM s.namespace;

  -- A new statement, so a new snapshot: the records are ours now. Items that are to be written are locked in one order, for another
  -- source may report or age the same. One whose record came back to life is among them even if it looks as it should: whoever
  -- ages its last other record is to see ours, or we what came of it.
  SELECT array_agg(l.ci_id) INTO held FROM (
    SELECT c.ci_id
    FROM unnest(ids, fresh, revived, hashes, types, namespaces, names, departments)
      AS s (ci_id, fresh, revived, hash, ci_type, namespace, name, department)
    JOIN configuration_items c ON c.ci_id = s.ci_id
    WHERE NOT s.fresh
      AND (s.revived OR c.content_hash <> s.hash OR c.status <> 'active'
           OR (c.ci_type, c.namespace, c.name) IS DISTINCT FROM (s.ci_type, s.namespace, s.name)
           OR c.department IS DISTINCT FROM coalesce(s.department, c.department))
    ORDER BY c.ci_id FOR NO KEY UPDATE OF c) AS l;

  RETURN QUERY
  WITH sighting AS (
    SELECT * FROM unnest(places, ids, fresh, hashes, types, namespaces, names, departments)
      AS u (place, ci_id, fresh, hash, ci_type, namespace, name, department)
  ), differing AS MATERIALIZED (
    SELECT s.*, muster.without_paths(reported -> (s.place - 1) -> 'raw_data', t.redacted_paths) AS raw_data
    FROM sighting s
    LEFT JOIN ci_types t ON t.ci_type = s.ci_type
    WHERE s.fresh OR s.ci_id IN (SELECT unnest(held))
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
-- Opens a sync of a source, of {"types": […], "namespaces": […]} or all; idle seconds after its last bulk it expires. Raises MU404.
CREATE FUNCTION muster.open_sync(context jsonb, of_source integer, scope jsonb, idle integer) RETURNS SETOF source_syncs
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  asked_at timestamptz(3) := muster.enter(context);
  latest timestamptz(3);
BEGIN
  PERFORM FROM sources s WHERE s.id = of_source AND s.deleted_at IS NULL FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU404', MESSAGE = 'Source not found';
  END IF;
  -- What this source reported before is older than the sync, also where its reports went by a clock ahead of this one.
  SELECT max(r.last_seen) INTO latest FROM source_records r WHERE r.last_seen >= asked_at AND r.source_id = of_source;
  RETURN QUERY
  INSERT INTO source_syncs AS y (source_id, types, namespaces, opened_at, expires_at, idle_seconds)
  VALUES (of_source,
          CASE jsonb_typeof(scope -> 'types') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(scope -> 'types')) END,
          CASE jsonb_typeof(scope -> 'namespaces') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(scope -> 'namespaces')) END,
          coalesce(latest + interval '1 millisecond', asked_at), asked_at + make_interval(secs => idle), idle)
  RETURNING y.*;
END $$;
--> statement-breakpoint
-- Gives a sync up; again is no error. Raises MU404, and MU409 for one that was committed.
CREATE FUNCTION muster.cancel_sync(context jsonb, of_source integer, sync_id uuid) RETURNS SETOF source_syncs
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  asked_at timestamptz(3) := muster.enter(context);
  sync source_syncs := muster.lock_sync(of_source, sync_id);
BEGIN
  IF sync.committed_at IS NOT NULL THEN
    PERFORM muster.require_open(sync, asked_at);
  END IF;
  RETURN QUERY UPDATE source_syncs y SET is_cancelled = true WHERE y.id = sync.id RETURNING y.*;
END $$;
--> statement-breakpoint
-- What a sync would turn: items that its records would no longer keep active, and how many others another record keeps so.
CREATE FUNCTION muster.sync_difference(sync source_syncs, unseen uuid[], most_items integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH judged AS MATERIALIZED (
    SELECT u.ci_id, EXISTS (
      SELECT FROM source_records r
      WHERE r.ci_id = u.ci_id AND r.live
        AND (r.source_id = sync.source_id AND r.last_seen < sync.opened_at
             AND muster.in_scope(r.ci_type, r.namespace, sync.types, sync.namespaces)) IS NOT TRUE) AS kept
    FROM (SELECT DISTINCT unnest(unseen)) AS u (ci_id)
  ), shown AS MATERIALIZED (
    SELECT j.ci_id FROM judged j WHERE NOT j.kept ORDER BY j.ci_id LIMIT most_items
  )
  SELECT jsonb_build_object(
    'deactivated', (SELECT count(*) FROM judged j WHERE NOT j.kept),
    'kept', (SELECT count(*) FROM judged j WHERE j.kept),
    'items', coalesce((
      SELECT jsonb_agg(jsonb_build_object('ci_id', c.ci_id, 'ci_type', c.ci_type, 'namespace', c.namespace, 'name', c.name)
                       ORDER BY c.ci_type, c.namespace, c.name, c.ci_id)
      FROM configuration_items c WHERE c.ci_id = ANY (ARRAY(SELECT s.ci_id FROM shown s))), '[]'))
$$;
--> statement-breakpoint
-- Ends a sync: the live records of its source and scope that it did not see age, and items that no source sees any more go inactive.
-- options: {"max_drop_percent", "force", "dry_run"}. Answers {"verdict", "counts", …}: committed, and the same again for a sync that is;
-- held when more than max_drop_percent of the records, and at least ten, are unseen, which changes nothing; open for a dry run, which
-- never does. Records of items that are not active do not count. Raises MU404 and MU409.
CREATE FUNCTION muster.commit_sync(context jsonb, of_source integer, sync_id uuid, options jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  asked_at timestamptz(3) := muster.enter(context);
  is_dry boolean := (options ->> 'dry_run')::boolean;
  sync source_syncs;
  seen integer;
  unseen uuid[];
  past uuid[];
  total integer;
  trips boolean;
  difference jsonb;
  places tid[];
  turned integer;
  kept integer;
  ending jsonb;
BEGIN
  IF is_dry THEN
    SELECT y.* INTO sync FROM source_syncs y JOIN sources s ON s.id = y.source_id
    WHERE y.id = sync_id AND y.source_id = of_source AND s.deleted_at IS NULL;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'MU404', MESSAGE = 'Sync not found';
    END IF;
  ELSE
    sync := muster.lock_sync(of_source, sync_id);
  END IF;
  IF sync.committed_at IS NOT NULL THEN
    RETURN sync.outcome;
  END IF;
  PERFORM muster.require_open(sync, asked_at);
  PERFORM set_config('muster.source_id', of_source::text, true);

  -- Records alone: a sync that missed nothing never looks at an item.
  SELECT count(*) FILTER (WHERE r.last_seen >= sync.opened_at),
         coalesce(array_agg(r.ci_id) FILTER (WHERE r.last_seen < sync.opened_at), '{}')
    INTO seen, unseen
  FROM source_records r
  WHERE r.source_id = of_source AND r.live AND muster.in_scope(r.ci_type, r.namespace, sync.types, sync.namespaces);
  IF unseen <> '{}' THEN
    SELECT array_agg(c.ci_id) INTO past FROM configuration_items c WHERE c.ci_id = ANY (unseen) AND c.status <> 'active';
    IF past IS NOT NULL THEN
      unseen := ARRAY(SELECT u.ci_id FROM unnest(unseen) AS u (ci_id) WHERE u.ci_id NOT IN (SELECT unnest(past)));
    END IF;
  END IF;
  total := seen + cardinality(unseen);
  trips := cardinality(unseen) >= 10 AND cardinality(unseen) * 100.0 > total * (options ->> 'max_drop_percent')::numeric;

  IF is_dry OR trips AND NOT (options ->> 'force')::boolean THEN
    difference := muster.sync_difference(sync, unseen, CASE WHEN is_dry THEN 1000 ELSE 0 END);
    RETURN jsonb_build_object(
      'verdict', CASE WHEN is_dry THEN 'open' ELSE 'held' END,
      'would_trip_fuse', trips, 'items', difference -> 'items', 'counts', jsonb_build_object(
        'seen', seen, 'unseen', cardinality(unseen), 'deactivated', difference -> 'deactivated',
        'kept_by_other_sources', difference -> 'kept'));
  END IF;

  turned := 0;
  kept := 0;
  IF unseen <> '{}' THEN
    SELECT array_agg(l.ctid), coalesce(array_agg(l.ci_id), '{}') INTO places, unseen FROM (
      SELECT r.ctid, r.ci_id FROM source_records r
      WHERE r.source_id = of_source AND r.live AND r.last_seen < sync.opened_at
        AND muster.in_scope(r.ci_type, r.namespace, sync.types, sync.namespaces)
        AND r.ci_id NOT IN (SELECT unnest(past))
      ORDER BY r.ci_type, r.namespace, r.name FOR NO KEY UPDATE) AS l;
    -- Locked rows stay where they are, so their places are as good as their names.
    UPDATE source_records r SET live = false WHERE r.ctid = ANY (places);
    turned := muster.deactivate_unseen(unseen, asked_at);
    SELECT count(*) INTO kept FROM (SELECT DISTINCT unnest(unseen)) AS u (ci_id)
    WHERE EXISTS (SELECT FROM source_records r WHERE r.ci_id = u.ci_id AND r.live);
  END IF;
  ending := jsonb_build_object(
    'verdict', 'committed', 'committed_at', muster.iso(asked_at), 'forced', trips, 'counts', jsonb_build_object(
      'seen', total - cardinality(unseen), 'unseen', cardinality(unseen), 'deactivated', turned, 'kept_by_other_sources', kept));
  UPDATE source_syncs y SET committed_at = asked_at, outcome = ending WHERE y.id = sync.id;
  RETURN ending;
END $$;
--> statement-breakpoint
-- Forgets up to batch syncs that expired before an instant; one that ended otherwise did so before it would have expired.
CREATE FUNCTION muster.forget_syncs(expired_before timestamptz, batch integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  forgotten integer;
BEGIN
  DELETE FROM source_syncs y WHERE y.id IN (
    SELECT o.id FROM source_syncs o WHERE o.expires_at < expired_before ORDER BY o.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.in_scope(text, text, text[], text[]), muster.require_open(source_syncs, timestamptz),
  muster.lock_sync(integer, uuid), muster.report_origin(jsonb, timestamptz),
  muster.report_items(jsonb, jsonb, boolean, boolean, jsonb), muster.open_sync(jsonb, integer, jsonb, integer),
  muster.cancel_sync(jsonb, integer, uuid), muster.sync_difference(source_syncs, uuid[], integer),
  muster.commit_sync(jsonb, integer, uuid, jsonb), muster.forget_syncs(timestamptz, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.report_items(jsonb, jsonb, boolean, boolean, jsonb),
  muster.open_sync(jsonb, integer, jsonb, integer), muster.cancel_sync(jsonb, integer, uuid),
  muster.commit_sync(jsonb, integer, uuid, jsonb) TO muster_api;
--> statement-breakpoint
GRANT SELECT ON source_syncs TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.forget_syncs(timestamptz, integer) TO muster_jobs;
