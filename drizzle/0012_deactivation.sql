-- What turns items inactive does so in one place: sweeps, syncs and the end of a source age records, and whoever ages the last live
-- record of an item turns it.

-- Turns those of these items inactive that no source sees any more; their records were aged by this transaction. Answers how many.
-- The items are locked first and looked at in a later snapshot: of two transactions that age one record each of an item, the second
-- waits for the first and sees what it did.
CREATE FUNCTION muster.deactivate_unseen(ids uuid[], turned_at timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  turned integer;
BEGIN
  PERFORM FROM configuration_items c WHERE c.ci_id = ANY (ids) AND c.status = 'active' ORDER BY c.ci_id FOR NO KEY UPDATE;
  UPDATE configuration_items c SET
    status = 'inactive', status_updated_at = turned_at, version = c.version + 1, updated_at = greatest(c.updated_at, turned_at)
  WHERE c.ci_id = ANY (ids) AND c.status = 'active'
    AND NOT EXISTS (SELECT FROM source_records r WHERE r.ci_id = c.ci_id AND r.live);
  GET DIAGNOSTICS turned = ROW_COUNT;
  RETURN turned;
END $$;
--> statement-breakpoint
-- Ages up to batch records that were not seen for their threshold, and turns the items that no source sees any more inactive.
-- A record that is being reported this moment is passed over. Answers {records, items}; fewer records than batch means done.
CREATE OR REPLACE FUNCTION muster.sweep_unseen(context jsonb, batch integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  swept_at timestamptz(3) := muster.enter(context);
  shortest integer := (SELECT min(s.inactive_after_seconds) FROM lifecycle_settings s);
  aged uuid[];
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
  RETURN jsonb_build_object('records', cardinality(aged), 'items', muster.deactivate_unseen(aged, swept_at));
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.deactivate_unseen(uuid[], timestamptz) FROM PUBLIC;
