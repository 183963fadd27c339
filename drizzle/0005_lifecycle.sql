-- Lifecycle and housekeeping, run by the jobs' role in bounded batches. Time comes in with the context, never from a tick.

INSERT INTO lifecycle_settings (inactive_after_seconds, archive_after_seconds, purge_after_seconds)
VALUES (86400, 604800, 604800);
--> statement-breakpoint
-- The thresholds in force for a type and namespace: a matching type goes before a matching namespace, a longer pattern before a shorter.
CREATE FUNCTION muster.lifecycle_rule(item_type text, item_namespace text) RETURNS SETOF lifecycle_settings
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT s.* FROM public.lifecycle_settings s
  WHERE (s.ci_type IS NULL OR muster.matches(item_type, s.ci_type))
    AND (s.namespace IS NULL OR muster.matches(item_namespace, s.namespace))
  ORDER BY s.ci_type IS NULL, s.namespace IS NULL, length(s.ci_type) DESC, length(s.namespace) DESC, s.id
  LIMIT 1
$$;
--> statement-breakpoint
-- Ages up to batch records that were not seen for their threshold, and turns the items that no source sees any more inactive.
-- A record that is being reported this moment is passed over. Answers {records, items}; fewer records than batch means done.
CREATE FUNCTION muster.sweep_unseen(context jsonb, batch integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  swept_at timestamptz(3) := muster.enter(context);
  shortest integer := (SELECT min(s.inactive_after_seconds) FROM lifecycle_settings s);
  aged uuid[];
  items integer;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT r.source_id, r.ci_type, r.namespace, r.name FROM source_records r
    WHERE r.live AND r.ages AND r.last_seen < swept_at - make_interval(secs => shortest)
      AND r.last_seen < swept_at - make_interval(
            secs => (SELECT rule.inactive_after_seconds FROM muster.lifecycle_rule(r.ci_type, r.namespace) AS rule))
    ORDER BY r.last_seen LIMIT batch FOR UPDATE SKIP LOCKED
  ), aged_records AS (
    UPDATE source_records r SET live = false FROM due d
    WHERE r.ci_type = d.ci_type AND r.name = d.name AND r.source_id IS NOT DISTINCT FROM d.source_id
      AND r.namespace IS NOT DISTINCT FROM d.namespace
    RETURNING r.ci_id
  )
  SELECT coalesce(array_agg(a.ci_id), '{}') INTO aged FROM aged_records a;

  UPDATE configuration_items c SET
    status = 'inactive', status_updated_at = swept_at, version = c.version + 1, updated_at = greatest(c.updated_at, swept_at)
  WHERE c.ci_id = ANY (aged) AND c.status = 'active'
    AND NOT EXISTS (SELECT FROM source_records r WHERE r.ci_id = c.ci_id AND r.live);
  GET DIAGNOSTICS items = ROW_COUNT;
  RETURN jsonb_build_object('records', cardinality(aged), 'items', items);
END $$;
--> statement-breakpoint
-- Archives up to batch items that have been inactive for their threshold. Answers how many.
CREATE FUNCTION muster.sweep_inactive(context jsonb, batch integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  swept_at timestamptz(3) := muster.enter(context);
  shortest integer := (SELECT min(s.archive_after_seconds) FROM lifecycle_settings s);
  archived integer;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT c.ci_id FROM configuration_items c
    WHERE c.status = 'inactive' AND c.status_updated_at < swept_at - make_interval(secs => shortest)
      AND c.status_updated_at < swept_at - make_interval(
            secs => (SELECT rule.archive_after_seconds FROM muster.lifecycle_rule(c.ci_type, c.namespace) AS rule))
    ORDER BY c.status_updated_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE configuration_items c SET
    status = 'archived', status_updated_at = swept_at, version = c.version + 1, updated_at = greatest(c.updated_at, swept_at)
  FROM due d WHERE c.ci_id = d.ci_id AND c.status = 'inactive';
  GET DIAGNOSTICS archived = ROW_COUNT;
  RETURN archived;
END $$;
--> statement-breakpoint
-- What is due for removal, by source: so many of so many items.
CREATE FUNCTION muster.purge_forecast(swept_at timestamptz) RETURNS TABLE (source_id integer, due bigint, total bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT d.source_id, d.due, (SELECT sum(n.n) FROM item_counts n WHERE n.source_id IS NOT DISTINCT FROM d.source_id)
  FROM (
    SELECT c.source_id, count(*) AS due FROM configuration_items c
    WHERE c.status = 'archived' AND c.status_updated_at < swept_at - make_interval(
            secs => (SELECT min(s.purge_after_seconds) FROM lifecycle_settings s))
      AND c.status_updated_at < swept_at - make_interval(
            secs => (SELECT rule.purge_after_seconds FROM muster.lifecycle_rule(c.ci_type, c.namespace) AS rule))
    GROUP BY c.source_id
  ) AS d ORDER BY d.source_id
$$;
--> statement-breakpoint
-- Removes up to batch items of the given sources (0 stands for none) that have been archived for their retention. Answers how many;
-- an item that is being reported or written this moment is passed over.
CREATE FUNCTION muster.purge_archived(context jsonb, batch integer, of_sources integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  swept_at timestamptz(3) := muster.enter(context);
  shortest integer := (SELECT min(s.purge_after_seconds) FROM lifecycle_settings s);
  candidates uuid[];
  busy uuid[];
  purged uuid[];
BEGIN
  SELECT array_agg(d.ci_id) INTO candidates FROM (
    SELECT c.ci_id FROM configuration_items c
    WHERE c.status = 'archived' AND c.status_updated_at < swept_at - make_interval(secs => shortest)
      AND c.status_updated_at < swept_at - make_interval(
            secs => (SELECT rule.purge_after_seconds FROM muster.lifecycle_rule(c.ci_type, c.namespace) AS rule))
      AND coalesce(c.source_id, 0) = ANY (of_sources)
    ORDER BY c.status_updated_at LIMIT batch) AS d;
  WITH free AS (
    SELECT r.ctid FROM source_records r WHERE r.ci_id = ANY (candidates)
    ORDER BY r.source_id, r.ci_type, r.namespace, r.name FOR UPDATE SKIP LOCKED
  )
  SELECT array_agg(r.ci_id) INTO busy FROM source_records r
  WHERE r.ci_id = ANY (candidates) AND r.ctid NOT IN (SELECT f.ctid FROM free f);
  WITH removable AS MATERIALIZED (
    SELECT c.ci_id FROM configuration_items c
    WHERE c.ci_id = ANY (candidates) AND c.ci_id <> ALL (coalesce(busy, '{}')) AND c.status = 'archived'
    FOR UPDATE SKIP LOCKED
  ), removed AS (
    DELETE FROM configuration_items c USING removable d WHERE c.ci_id = d.ci_id RETURNING c.ci_id
  )
  SELECT array_agg(d.ci_id) INTO purged FROM removed d;
  DELETE FROM source_records r WHERE r.ci_id = ANY (purged);
  RETURN coalesce(cardinality(purged), 0);
END $$;
--> statement-breakpoint
-- Folds the deltas of item_counts where a group has more than one row. Answers how many rows went away; two at once are one.
CREATE FUNCTION muster.fold_item_counts() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  removed integer;
  added integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.fold_item_counts')) THEN
    RETURN 0;
  END IF;
  WITH crowded AS (
    SELECT k.place FROM (
      SELECT n.ctid AS place, count(*) OVER (PARTITION BY n.status, n.ci_type, n.namespace, n.source_id, n.department) AS rows
      FROM item_counts n) AS k
    WHERE k.rows > 1
  ), gone AS (
    DELETE FROM item_counts n USING crowded c WHERE n.ctid = c.place RETURNING n.*
  ), folded AS (
    INSERT INTO item_counts (status, ci_type, namespace, source_id, department, n)
    SELECT g.status, g.ci_type, g.namespace, g.source_id, g.department, sum(g.n) FROM gone g
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(g.n) <> 0
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM folded) INTO removed, added;
  RETURN removed - added;
END $$;
--> statement-breakpoint
-- Records a run of a job and forgets runs older than 90 days.
CREATE FUNCTION muster.record_job_run(job text, started_at timestamptz, finished_at timestamptz, outcome text, details jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM job_runs r WHERE r.job = record_job_run.job AND r.started_at < record_job_run.started_at - interval '90 days';
  INSERT INTO job_runs (job, started_at, finished_at, outcome, details)
  VALUES (record_job_run.job, record_job_run.started_at, record_job_run.finished_at, record_job_run.outcome, record_job_run.details)
$$;
--> statement-breakpoint
-- What each role may do, and nothing else.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA muster FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.iso(timestamptz), muster.only_paths(jsonb, jsonb), muster.field_name(text[]),
  muster.shown_value(jsonb, boolean), muster.current_item(uuid), muster.current_last_seen(uuid),
  muster.report_items(jsonb, text, boolean, jsonb), muster.write_item(jsonb, uuid, jsonb, boolean),
  muster.archive_item(jsonb, uuid) TO muster_api;
--> statement-breakpoint
GRANT SELECT ON configuration_items, source_records, sources, item_counts, changes, ci_types, api_keys, users TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.sweep_unseen(jsonb, integer), muster.sweep_inactive(jsonb, integer),
  muster.purge_forecast(timestamptz), muster.purge_archived(jsonb, integer, integer[]), muster.fold_item_counts(),
  muster.ensure_change_partitions(timestamptz, timestamptz),
  muster.record_job_run(text, timestamptz, timestamptz, text, jsonb) TO muster_jobs;
