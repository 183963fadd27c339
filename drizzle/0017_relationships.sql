-- Relationships as callers state them, and the history of all relationships, whoever writes them.

-- One row of history, as each of the triggers fills it.
CREATE FUNCTION muster.relationship_content(properties jsonb, confidence real, evidence jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('properties', properties, 'confidence', confidence, 'evidence', evidence);
--> statement-breakpoint
CREATE FUNCTION muster.relationships_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows) THEN
    RETURN NULL;
  END IF;
  INSERT INTO relationship_changes (change_type, changed_at, relationship_id, source_ci_id, target_ci_id, relationship_type,
                                    source_id, actor, request_id, reason, becomes)
  SELECT 'CREATED', muster.request_now(), n.id, n.source_ci_id, n.target_ci_id, n.relationship_type, n.source_id,
         nullif(current_setting('muster.actor', true), ''), nullif(current_setting('muster.request_id', true), ''),
         nullif(current_setting('muster.reason', true), ''),
         muster.relationship_content(n.properties, n.confidence, n.evidence)
  FROM new_rows n;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- A relationship that was only seen again leaves nothing. One that becomes another (an operator moves its end) is the end of the
-- one and the beginning of the other, so that both ends tell of it.
CREATE FUNCTION muster.relationships_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows) THEN
    RETURN NULL;
  END IF;
  INSERT INTO relationship_changes (change_type, changed_at, relationship_id, source_ci_id, target_ci_id, relationship_type,
                                    source_id, actor, request_id, reason, was, becomes)
  SELECT CASE WHEN o.id IS NULL THEN 'CREATED' WHEN n.id IS NULL THEN 'REMOVED' ELSE 'UPDATED' END, muster.request_now(),
         coalesce(n.id, o.id), coalesce(n.source_ci_id, o.source_ci_id), coalesce(n.target_ci_id, o.target_ci_id),
         coalesce(n.relationship_type, o.relationship_type), CASE WHEN n.id IS NULL THEN o.source_id ELSE n.source_id END,
         nullif(current_setting('muster.actor', true), ''), nullif(current_setting('muster.request_id', true), ''),
         nullif(current_setting('muster.reason', true), ''),
         CASE WHEN o.id IS NOT NULL THEN muster.relationship_content(o.properties, o.confidence, o.evidence) END,
         CASE WHEN n.id IS NOT NULL THEN muster.relationship_content(n.properties, n.confidence, n.evidence) END
  FROM old_rows o
  FULL JOIN new_rows n ON n.id = o.id AND n.source_ci_id = o.source_ci_id AND n.target_ci_id = o.target_ci_id
    AND n.relationship_type = o.relationship_type AND n.extracted = o.extracted
    AND coalesce(n.source_id, 0) = coalesce(o.source_id, 0)
  WHERE o.id IS NULL OR n.id IS NULL
     OR (n.properties, n.confidence, n.evidence) IS DISTINCT FROM (o.properties, o.confidence, o.evidence)
  ORDER BY o.id IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.relationships_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows) THEN
    RETURN NULL;
  END IF;
  INSERT INTO relationship_changes (change_type, changed_at, relationship_id, source_ci_id, target_ci_id, relationship_type,
                                    source_id, actor, request_id, reason, was)
  SELECT 'REMOVED', muster.request_now(), o.id, o.source_ci_id, o.target_ci_id, o.relationship_type, o.source_id,
         nullif(current_setting('muster.actor', true), ''), nullif(current_setting('muster.request_id', true), ''),
         nullif(current_setting('muster.reason', true), ''),
         muster.relationship_content(o.properties, o.confidence, o.evidence)
  FROM old_rows o;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER relationships_inserted AFTER INSERT ON relationships
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relationships_inserted();
--> statement-breakpoint
CREATE TRIGGER relationships_updated AFTER UPDATE ON relationships
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relationships_updated();
--> statement-breakpoint
CREATE TRIGGER relationships_deleted AFTER DELETE ON relationships
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relationships_deleted();
--> statement-breakpoint
CREATE OR REPLACE FUNCTION muster.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% cannot be truncated: nothing would be left of it in the log; delete rows instead', TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON relationships
  FOR EACH STATEMENT EXECUTE FUNCTION muster.refuse_truncate();
--> statement-breakpoint
-- Items that are removed for good take their relationships with them. Locked in the order of their ids first: two removals that
-- share relationships wait for each other.
CREATE FUNCTION muster.relationships_of_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  orphans uuid[] := ARRAY(
    SELECT r.id FROM old_rows o JOIN relationships r ON r.source_ci_id = o.ci_id
    UNION SELECT r.id FROM old_rows o JOIN relationships r ON r.target_ci_id = o.ci_id);
BEGIN
  PERFORM FROM relationships r WHERE r.id = ANY (orphans) ORDER BY r.id FOR UPDATE;
  DELETE FROM relationships r WHERE r.id = ANY (orphans);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER relationships_of_removed AFTER DELETE ON configuration_items
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relationships_of_removed();
--> statement-breakpoint
-- Takes in relationships that a caller states: an array of {source_ci_id, target_ci_id, relationship_type, properties, confidence,
-- evidence}, each with other ends, type or direction than the others; of a known one the last three keep their value where they are
-- absent. `visible` are those of the ends that the caller may see. Answers a row for each element, by its place (from 1): created,
-- updated, unchanged, or error with the keys of the ends that are not there.
CREATE FUNCTION muster.state_relationships(context jsonb, source_name text, stated jsonb, visible uuid[])
RETURNS TABLE (place integer, outcome text, id uuid, missing text[]) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  seen_at timestamptz(3) := muster.enter(context);
  source integer;
  held uuid[];
  places integer[];
  ids uuid[];
  fresh boolean[];
BEGIN
  -- Who removes one of these items for good meanwhile waits, and then finds its new relationship too.
  SELECT coalesce(array_agg(k.ci_id), '{}') INTO held FROM (
    SELECT c.ci_id FROM configuration_items c WHERE c.ci_id = ANY (visible) ORDER BY c.ci_id FOR KEY SHARE) AS k;

  SELECT array_agg(e.place::integer) INTO places FROM jsonb_array_elements(stated) WITH ORDINALITY AS e (said, place)
  WHERE (e.said ->> 'source_ci_id')::uuid IN (SELECT unnest(held))
    AND (e.said ->> 'target_ci_id')::uuid IN (SELECT unnest(held));
  IF source_name IS NOT NULL AND places IS NOT NULL THEN
    source := muster.source_named(source_name);
  END IF;

  WITH statement AS MATERIALIZED (
    SELECT p.place, (e.said ->> 'source_ci_id')::uuid AS source_ci_id, e.said ->> 'relationship_type' AS relationship_type,
           (e.said ->> 'target_ci_id')::uuid AS target_ci_id, coalesce(e.said -> 'properties', '{}') AS properties,
           coalesce((e.said ->> 'confidence')::real, 1) AS confidence, nullif(e.said -> 'evidence', 'null') AS evidence
    FROM unnest(places) AS p (place) CROSS JOIN LATERAL (SELECT stated -> (p.place - 1) AS said) AS e
  ), landed AS (
    INSERT INTO relationships AS r (source_ci_id, relationship_type, target_ci_id, source_id, extracted, properties, confidence,
                                    evidence, first_seen, last_seen)
    SELECT s.source_ci_id, s.relationship_type, s.target_ci_id, source, false, s.properties, s.confidence, s.evidence,
           seen_at, seen_at
    FROM statement s ORDER BY s.source_ci_id, s.relationship_type, s.target_ci_id
    ON CONFLICT (source_ci_id, relationship_type, target_ci_id, source_id, extracted) DO UPDATE SET
      last_seen = greatest(r.last_seen, excluded.last_seen)
    RETURNING r.id, r.source_ci_id, r.relationship_type, r.target_ci_id, old.id IS NULL AS fresh
  )
  SELECT array_agg(s.place), array_agg(l.id), array_agg(l.fresh) INTO places, ids, fresh
  FROM statement s
  JOIN landed l ON l.source_ci_id = s.source_ci_id AND l.relationship_type = s.relationship_type
    AND l.target_ci_id = s.target_ci_id;

  -- Those that were known are ours now, and as the last writer left them.
  RETURN QUERY
  WITH known AS MATERIALIZED (
    SELECT u.place, u.id, u.fresh, stated -> (u.place - 1) AS said
    FROM unnest(places, ids, fresh) AS u (place, id, fresh)
  ), becoming AS (
    SELECT r.id, coalesce(k.said -> 'properties', r.properties) AS properties,
           coalesce((k.said ->> 'confidence')::real, r.confidence) AS confidence,
           CASE WHEN k.said ? 'evidence' THEN nullif(k.said -> 'evidence', 'null') ELSE r.evidence END AS evidence
    FROM known k JOIN relationships r ON r.id = k.id WHERE NOT k.fresh
  ), updated AS (
    UPDATE relationships r SET properties = b.properties, confidence = b.confidence, evidence = b.evidence
    FROM becoming b
    WHERE r.id = b.id
      AND (r.properties, r.confidence, r.evidence) IS DISTINCT FROM (b.properties, b.confidence, b.evidence)
    RETURNING r.id
  )
  SELECT e.place::integer, CASE WHEN k.id IS NULL THEN 'error' WHEN k.fresh THEN 'created'
                                WHEN u.id IS NOT NULL THEN 'updated' ELSE 'unchanged' END, k.id,
         ARRAY(SELECT d.key FROM unnest(ARRAY['source_ci_id', 'target_ci_id']) AS d (key)
               WHERE (e.said ->> d.key)::uuid <> ALL (held))
  FROM jsonb_array_elements(stated) WITH ORDINALITY AS e (said, place)
  LEFT JOIN known k ON k.place = e.place
  LEFT JOIN updated u ON u.id = k.id
  ORDER BY e.place;
END $$;
--> statement-breakpoint
-- Removes a relationship. False where there is no such one.
CREATE FUNCTION muster.remove_relationship(context jsonb, relationship_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM muster.enter(context);
  DELETE FROM relationships r WHERE r.id = relationship_id;
  RETURN FOUND;
END $$;
--> statement-breakpoint
-- The relationship as this very statement has left it.
CREATE FUNCTION muster.current_relationship(relationship_id uuid) RETURNS SETOF relationships
LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT r.* FROM public.relationships r WHERE r.id = relationship_id;
END $$;
--> statement-breakpoint
-- Forgets up to batch changes of relationships from before an instant, the oldest first. Answers how many; two at once are one.
CREATE FUNCTION muster.drop_old_relationship_changes(before timestamptz, batch integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  dropped integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.drop_old_relationship_changes')) THEN
    RETURN 0;
  END IF;
  DELETE FROM relationship_changes h WHERE h.id IN (
    SELECT d.id FROM relationship_changes d WHERE d.changed_at < before ORDER BY d.changed_at LIMIT batch);
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;
--> statement-breakpoint
-- Relationships that are stated again are rewritten in place.
ALTER TABLE relationships SET (fillfactor = 90);
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.relationship_content(jsonb, real, jsonb), muster.relationships_inserted(),
  muster.relationships_updated(), muster.relationships_deleted(), muster.relationships_of_removed(),
  muster.state_relationships(jsonb, text, jsonb, uuid[]), muster.remove_relationship(jsonb, uuid),
  muster.current_relationship(uuid), muster.drop_old_relationship_changes(timestamptz, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT ON relationships, relationship_changes TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.state_relationships(jsonb, text, jsonb, uuid[]), muster.remove_relationship(jsonb, uuid),
  muster.current_relationship(uuid) TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.drop_old_relationship_changes(timestamptz, integer) TO muster_jobs;
