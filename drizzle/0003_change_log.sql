-- The change log, the item counts and the type tables follow configuration_items, whoever writes there.

-- The expression that takes a declared column out of raw_data; what does not cast is NULL.
CREATE FUNCTION muster.extraction(declared jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  path text[] := ARRAY(SELECT jsonb_array_elements_text(declared -> 'path'));
  type text := declared ->> 'type';
BEGIN
  CASE type
    WHEN 'text' THEN RETURN format('raw_data #>> %L', path);
    WHEN 'jsonb' THEN RETURN format('raw_data #> %L', path);
    -- Words such as now and today are valid input too, and would make a column say something else each time.
    WHEN 'timestamptz' THEN
      RETURN format('CASE WHEN raw_data #>> %1$L ~ ''^\d{4}-'' AND pg_input_is_valid(raw_data #>> %1$L, %2$L)
                     THEN (raw_data #>> %1$L)::%2$s END', path, type);
    WHEN 'integer', 'bigint', 'double precision', 'boolean' THEN
      RETURN format('CASE WHEN pg_input_is_valid(raw_data #>> %1$L, %2$L) THEN (raw_data #>> %1$L)::%2$s END', path, type);
    ELSE RAISE EXCEPTION 'a declared column has the unknown type %', type;
  END CASE;
END $$;
--> statement-breakpoint
-- INSERT … ON CONFLICT for one type table from the rows of a relation with ci_id, ci_type and raw_data; $1 is the type.
CREATE FUNCTION muster.type_upsert(declared ci_types, relation text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT format(
    'INSERT INTO public.%1$I AS t (ci_id, %2$s) SELECT ci_id, %3$s FROM %4$I WHERE ci_type = $1
     ON CONFLICT (ci_id) DO UPDATE SET (%2$s) = ROW (%5$s) WHERE t.* IS DISTINCT FROM excluded.*',
    declared.type_table,
    string_agg(quote_ident(c ->> 'name'), ', ' ORDER BY i),
    string_agg(muster.extraction(c), ', ' ORDER BY i),
    relation,
    string_agg(format('excluded.%I', c ->> 'name'), ', ' ORDER BY i))
  FROM jsonb_array_elements(declared.columns) WITH ORDINALITY AS t (c, i)
$$;
--> statement-breakpoint
-- UPDATE of the metrics of one type table, where they differ, from $1 = ci_ids and $2 = documents.
CREATE FUNCTION muster.metrics_update(declared ci_types) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT format(
    'UPDATE public.%1$I AS t SET (%2$s) = ROW (%3$s)
     FROM (SELECT ci_id, %4$s FROM unnest($1::uuid[], $2::jsonb[]) AS r (ci_id, raw_data)) AS e
     WHERE t.ci_id = e.ci_id AND (%5$s) IS DISTINCT FROM (%3$s)',
    declared.type_table,
    string_agg(quote_ident(c ->> 'name'), ', ' ORDER BY i),
    string_agg(format('e.%I', c ->> 'name'), ', ' ORDER BY i),
    string_agg(format('%s AS %I', muster.extraction(c), c ->> 'name'), ', ' ORDER BY i),
    string_agg(format('t.%I', c ->> 'name'), ', ' ORDER BY i))
  FROM jsonb_array_elements(declared.columns) WITH ORDINALITY AS t (c, i)
  WHERE (c ->> 'metric')::boolean
$$;
--> statement-breakpoint
-- doc with the metrics that the type table holds for an item; doc itself holds those of its last real change.
CREATE FUNCTION muster.with_metrics(doc jsonb, declared ci_types, item_id uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held jsonb;
  metric jsonb;
  value jsonb;
BEGIN
  IF declared.has_metrics THEN
    EXECUTE format('SELECT to_jsonb(t) FROM public.%I t WHERE t.ci_id = $1', declared.type_table) INTO held USING item_id;
    FOR metric IN SELECT c FROM jsonb_array_elements(declared.columns) AS t (c) WHERE (c ->> 'metric')::boolean LOOP
      value := held -> (metric ->> 'name');
      CONTINUE WHEN value IS NULL OR value = 'null';
      FOR i IN REVERSE jsonb_array_length(metric -> 'path') - 1 .. 0 LOOP
        value := jsonb_build_object(metric -> 'path' ->> i, value);
      END LOOP;
      doc := muster.merge_patch(doc, value);
    END LOOP;
  END IF;
  RETURN doc;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.items_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  declared ci_types;
BEGIN
  INSERT INTO changes (changed_at, ci_id, version, source_id, change_type, ci_type, namespace, name, department,
                       actor, request_id, reason)
  SELECT greatest(muster.request_now(), n.updated_at), n.ci_id, n.version, n.source_id, 'CREATED', n.ci_type,
         n.namespace, n.name, n.department, nullif(current_setting('muster.actor', true), ''),
         nullif(current_setting('muster.request_id', true), ''), nullif(current_setting('muster.reason', true), '')
  FROM new_rows n;
  INSERT INTO item_counts (status, ci_type, namespace, source_id, department, n)
  SELECT status, ci_type, namespace, source_id, department, count(*) FROM new_rows GROUP BY 1, 2, 3, 4, 5;
  FOR declared IN SELECT t.* FROM ci_types t WHERE t.ci_type IN (SELECT ci_type FROM new_rows) LOOP
    EXECUTE muster.type_upsert(declared, 'new_rows') USING declared.ci_type;
  END LOOP;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.items_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  declared ci_types;
BEGIN
  INSERT INTO changes (changed_at, ci_id, version, source_id, change_type, ci_type, namespace, name, department,
                       actor, request_id, reason, oversized, entries)
  SELECT greatest(muster.request_now(), n.updated_at), n.ci_id, n.version,
         coalesce(nullif(current_setting('muster.source_id', true), '')::integer, n.source_id),
         CASE WHEN n.status = 'archived' AND o.status <> 'archived' THEN 'DELETED' ELSE 'UPDATED' END,
         n.ci_type, n.namespace, n.name, n.department, nullif(current_setting('muster.actor', true), ''),
         nullif(current_setting('muster.request_id', true), ''), nullif(current_setting('muster.reason', true), ''),
         pg_column_size(d.entries) > 65536, d.entries
  FROM new_rows n
  JOIN old_rows o ON o.ci_id = n.ci_id
  LEFT JOIN ci_types ot ON ot.ci_type = o.ci_type
  LEFT JOIN ci_types nt ON nt.ci_type = n.ci_type
  CROSS JOIN LATERAL (
    SELECT coalesce(ot.hidden_paths, '{}') = coalesce(nt.hidden_paths, '{}') AS same_paths) AS hidden
  CROSS JOIN LATERAL (
    SELECT jsonb_agg(e.entry) AS entries
    FROM (
      SELECT entry FROM unnest(ARRAY[
        muster.column_entry('name', o.name, n.name),
        muster.column_entry('namespace', o.namespace, n.namespace),
        muster.column_entry('ci_type', o.ci_type, n.ci_type),
        muster.column_entry('status', o.status, n.status),
        muster.column_entry('department', o.department, n.department)]) AS c (entry)
      WHERE entry IS NOT NULL
      UNION ALL
      SELECT entry FROM muster.diff(
        muster.without_paths(o.raw_data, nt.hidden_paths), muster.without_paths(n.raw_data, nt.hidden_paths),
        ARRAY['raw_data'], 1) AS r (entry)
      WHERE hidden.same_paths AND (o.content_hash <> n.content_hash OR o.raw_data IS DISTINCT FROM n.raw_data)
      UNION ALL
      -- What the new type ignores was content of the old one: only the whole document leads back.
      SELECT jsonb_build_object('path', ARRAY['raw_data'], 'op', 'replace', 'old', o.raw_data, 'new', n.raw_data)
      WHERE NOT hidden.same_paths
    ) AS e
  ) AS d
  WHERE d.entries IS NOT NULL;

  INSERT INTO item_counts (status, ci_type, namespace, source_id, department, n)
  SELECT status, ci_type, namespace, source_id, department, sum(n)
  FROM (
    SELECT n.status, n.ci_type, n.namespace, n.source_id, n.department, 1 AS n FROM new_rows n
    UNION ALL
    SELECT o.status, o.ci_type, o.namespace, o.source_id, o.department, -1 FROM old_rows o
  ) AS moved
  GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0;

  FOR declared IN
    SELECT t.* FROM ci_types t
    WHERE t.ci_type IN (SELECT o.ci_type FROM old_rows o JOIN new_rows n ON n.ci_id = o.ci_id AND n.ci_type <> o.ci_type)
  LOOP
    EXECUTE format('DELETE FROM public.%I t USING old_rows o, new_rows n
                    WHERE t.ci_id = o.ci_id AND n.ci_id = o.ci_id AND o.ci_type = $1 AND n.ci_type <> $1',
                   declared.type_table) USING declared.ci_type;
  END LOOP;
  FOR declared IN
    SELECT t.* FROM ci_types t
    WHERE t.ci_type IN (SELECT n.ci_type FROM old_rows o JOIN new_rows n ON n.ci_id = o.ci_id
                        WHERE n.ci_type <> o.ci_type OR n.raw_data IS DISTINCT FROM o.raw_data)
  LOOP
    EXECUTE muster.type_upsert(declared, 'new_rows') USING declared.ci_type;
  END LOOP;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- An item that is removed for good leaves its last state in the log.
CREATE FUNCTION muster.items_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  declared ci_types;
BEGIN
  INSERT INTO changes (changed_at, ci_id, version, source_id, change_type, ci_type, namespace, name, department,
                       actor, request_id, reason, oversized, entries)
  SELECT greatest(muster.request_now(), o.updated_at), o.ci_id, o.version + 1, o.source_id, 'PURGED', o.ci_type,
         o.namespace, o.name, o.department, nullif(current_setting('muster.actor', true), ''),
         nullif(current_setting('muster.request_id', true), ''), nullif(current_setting('muster.reason', true), ''),
         pg_column_size(d.entries) > 65536, d.entries
  FROM old_rows o
  CROSS JOIN LATERAL (SELECT jsonb_build_array(
    jsonb_build_object('path', ARRAY['status'], 'op', 'remove', 'old', o.status),
    jsonb_build_object('path', ARRAY['raw_data'], 'op', 'remove', 'old', o.raw_data))) AS d (entries);
  INSERT INTO item_counts (status, ci_type, namespace, source_id, department, n)
  SELECT status, ci_type, namespace, source_id, department, -count(*) FROM old_rows GROUP BY 1, 2, 3, 4, 5;
  FOR declared IN SELECT t.* FROM ci_types t WHERE t.ci_type IN (SELECT ci_type FROM old_rows) LOOP
    EXECUTE format('DELETE FROM public.%I t USING old_rows o WHERE t.ci_id = o.ci_id', declared.type_table);
  END LOOP;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- A statement that forgot the bookkeeping of an update (an operator at a prompt) gets it done.
CREATE FUNCTION muster.item_bookkeeping() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW IS DISTINCT FROM OLD THEN
    NEW.content_hash := muster.content_hash(
      NEW.raw_data, (SELECT t.hidden_paths FROM ci_types t WHERE t.ci_type = NEW.ci_type));
    -- What the log does not tell is no version either.
    IF (NEW.name, NEW.namespace, NEW.ci_type, NEW.status, NEW.department, NEW.content_hash) IS DISTINCT FROM
       (OLD.name, OLD.namespace, OLD.ci_type, OLD.status, OLD.department, OLD.content_hash) THEN
      NEW.version := OLD.version + 1;
      NEW.updated_at := greatest(muster.request_now(), OLD.updated_at);
    END IF;
    IF NEW.status <> OLD.status THEN
      NEW.status_updated_at := NEW.updated_at;
    END IF;
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER items_inserted AFTER INSERT ON configuration_items
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.items_inserted();
--> statement-breakpoint
CREATE TRIGGER items_updated AFTER UPDATE ON configuration_items
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.items_updated();
--> statement-breakpoint
CREATE TRIGGER items_deleted AFTER DELETE ON configuration_items
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.items_deleted();
--> statement-breakpoint
-- What empties the inventory at once would leave no trace of it.
CREATE FUNCTION muster.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'configuration_items cannot be truncated: nothing would be left of it in the log; delete rows instead';
END $$;
--> statement-breakpoint
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON configuration_items
  FOR EACH STATEMENT EXECUTE FUNCTION muster.refuse_truncate();
--> statement-breakpoint
CREATE TRIGGER item_bookkeeping BEFORE UPDATE ON configuration_items
  FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION muster.item_bookkeeping();
--> statement-breakpoint
-- Monthly partitions of the log from one month to another, both included. Answers how many were made.
CREATE FUNCTION muster.ensure_change_partitions(from_month timestamptz, to_month timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  month timestamp;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('muster.ensure_change_partitions'));
  FOR month IN SELECT generate_series(date_trunc('month', from_month AT TIME ZONE 'UTC'),
                                      date_trunc('month', to_month AT TIME ZONE 'UTC'), interval '1 month') LOOP
    IF to_regclass(format('public.changes_%s', to_char(month, 'YYYYMM'))) IS NULL THEN
      EXECUTE format('CREATE TABLE public.changes_%s PARTITION OF public.changes FOR VALUES FROM (%L) TO (%L)',
                     to_char(month, 'YYYYMM'), month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
--> statement-breakpoint
SELECT muster.ensure_change_partitions(now() - interval '2 months', now() + interval '12 months');
