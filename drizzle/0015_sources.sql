-- Collectors and sources: what the API and the schedule do to them, each in one call. Locks are taken in one order everywhere:
-- collectors by id, sources by id, then records and items. MU409 and MU422 carry a message for the caller, a conflict or a bad value.

-- The source of that name for a report: the one without a collector, else the only one of a collector; made on first use. Several are
-- a conflict. The source is locked against deletion, which waits, so that no record comes to a source that is gone.
CREATE OR REPLACE FUNCTION muster.source_named(source_name text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found_id integer;
  of_collectors integer[];
BEGIN
  SELECT s.id INTO found_id FROM sources s
  WHERE s.name = source_name AND coalesce(s.collector_id, 0) = 0 AND s.deleted_at IS NULL FOR KEY SHARE;
  IF found_id IS NOT NULL THEN
    RETURN found_id;
  END IF;
  SELECT array_agg(n.id) INTO of_collectors FROM (
    SELECT s.id FROM sources s WHERE s.name = source_name AND s.deleted_at IS NULL ORDER BY s.id FOR KEY SHARE) AS n;
  IF cardinality(of_collectors) > 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format(
      'Several sources are called "%s" (%s); name the one that is meant with source_id', source_name,
      array_to_string(of_collectors, ', '));
  ELSIF cardinality(of_collectors) = 1 THEN
    RETURN of_collectors[1];
  END IF;
  INSERT INTO sources (name, created_at, updated_at) VALUES (source_name, muster.request_now(), muster.request_now())
  ON CONFLICT DO NOTHING;
  SELECT s.id INTO found_id FROM sources s
  WHERE s.name = source_name AND coalesce(s.collector_id, 0) = 0 AND s.deleted_at IS NULL FOR KEY SHARE;
  RETURN found_id;
END $$;
--> statement-breakpoint
-- How often a source is to be collected: what its own schedule does not say, its collector's does. NULL when it is not.
CREATE FUNCTION muster.collection_interval(of_collector jsonb, of_source jsonb) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(((of_collector || of_source) ->> 'enabled')::boolean, true)
  THEN make_interval(mins => ((of_collector || of_source) ->> 'interval_minutes')::integer) END;
--> statement-breakpoint
-- The minute of the next collection: an interval on, and up to a tenth of it more, so that sources set up together drift apart. The
-- schedule ticks by the minute, so a jitter of less than one would only delay by a whole one.
CREATE FUNCTION muster.next_due(source_id integer, every interval, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN date_trunc('minute', at) + every + make_interval(mins => (abs(
  hashint8extended(extract(epoch FROM date_trunc('minute', at))::bigint, source_id::bigint)
  % (floor(extract(epoch FROM every) / 600) + 1)::bigint))::integer);
--> statement-breakpoint
-- How long to wait after so many errors in a row: twice as long each time up to a day, and never less than the interval. NULL for what
-- is not collected by a schedule.
CREATE FUNCTION muster.backoff(every interval, errors integer) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN every IS NOT NULL THEN greatest(every, least(every * power(2, least(greatest(errors, 0), 12)), interval '1 day')) END;
--> statement-breakpoint
-- A collection may take so long before another one is started: an interval, a quarter of an hour at least and six hours at most.
CREATE FUNCTION muster.claim_lease(every interval) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(greatest(every, interval '15 minutes'), interval '6 hours');
--> statement-breakpoint
-- Settings after a merge patch. What cannot be kept is a caller's error.
CREATE FUNCTION muster.merged_settings(was jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  becomes jsonb := CASE WHEN patch IS NULL THEN was ELSE muster.merge_patch(was, patch) END;
BEGIN
  IF octet_length(becomes::text) > 131072 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU422', MESSAGE = 'Settings hold at most 128 KiB; with these they would be larger';
  END IF;
  RETURN becomes;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.current_collector(collector_id integer) RETURNS SETOF collectors LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT k.* FROM public.collectors k WHERE k.id = collector_id;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.current_source(source_id integer) RETURNS SETOF sources LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
  RETURN QUERY SELECT s.* FROM public.sources s WHERE s.id = source_id;
END $$;
--> statement-breakpoint
-- Adds a collector of {name, type, endpoint, status, config, schedule_config} and answers its id; name and type are unique together.
CREATE FUNCTION muster.create_collector(context jsonb, content jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  made integer;
BEGIN
  INSERT INTO collectors (name, type, endpoint, status, config, schedule_config, created_at, updated_at)
  VALUES (content ->> 'name', content ->> 'type', content ->> 'endpoint', coalesce(content ->> 'status', 'enabled'),
          muster.merged_settings('{}', content -> 'config'), muster.merged_settings('{}', content -> 'schedule_config'),
          written_at, written_at)
  ON CONFLICT DO NOTHING RETURNING id INTO made;
  IF made IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format('There is already a collector "%s" of type "%s"',
      content ->> 'name', content ->> 'type');
  END IF;
  RETURN made;
END $$;
--> statement-breakpoint
-- Changes a collector; absent keys keep their value, config and schedule_config are merge patches. Sources that follow its schedule are
-- scheduled anew when that moves. False where there is no such collector.
CREATE FUNCTION muster.update_collector(context jsonb, collector_id integer, patch jsonb) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  was collectors;
  becomes_schedule jsonb;
BEGIN
  SELECT k.* INTO was FROM collectors k WHERE k.id = collector_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  becomes_schedule := muster.merged_settings(was.schedule_config, patch -> 'schedule_config');
  BEGIN
    UPDATE collectors k SET
      name = coalesce(patch ->> 'name', k.name), type = coalesce(patch ->> 'type', k.type),
      endpoint = CASE WHEN patch ? 'endpoint' THEN patch ->> 'endpoint' ELSE k.endpoint END,
      status = coalesce(patch ->> 'status', k.status), config = muster.merged_settings(k.config, patch -> 'config'),
      schedule_config = becomes_schedule, updated_at = greatest(k.updated_at, written_at)
    WHERE k.id = was.id;
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format('There is already a collector "%s" of type "%s"',
      coalesce(patch ->> 'name', was.name), coalesce(patch ->> 'type', was.type));
  END;
  IF becomes_schedule <> was.schedule_config THEN
    PERFORM FROM sources s WHERE s.collector_id = was.id AND s.deleted_at IS NULL ORDER BY s.id FOR NO KEY UPDATE;
    UPDATE sources s SET due_at = muster.rescheduled(s, was.schedule_config, s.schedule_config, becomes_schedule, written_at)
    WHERE s.collector_id = was.id AND s.deleted_at IS NULL;
  END IF;
  RETURN true;
END $$;
--> statement-breakpoint
-- When a source is due after its schedule (or its collector's) became another: as before when the interval stays, at once when it had
-- none, else no later than an interval from now.
CREATE FUNCTION muster.rescheduled(of_source sources, collector_was jsonb, becomes jsonb, collector_becomes jsonb, at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
  every_was interval := muster.collection_interval(collector_was, of_source.schedule_config);
  every interval := muster.collection_interval(collector_becomes, becomes);
BEGIN
  RETURN CASE WHEN every IS NULL THEN NULL
              WHEN every_was IS NULL THEN at
              WHEN every = every_was THEN of_source.due_at
              ELSE least(of_source.due_at, muster.next_due(of_source.id, every, at)) END;
END $$;
--> statement-breakpoint
-- Removes a collector that has no sources; those deleted before lose their collector and stay. False where there is none.
CREATE FUNCTION muster.delete_collector(context jsonb, wanted integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  live integer;
BEGIN
  PERFORM muster.enter(context);
  PERFORM FROM collectors k WHERE k.id = wanted FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT count(*) INTO live FROM sources s WHERE s.collector_id = wanted AND s.deleted_at IS NULL;
  IF live > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format(
      'The collector still has %s source%s; delete %s first', live, CASE WHEN live = 1 THEN '' ELSE 's' END,
      CASE WHEN live = 1 THEN 'it' ELSE 'them' END);
  END IF;
  UPDATE sources s SET collector_id = NULL WHERE s.collector_id = wanted;
  DELETE FROM collectors k WHERE k.id = wanted;
  RETURN true;
END $$;
--> statement-breakpoint
-- Keeps what collectors answered: an array of {id, health}. Those that are gone meanwhile are passed over.
CREATE FUNCTION muster.store_collector_health(answers jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  stored integer;
BEGIN
  WITH answered AS MATERIALIZED (
    SELECT k.id, a.health FROM jsonb_to_recordset(answers) AS a (id integer, health jsonb)
    JOIN collectors k ON k.id = a.id ORDER BY k.id FOR NO KEY UPDATE OF k
  )
  UPDATE collectors k SET health_status = a.health FROM answered a WHERE k.id = a.id;
  GET DIAGNOSTICS stored = ROW_COUNT;
  RETURN stored;
END $$;
--> statement-breakpoint
-- An id for a source to come: its credentials are sealed for this id before the source is there.
CREATE FUNCTION muster.next_source_id() RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT nextval(pg_get_serial_sequence('public.sources', 'id'))::integer
$$;
--> statement-breakpoint
-- Adds a source of {name, endpoint, username, status, config, schedule_config} to a collector and answers its id, NULL without such a
-- collector. Sealed credentials come with the id and the collector's endpoint that they were sealed for.
CREATE FUNCTION muster.create_source(context jsonb, of_collector integer, content jsonb, sealed jsonb, expected jsonb)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  collector collectors;
  made integer;
  settings jsonb := muster.merged_settings('{}', content -> 'schedule_config');
BEGIN
  SELECT k.* INTO collector FROM collectors k WHERE k.id = of_collector FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF sealed IS NOT NULL AND collector.endpoint IS DISTINCT FROM expected ->> 'collector_endpoint' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = 'The collector''s endpoint was changed this moment; send this again';
  END IF;
  INSERT INTO sources (id, name, collector_id, endpoint, username, status, config, schedule_config, credentials, due_at,
                       created_at, updated_at)
  OVERRIDING SYSTEM VALUE
  VALUES (coalesce((expected ->> 'id')::integer, muster.next_source_id()), content ->> 'name', of_collector, content ->> 'endpoint',
          content ->> 'username', coalesce(content ->> 'status', 'enabled'),
          muster.merged_settings('{}', content -> 'config'), settings, sealed,
          CASE WHEN muster.collection_interval(collector.schedule_config, settings) IS NOT NULL THEN written_at END,
          written_at, written_at)
  ON CONFLICT (coalesce(collector_id, 0), name) WHERE deleted_at IS NULL DO NOTHING RETURNING id INTO made;
  IF made IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format('The collector already has a source "%s"', content ->> 'name');
  END IF;
  RETURN made;
END $$;
--> statement-breakpoint
-- Changes a source; absent keys keep their value, config and schedule_config are merge patches. patch may hold credentials (sealed, or
-- null to remove them); expected is then, and when the endpoint moves, {endpoint, collector_endpoint, credentials} as they were read.
-- False where there is no such source.
CREATE FUNCTION muster.update_source(context jsonb, source_id integer, patch jsonb, expected jsonb) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  was sources;
  collector collectors;
  becomes_schedule jsonb;
BEGIN
  SELECT s.* INTO was FROM sources s WHERE s.id = source_id AND s.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT k.* INTO collector FROM collectors k WHERE k.id = was.collector_id;
  IF expected IS NOT NULL AND expected <> jsonb_build_object(
       'endpoint', was.endpoint, 'collector_endpoint', collector.endpoint, 'credentials', was.credentials) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = 'The source was changed this moment; send this again';
  END IF;
  becomes_schedule := muster.merged_settings(was.schedule_config, patch -> 'schedule_config');
  BEGIN
    UPDATE sources s SET
      name = coalesce(patch ->> 'name', s.name),
      endpoint = CASE WHEN patch ? 'endpoint' THEN patch ->> 'endpoint' ELSE s.endpoint END,
      username = CASE WHEN patch ? 'username' THEN patch ->> 'username' ELSE s.username END,
      status = coalesce(patch ->> 'status', s.status), config = muster.merged_settings(s.config, patch -> 'config'),
      schedule_config = becomes_schedule,
      credentials = CASE WHEN patch ? 'credentials' THEN nullif(patch -> 'credentials', 'null') ELSE s.credentials END,
      due_at = muster.rescheduled(was, coalesce(collector.schedule_config, '{}'), becomes_schedule,
                                  coalesce(collector.schedule_config, '{}'), written_at),
      updated_at = greatest(s.updated_at, written_at)
    WHERE s.id = was.id;
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = format('There is already a source "%s" here', patch ->> 'name');
  END;
  RETURN true;
END $$;
--> statement-breakpoint
-- Ages up to batch live records of these sources and turns the items that no source sees any more inactive. Answers {records, items}.
CREATE FUNCTION muster.age_records_of(of_sources integer[], batch integer, aged_at timestamptz) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  places tid[];
  aged uuid[];
BEGIN
  -- Locked first and written in a later snapshot, in which their places are those of the versions that were locked.
  SELECT coalesce(array_agg(d.ctid), '{}') INTO places FROM (
    SELECT r.ctid FROM source_records r WHERE r.source_id = ANY (of_sources) AND r.live
    ORDER BY r.source_id, r.ci_type, r.namespace, r.name LIMIT batch FOR UPDATE) AS d;
  WITH aged_records AS (
    UPDATE source_records r SET live = false WHERE r.ctid = ANY (places) RETURNING r.ci_id
  )
  SELECT coalesce(array_agg(a.ci_id), '{}') INTO aged FROM aged_records a;
  RETURN jsonb_build_object('records', cardinality(aged), 'items', muster.deactivate_unseen(aged, aged_at));
END $$;
--> statement-breakpoint
-- Deletes a source: it is collected no more, its credentials are gone, its records age; its row, items and history stay. Ages up to batch
-- records at once; the rest is left to muster.age_deleted_sources, which due_at calls for. False where there is no such source.
-- FOR UPDATE waits for reports that hold the source (FOR KEY SHARE), so none of them writes a record after this.
CREATE FUNCTION muster.delete_source(context jsonb, wanted integer, batch integer) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  deleted_on timestamptz(3) := muster.enter(context);
  aged jsonb;
BEGIN
  PERFORM FROM sources s WHERE s.id = wanted AND s.deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  aged := muster.age_records_of(ARRAY[wanted], batch, deleted_on);
  UPDATE sources s SET
    deleted_at = deleted_on, status = 'disabled', credentials = NULL, username = NULL, claimed_until = NULL,
    due_at = CASE WHEN (aged ->> 'records')::integer = batch THEN deleted_on END,
    updated_at = greatest(s.updated_at, deleted_on)
  WHERE s.id = wanted;
  RETURN true;
END $$;
--> statement-breakpoint
-- Ages up to batch records that deleted sources have left. Answers {records, items}; fewer records than batch means done.
CREATE FUNCTION muster.age_deleted_sources(context jsonb, batch integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  aged_at timestamptz(3) := muster.enter(context);
  left_over integer[];
  aged jsonb;
BEGIN
  SELECT array_agg(s.id) INTO left_over FROM (
    SELECT s.id FROM sources s WHERE s.deleted_at IS NOT NULL AND s.due_at IS NOT NULL
    ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED) AS s;
  IF left_over IS NULL THEN
    RETURN '{"records": 0, "items": 0}';
  END IF;
  aged := muster.age_records_of(left_over, batch, aged_at);
  IF (aged ->> 'records')::integer < batch THEN
    UPDATE sources s SET due_at = NULL WHERE s.id = ANY (left_over);
  END IF;
  RETURN aged;
END $$;
--> statement-breakpoint
-- Takes in what a collector says of a source at the end of a collection, {status, message, last_check, consecutive_errors, …}; a report
-- older than the last one counts for nothing, one from the future as of now. Ends the claim. False where there is no such source.
-- reported_at is compared and not last_check: a check has the time of our clock, which may be ahead of the collector's.
CREATE FUNCTION muster.report_source_health(context jsonb, source_id integer, report jsonb) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  written_at timestamptz(3) := muster.enter(context);
  said_at timestamptz(3) := least((report ->> 'last_check')::timestamptz, written_at);
  was sources;
  every interval;
  errors integer;
BEGIN
  SELECT s.* INTO was FROM sources s WHERE s.id = source_id AND s.deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF said_at < (was.health_status ->> 'reported_at')::timestamptz THEN
    RETURN true;
  END IF;
  every := muster.collection_interval(
    coalesce((SELECT k.schedule_config FROM collectors k WHERE k.id = was.collector_id), '{}'), was.schedule_config);
  errors := CASE WHEN report ->> 'status' = 'unhealthy'
    THEN greatest(1, coalesce((report ->> 'consecutive_errors')::integer, least(was.consecutive_errors, 2147483646) + 1)) ELSE 0 END;
  UPDATE sources s SET
    health_status = report || jsonb_build_object('last_check', muster.iso(said_at), 'reported_at', muster.iso(said_at)),
    claimed_until = NULL, consecutive_errors = errors,
    last_collection = CASE WHEN report ->> 'status' = 'unhealthy' THEN s.last_collection
                           ELSE greatest(s.last_collection, said_at) END,
    last_error = CASE WHEN report ->> 'status' = 'unhealthy'
                      THEN coalesce(report ->> 'message', 'The collector reported it as unhealthy') END,
    due_at = CASE WHEN every IS NULL THEN NULL
                  WHEN report ->> 'status' = 'unhealthy' THEN written_at + muster.backoff(every, errors)
                  WHEN s.consecutive_errors > 0 THEN muster.next_due(s.id, every, written_at)
                  ELSE s.due_at END,
    updated_at = greatest(s.updated_at, written_at)
  WHERE s.id = was.id;
  RETURN true;
END $$;
--> statement-breakpoint
-- Keeps what a check found of a source, {status, last_check, …}, unless something newer was kept meanwhile, and of its collector. False
-- where there is no such source any more.
CREATE FUNCTION muster.store_source_health(context jsonb, source_id integer, health jsonb, collected_at timestamptz,
                                           collector_health jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  checked_at timestamptz(3) := muster.enter(context);
BEGIN
  PERFORM muster.store_collector_health(jsonb_agg(jsonb_build_object('id', s.collector_id, 'health', collector_health)))
  FROM sources s WHERE s.id = source_id;
  UPDATE sources s SET
    health_status = CASE WHEN (s.health_status ->> 'last_check')::timestamptz >= (health ->> 'last_check')::timestamptz
      THEN s.health_status
      -- A collector may use any key for itself; this one says when it last reported, and that is ours to know.
      ELSE (health - 'reported_at') || jsonb_strip_nulls(jsonb_build_object('reported_at', s.health_status -> 'reported_at')) END,
    last_collection = greatest(s.last_collection, CASE WHEN collected_at > checked_at THEN checked_at ELSE collected_at END),
    updated_at = greatest(s.updated_at, checked_at)
  WHERE s.id = source_id AND s.deleted_at IS NULL;
  RETURN FOUND;
END $$;
--> statement-breakpoint
-- The plan of this trigger is made when a session first fires it, often for no row at all, and kept for thousands: without this it
-- compares each changed row with every other.
ALTER FUNCTION muster.items_updated() SET enable_nestloop = off;
--> statement-breakpoint
-- A claimed source as a trigger sends it; its credentials still sealed, its settings as text, which keeps all their digits.
CREATE FUNCTION muster.claimed_source(of_source sources) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', of_source.id, 'name', of_source.name, 'endpoint', of_source.endpoint,
    'username', of_source.username, 'config', of_source.config::text, 'schedule_config', of_source.schedule_config,
    'sealed', of_source.credentials::text, 'claimed_until', muster.iso(of_source.claimed_until))
$$;
--> statement-breakpoint
CREATE FUNCTION muster.called_collector(of_collector collectors) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', of_collector.id, 'name', of_collector.name, 'type', of_collector.type,
    'endpoint', of_collector.endpoint, 'config', of_collector.config::text)
$$;
--> statement-breakpoint
-- Claims sources that the caller has locked. A claim that nobody ended was a collection of which nothing was heard, which is an error.
CREATE FUNCTION muster.claim(ids integer[], claimed_at timestamptz) RETURNS SETOF sources LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE sources s SET
    consecutive_errors = CASE WHEN s.claimed_until IS NULL THEN s.consecutive_errors ELSE least(s.consecutive_errors, 2147483646) + 1 END,
    last_error = CASE WHEN s.claimed_until IS NULL THEN s.last_error
                      ELSE 'The collector was triggered and did not report in time how the collection went' END,
    claimed_until = claimed_at + muster.claim_lease(muster.collection_interval(k.schedule_config, s.schedule_config)),
    due_at = muster.next_due(s.id, muster.collection_interval(k.schedule_config, s.schedule_config), claimed_at)
  FROM collectors k WHERE k.id = s.collector_id AND s.id = ANY (ids) RETURNING s.*
$$;
--> statement-breakpoint
-- Claims sources of a collector for a collection that somebody asks for: all of them, or those of ids. Answers {collector, claimed,
-- passed_over: [{id, name, reason}]}, NULL without such a collector; one that cannot be triggered is a conflict.
CREATE FUNCTION muster.claim_sources(context jsonb, of_collector integer, ids integer[]) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  claimed_at timestamptz(3) := muster.enter(context);
  collector collectors;
  asked integer[];
  free integer[];
  claimed jsonb;
  passed_over jsonb;
BEGIN
  SELECT k.* INTO collector FROM collectors k WHERE k.id = of_collector FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  ELSIF collector.status = 'disabled' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = 'The collector is disabled; enable it first';
  ELSIF collector.endpoint IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU409', MESSAGE = 'The collector has no endpoint, so it cannot be triggered';
  END IF;
  SELECT array_agg(s.id) INTO asked FROM (
    SELECT s.id FROM sources s
    WHERE s.collector_id = collector.id AND s.deleted_at IS NULL AND (ids IS NULL OR s.id = ANY (ids))
    ORDER BY s.id FOR NO KEY UPDATE) AS s;
  IF cardinality(coalesce(asked, '{}')) < cardinality(ids) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU422', MESSAGE = format('source_ids: the collector has no source %s', (
      SELECT string_agg(i::text, ', ') FROM unnest(ids) AS i WHERE i <> ALL (coalesce(asked, '{}'))));
  END IF;
  SELECT array_agg(s.id) FILTER (WHERE s.status = 'enabled' AND coalesce(s.claimed_until <= claimed_at, true)),
         coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'reason', CASE WHEN s.status = 'disabled' THEN 'disabled'
           ELSE 'collecting' END) ORDER BY s.id) FILTER (WHERE s.status = 'disabled' OR s.claimed_until > claimed_at), '[]')
    INTO free, passed_over FROM sources s WHERE s.id = ANY (asked);
  SELECT coalesce(jsonb_agg(muster.claimed_source(s) ORDER BY s.id), '[]') INTO claimed FROM muster.claim(free, claimed_at) s;
  RETURN jsonb_build_object('collector', muster.called_collector(collector), 'claimed', claimed, 'passed_over', passed_over);
END $$;
--> statement-breakpoint
-- Claims up to most sources whose collection is due, passing over what another run holds. Answers an array of {collector, claimed};
-- fewer sources than most means that no more are due.
CREATE FUNCTION muster.claim_due_sources(context jsonb, most integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  claimed_at timestamptz(3) := muster.enter(context);
  due integer[];
  groups jsonb;
BEGIN
  SELECT array_agg(d.id) INTO due FROM (
    SELECT s.id FROM sources s JOIN collectors k ON k.id = s.collector_id
    WHERE s.due_at <= claimed_at AND s.status = 'enabled' AND s.deleted_at IS NULL
      AND coalesce(s.claimed_until <= claimed_at, true) AND k.status = 'enabled' AND k.endpoint IS NOT NULL
    ORDER BY s.due_at, s.id LIMIT most FOR NO KEY UPDATE OF s SKIP LOCKED) AS d;
  WITH by_collector AS (
    SELECT s.collector_id AS id, jsonb_agg(muster.claimed_source(s) ORDER BY s.id) AS claimed
    FROM muster.claim(due, claimed_at) s GROUP BY s.collector_id
  )
  SELECT coalesce(jsonb_agg(jsonb_build_object('collector', muster.called_collector(k), 'claimed', b.claimed) ORDER BY k.id), '[]')
    INTO groups FROM by_collector b JOIN collectors k ON k.id = b.id;
  RETURN groups;
END $$;
--> statement-breakpoint
-- Ends claims that came to nothing: an array of {id, claimed_until, error}; with error NULL the collector was busy, which is no error.
-- A claim that has ended or was taken anew since is left alone. Answers how many were ended.
CREATE FUNCTION muster.release_claims(context jsonb, outcomes jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  released_at timestamptz(3) := muster.enter(context);
  released integer;
BEGIN
  WITH outcome AS MATERIALIZED (
    SELECT s.id, o.error, muster.collection_interval(k.schedule_config, s.schedule_config) AS every
    FROM jsonb_to_recordset(outcomes) AS o (id integer, claimed_until timestamptz, error text)
    JOIN sources s ON s.id = o.id AND s.claimed_until = o.claimed_until AND s.deleted_at IS NULL
    JOIN collectors k ON k.id = s.collector_id
    ORDER BY s.id FOR NO KEY UPDATE OF s
  )
  UPDATE sources s SET
    claimed_until = NULL,
    consecutive_errors = CASE WHEN o.error IS NULL THEN s.consecutive_errors ELSE least(s.consecutive_errors, 2147483646) + 1 END,
    last_error = coalesce(o.error, s.last_error),
    due_at = CASE WHEN o.error IS NULL THEN s.due_at
                  ELSE released_at + muster.backoff(o.every, least(s.consecutive_errors, 2147483646) + 1) END,
    updated_at = greatest(s.updated_at, released_at)
  FROM outcome o WHERE s.id = o.id;
  GET DIAGNOSTICS released = ROW_COUNT;
  RETURN released;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.collection_interval(jsonb, jsonb), muster.next_due(integer, interval, timestamptz),
  muster.backoff(interval, integer), muster.claim_lease(interval), muster.merged_settings(jsonb, jsonb),
  muster.current_collector(integer), muster.current_source(integer), muster.create_collector(jsonb, jsonb),
  muster.update_collector(jsonb, integer, jsonb), muster.rescheduled(sources, jsonb, jsonb, jsonb, timestamptz),
  muster.delete_collector(jsonb, integer), muster.store_collector_health(jsonb), muster.next_source_id(),
  muster.create_source(jsonb, integer, jsonb, jsonb, jsonb), muster.update_source(jsonb, integer, jsonb, jsonb),
  muster.age_records_of(integer[], integer, timestamptz), muster.delete_source(jsonb, integer, integer),
  muster.age_deleted_sources(jsonb, integer), muster.report_source_health(jsonb, integer, jsonb),
  muster.store_source_health(jsonb, integer, jsonb, timestamptz, jsonb), muster.claimed_source(sources),
  muster.called_collector(collectors), muster.claim(integer[], timestamptz), muster.claim_sources(jsonb, integer, integer[]),
  muster.claim_due_sources(jsonb, integer), muster.release_claims(jsonb, jsonb) FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT ON collectors TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.current_collector(integer), muster.current_source(integer), muster.create_collector(jsonb, jsonb),
  muster.update_collector(jsonb, integer, jsonb), muster.delete_collector(jsonb, integer), muster.store_collector_health(jsonb),
  muster.next_source_id(), muster.create_source(jsonb, integer, jsonb, jsonb, jsonb),
  muster.update_source(jsonb, integer, jsonb, jsonb), muster.delete_source(jsonb, integer, integer),
  muster.report_source_health(jsonb, integer, jsonb),
  muster.store_source_health(jsonb, integer, jsonb, timestamptz, jsonb), muster.claim_sources(jsonb, integer, integer[]),
  muster.release_claims(jsonb, jsonb) TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.age_deleted_sources(jsonb, integer), muster.claim_due_sources(jsonb, integer),
  muster.release_claims(jsonb, jsonb) TO muster_jobs;
