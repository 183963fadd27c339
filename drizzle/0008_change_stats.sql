-- Statistics of changes come from rollups plus whatever the log holds beyond them. The watermark `stats` parts the two: all
-- transactions below its xid had ended when their changes were taken in, so nothing is counted twice and nothing is missed.

INSERT INTO change_watermarks (name, xid, batch, updated_at) VALUES ('totals', '0', 0, now());
--> statement-breakpoint
-- Changes a day (UTC). Holds what change_stats held at the batch of the watermark `totals`; a day that a later batch touched is
-- read from change_stats instead.
CREATE MATERIALIZED VIEW change_totals AS
  SELECT (s.hour AT TIME ZONE 'UTC')::date AS day, s.change_type, s.ci_type, s.namespace, s.source_id, s.department, sum(s.n) AS n
  FROM change_stats s GROUP BY 1, 2, 3, 4, 5, 6;
--> statement-breakpoint
CREATE UNIQUE INDEX change_totals_key ON change_totals (day, change_type, ci_type, namespace, source_id, department)
  NULLS NOT DISTINCT;
--> statement-breakpoint
-- Which items changed in which month (UTC), as change_days has it for days: what makes a wide window cheap.
CREATE TABLE change_months (
  month date NOT NULL,
  ci_id uuid NOT NULL,
  source_id integer,
  ci_type text COLLATE pg_c_utf8 NOT NULL,
  namespace text COLLATE pg_c_utf8,
  department text COLLATE pg_c_utf8,
  CONSTRAINT change_months_key UNIQUE NULLS NOT DISTINCT (month, ci_id, ci_type, namespace, source_id, department)
);
--> statement-breakpoint
-- The changes from a transaction on. Found by the index on xid, whatever the planner believes: it cannot know how few they are,
-- and no partition can be left out. STABLE, so it sees what the statement around it sees.
CREATE FUNCTION muster.changes_since(first_xid xid8) RETURNS TABLE (changed_at timestamptz(3), ci_id uuid, source_id integer,
  change_type text, ci_type text, namespace text, department text)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1000 SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
  SELECT c.changed_at, c.ci_id, c.source_id, c.change_type, c.ci_type, c.namespace, c.department
  FROM changes c WHERE c.xid >= first_xid
$$;
--> statement-breakpoint
-- Takes about batch_size changes, whole transactions and one at least, into the rollups and moves the watermark past them. Answers
-- {taken, finished, skipped}: finished when nothing that had ended is left, skipped when another run is at it.
CREATE FUNCTION muster.refresh_change_stats(refreshed_at timestamptz, batch_size integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  mark change_watermarks;
  ceiling xid8;
  bound xid8;
  taken_in integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.refresh_change_stats')) THEN
    RETURN jsonb_build_object('taken', 0, 'finished', false, 'skipped', true);
  END IF;
  SELECT w.* INTO STRICT mark FROM change_watermarks w WHERE w.name = 'stats';
  ceiling := pg_snapshot_xmin(pg_current_snapshot());
  IF ceiling < mark.xid THEN
    RAISE EXCEPTION 'the change log was restored from another server: empty change_stats, change_days and change_months, and set the xid of change_watermarks to 0';
  END IF;
  SELECT c.xid INTO bound FROM changes c WHERE c.xid >= mark.xid AND c.xid < ceiling
    ORDER BY c.xid OFFSET batch_size LIMIT 1;
  IF bound IS NOT NULL AND NOT EXISTS (SELECT FROM changes c WHERE c.xid >= mark.xid AND c.xid < bound) THEN
    -- One transaction fills the batch and more.
    bound := (bound::text::bigint + 1)::text::xid8;
  END IF;

  WITH taken AS MATERIALIZED (
    SELECT date_trunc('hour', c.changed_at, 'UTC') AS hour, c.ci_id, c.source_id, c.change_type, c.ci_type, c.namespace, c.department
    FROM changes c WHERE c.xid >= mark.xid AND c.xid < coalesce(bound, ceiling)
  ), counted AS (
    INSERT INTO change_stats AS s (hour, change_type, ci_type, namespace, source_id, department, batch, n)
    SELECT t.hour, t.change_type, t.ci_type, t.namespace, t.source_id, t.department, mark.batch + 1, count(*)
    FROM taken t GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT ON CONSTRAINT change_stats_key DO UPDATE SET n = s.n + excluded.n, batch = excluded.batch
  ), daily AS (
    INSERT INTO change_days (day, ci_id, ci_type, namespace, source_id, department)
    SELECT DISTINCT (t.hour AT TIME ZONE 'UTC')::date, t.ci_id, t.ci_type, t.namespace, t.source_id, t.department
    FROM taken t
    ON CONFLICT ON CONSTRAINT change_days_key DO NOTHING
  ), monthly AS (
    INSERT INTO change_months (month, ci_id, ci_type, namespace, source_id, department)
    SELECT DISTINCT date_trunc('month', t.hour AT TIME ZONE 'UTC')::date, t.ci_id, t.ci_type, t.namespace, t.source_id,
      t.department
    FROM taken t
    ON CONFLICT ON CONSTRAINT change_months_key DO NOTHING
  )
  SELECT count(*) INTO taken_in FROM taken;

  UPDATE change_watermarks w SET
    xid = coalesce(bound, ceiling), batch = w.batch + (taken_in > 0)::integer, updated_at = refreshed_at
  WHERE w.name = 'stats';
  RETURN jsonb_build_object('taken', taken_in, 'finished', bound IS NULL, 'skipped', false);
END $$;
--> statement-breakpoint
-- Brings change_totals up to the rollup. Answers whether it did; false when another run is at it. CONCURRENTLY is not for the
-- readers' comfort: it alone leaves a statement that began before with the rows that belong to its watermarks.
CREATE FUNCTION muster.refresh_change_totals(refreshed_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  -- Read before the view is: a batch that comes in between is in the view and counts as unseen, which costs and never errs.
  seen bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.refresh_change_totals')) THEN
    RETURN false;
  END IF;
  SELECT w.batch INTO STRICT seen FROM change_watermarks w WHERE w.name = 'stats';
  REFRESH MATERIALIZED VIEW CONCURRENTLY change_totals;
  UPDATE change_watermarks w SET batch = seen, updated_at = refreshed_at WHERE w.name = 'totals';
  RETURN true;
END $$;
--> statement-breakpoint
-- Drops the monthly partitions of a table that ended by an instant. Answers how many. A drop shuts everyone out of the table: it
-- gives way where that would keep them waiting, and tomorrow is another night.
CREATE FUNCTION muster.drop_old_partitions(parent regclass, kept_from timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  old_partition regclass;
  dropped integer := 0;
BEGIN
  FOR old_partition IN
    SELECT p.oid::regclass FROM pg_class p JOIN pg_inherits i ON i.inhrelid = p.oid
    WHERE i.inhparent = parent
      AND (regexp_match(pg_get_expr(p.relpartbound, p.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz <= kept_from
    ORDER BY p.relname
  LOOP
    EXECUTE format('DROP TABLE %s', old_partition);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
--> statement-breakpoint
-- Drops the months of the log that ended by an instant, with what was rolled up of them. Answers {partitions, hours}: what went.
CREATE FUNCTION muster.drop_old_changes(before timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  kept_from timestamptz := date_trunc('month', before, 'UTC');
  hours integer;
BEGIN
  -- A refresh meanwhile could roll up what is being dropped.
  PERFORM pg_advisory_xact_lock(hashtext('muster.refresh_change_stats'));
  DELETE FROM change_stats s WHERE s.hour < kept_from;
  GET DIAGNOSTICS hours = ROW_COUNT;
  DELETE FROM change_days d WHERE d.day < (kept_from AT TIME ZONE 'UTC')::date;
  DELETE FROM change_months d WHERE d.month < (kept_from AT TIME ZONE 'UTC')::date;
  IF hours > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtext('muster.refresh_change_totals'));
    REFRESH MATERIALIZED VIEW CONCURRENTLY change_totals;
    UPDATE change_watermarks w SET batch = s.batch FROM change_watermarks s WHERE w.name = 'totals' AND s.name = 'stats';
  END IF;
  -- Last, so that the log is shut for a moment only.
  RETURN jsonb_build_object('partitions', muster.drop_old_partitions('public.changes', kept_from), 'hours', hours);
END $$;
--> statement-breakpoint
-- The same for what the search knows of the log. A transaction of its own: readers lock both tables, and one that shuts both
-- would meet them in the middle.
CREATE FUNCTION muster.drop_old_change_search(before timestamptz) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT muster.drop_old_partitions('public.change_search', date_trunc('month', before, 'UTC'))
$$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.changes_since(xid8), muster.refresh_change_stats(timestamptz, integer),
  muster.refresh_change_totals(timestamptz), muster.drop_old_partitions(regclass, timestamptz),
  muster.drop_old_changes(timestamptz), muster.drop_old_change_search(timestamptz) FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT ON change_stats, change_days, change_months, change_totals, change_watermarks TO muster_api;
--> statement-breakpoint
-- The last is for the refresh that a caller asks for, which is on record like any other.
GRANT EXECUTE ON FUNCTION muster.changes_since(xid8), muster.refresh_change_stats(timestamptz, integer),
  muster.refresh_change_totals(timestamptz), muster.record_job_run(text, timestamptz, timestamptz, text, jsonb) TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.refresh_change_stats(timestamptz, integer), muster.refresh_change_totals(timestamptz),
  muster.drop_old_changes(timestamptz), muster.drop_old_change_search(timestamptz) TO muster_jobs;
