-- Relationships from documents (ADR 9). What a document says about other items is kept as references; a reference whose other end is there
-- is an edge. Both ends of every reference take the same lock before they look for each other, in a snapshot taken behind the lock:
-- whoever comes second sees the first.

-- A pair of labels as a handle. Long ones share one: it only narrows the search.
CREATE FUNCTION muster.pair_handle(key text, value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(key || '=' || value, 200);
--> statement-breakpoint
-- The handles under which references find an item: its name, and what the declared paths of its document add.
CREATE FUNCTION muster.handles_of(item_name text, raw_data jsonb, handles jsonb) RETURNS TABLE (handle text, is_pair boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT item_name, false
  UNION ALL
  SELECT f.handle, h.pairs
  FROM jsonb_to_recordset(handles) AS h (path text[], pairs boolean)
  CROSS JOIN LATERAL (
    SELECT muster.pair_handle(p.key, p.value) AS handle
    FROM jsonb_each_text(CASE WHEN h.pairs AND jsonb_typeof(raw_data #> h.path) = 'object' THEN raw_data #> h.path END) AS p (key, value)
    UNION ALL
    SELECT raw_data #>> h.path WHERE NOT h.pairs AND jsonb_typeof(raw_data #> h.path) = 'string') AS f
$$;
--> statement-breakpoint
-- Whether a value selects by labels, and the longest of its pairs, under which it waits. An empty selector selects nothing.
CREATE FUNCTION muster.selector_handle(selector jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(selector) = 'object'
             AND NOT jsonb_path_exists(selector, 'strict $.* ? (@.type() != "string")') THEN (
  SELECT muster.pair_handle(p.key, p.value) FROM jsonb_each_text(selector) AS p (key, value)
  ORDER BY octet_length(p.key || p.value) DESC, p.key LIMIT 1)
END;
--> statement-breakpoint
-- The declarations by which these types go, each with the types that share it: a type's own, else its family's.
CREATE FUNCTION muster.relating_types(of_types text[])
RETURNS TABLE (ci_types text[], relationships jsonb, roots jsonb, handles jsonb, crosses_sources boolean) LANGUAGE sql STABLE ROWS 5 AS $$
  SELECT array_agg(t.ci_type), d.relationships, d.roots, d.handles, d.crosses_sources
  FROM (SELECT DISTINCT u.ci_type FROM unnest(of_types) AS u (ci_type)) AS t
  CROSS JOIN LATERAL (
    SELECT r.* FROM public.relationship_declarations r
    WHERE r.ci_type IN (t.ci_type, split_part(t.ci_type, '.', 1) || '.*') ORDER BY r.ci_type = t.ci_type DESC LIMIT 1) AS d
  GROUP BY d.relationships, d.roots, d.handles, d.crosses_sources
$$;
--> statement-breakpoint
-- Lets no other transaction relate items of these sources (0 stands for none) until this one has ended; crossing is for references that
-- may end at another source. One order everywhere, after the locks of rows, and that of crossing last.
CREATE FUNCTION muster.lock_relating(of_sources integer[], crossing boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  of_source integer;
BEGIN
  FOR of_source IN SELECT DISTINCT s FROM unnest(of_sources) AS u (s) ORDER BY s LOOP
    PERFORM pg_advisory_xact_lock(hashtext('muster.relating'), of_source);
  END LOOP;
  IF crossing THEN
    PERFORM pg_advisory_xact_lock(hashtext('muster.relating'), -1);
  END IF;
END $$;
--> statement-breakpoint
-- The same for one new item that is all its transaction writes; others of its kind go on meanwhile unless one of them is what the other
-- names. A reference shares its handle with other references and an item has its name to itself; labels, which many items bear, the
-- other way round.
CREATE FUNCTION muster.lock_relating_one(of_type text, of_source integer, crossing boolean, handles text[], are_pairs boolean[],
                                         refs relationship_references[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  keys bigint[];
  alone boolean[];
BEGIN
  SELECT array_agg(k.key ORDER BY k.key), array_agg(k.is_alone ORDER BY k.key) INTO keys, alone FROM (
    SELECT hashtextextended(t.of_type || ' ' || t.handle, 0) AS key, bool_or(t.is_alone) AS is_alone
    FROM (SELECT of_type AS of_type, u.handle, NOT u.is_pair AS is_alone FROM unnest(handles, are_pairs) AS u (handle, is_pair)
          UNION ALL
          SELECT r.target_type, r.target_name, r.selects_all FROM unnest(refs) AS r) AS t
    GROUP BY 1) AS k;
  IF cardinality(keys) > 100 THEN -- the table of locks is not large
    PERFORM muster.lock_relating(ARRAY[of_source], crossing);
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(hashtext('muster.relating'), of_source);
  IF crossing THEN
    PERFORM pg_advisory_xact_lock_shared(hashtext('muster.relating'), -1);
  END IF;
  FOR i IN 1 .. cardinality(keys) LOOP
    IF alone[i] THEN
      PERFORM pg_advisory_xact_lock(keys[i]);
    ELSE
      PERFORM pg_advisory_xact_lock_shared(keys[i]);
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
-- The one item that a reference means: the only one that bears the name, or of several the only one that is not archived. In FROM it becomes
-- part of the query that asks.
CREATE FUNCTION muster.end_of(of_source integer, any_source boolean, namespace_rule text, of_type text, of_namespace text, of_name text,
                              holding jsonb) RETURNS TABLE (ci_id uuid) LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT CASE WHEN count(*) FILTER (WHERE f.is_present) = 1 THEN (array_agg(f.ci_id) FILTER (WHERE f.is_present))[1]
              WHEN count(*) = 1 THEN (array_agg(f.ci_id))[1] END
  FROM (
    SELECT c.ci_id, c.status <> 'archived' AS is_present FROM public.configuration_items c
    WHERE namespace_rule <> 'any' AND c.ci_type = of_type AND c.name = of_name
      AND coalesce(c.namespace, '') = ANY (CASE namespace_rule WHEN 'exact' THEN ARRAY[coalesce(of_namespace, '')]
                                                               ELSE ARRAY[of_namespace, ''] END)
      AND (any_source OR c.source_id IS NOT DISTINCT FROM of_source)
    UNION ALL
    SELECT c.ci_id, c.status <> 'archived' FROM public.configuration_items c
    WHERE namespace_rule = 'any' AND c.ci_type = of_type AND c.name = of_name
      AND (any_source OR c.source_id IS NOT DISTINCT FROM of_source)
    UNION ALL
    SELECT c.ci_id, c.status <> 'archived' FROM public.configuration_items c
    WHERE namespace_rule = 'any' AND holding IS NOT NULL AND c.ci_type = of_type AND c.name <> of_name AND c.raw_data @> holding
      AND (any_source OR c.source_id IS NOT DISTINCT FROM of_source)) AS f
$$;
--> statement-breakpoint
-- An object that holds value at path.
CREATE FUNCTION muster.nested(path text[], value jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  FOR i IN REVERSE cardinality(path) .. 1 LOOP
    value := jsonb_build_object(path[i], value);
  END LOOP;
  RETURN value;
END $$;
--> statement-breakpoint
-- What the documents of these items, which are of these types, say about others; the other end is still to be found. Of an array the first
-- 1000 that fit count.
CREATE FUNCTION muster.references_in(ids uuid[], of_types text[]) RETURNS relationship_references[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY(
    WITH declared AS MATERIALIZED (
      SELECT t.ci_type, d.* FROM muster.relating_types(of_types) AS r
      CROSS JOIN LATERAL unnest(r.ci_types) AS t (ci_type)
      CROSS JOIN LATERAL ROWS FROM (jsonb_to_recordset(r.relationships) AS (
        type text, outer_array text[], inner_array text[], target text, prefix text, kind text[], name text[], own_name text,
        namespace text, any_source boolean, alias text[], selector text[], labels text[], properties jsonb, field text))
        WITH ORDINALITY AS d (type, outer_array, inner_array, target, prefix, kind, name, own_name, namespace, any_source, alias,
                              selector, labels, properties, field, nth)
    )
    SELECT ROW (
           i.ci_id, NULL, i.source_id, d.nth * 1000000 + least(e.place, 999999), d.any_source, d.selector IS NOT NULL,
           CASE WHEN d.namespace = 'any' OR d.namespace = 'own_or_none' AND i.namespace IS NOT NULL THEN d.namespace ELSE 'exact' END,
           d.type, e.target_type, CASE WHEN d.namespace IN ('own', 'own_or_none') THEN i.namespace END, e.target_name,
           CASE WHEN d.selector IS NOT NULL THEN muster.nested(d.labels, e.doc #> d.selector)
                WHEN d.alias IS NOT NULL THEN muster.nested(d.alias, to_jsonb(e.target_name)) END,
           CASE WHEN d.properties = '{}' THEN d.properties ELSE (
             SELECT jsonb_strip_nulls(jsonb_object_agg(p.key, e.doc #> ARRAY(SELECT jsonb_array_elements_text(p.value))))
             FROM jsonb_each(d.properties) AS p (key, value)) END,
           d.field)::public.relationship_references
    FROM (
      -- The empty object changes nothing, but the document is decompressed once instead of for each path.
      SELECT c.ci_id, c.ci_type, c.source_id, c.namespace, c.raw_data || '{}' AS raw_data
      FROM public.configuration_items c WHERE c.ci_id = ANY (ids) OFFSET 0) AS i
    CROSS JOIN LATERAL (SELECT d.* FROM declared d WHERE d.ci_type = i.ci_type OFFSET 0) AS d
    CROSS JOIN LATERAL (
      SELECT n.* FROM (
        SELECT a.doc, a.place,
               CASE WHEN d.kind IS NULL THEN d.target WHEN jsonb_typeof(a.doc #> d.kind) = 'string'
                    THEN d.prefix || lower(nullif(a.doc #>> d.kind, '') COLLATE "pg_c_utf8") END AS target_type,
               CASE WHEN d.own_name = 'namespace' THEN i.namespace
                    WHEN d.own_name = 'namespace_head' THEN substring(i.namespace FROM '^(.*)[.][^.]*$')
                    WHEN d.name IS NOT NULL THEN CASE WHEN jsonb_typeof(a.doc #> d.name) = 'string' THEN a.doc #>> d.name END
                    WHEN i.namespace IS NOT NULL THEN muster.selector_handle(a.doc #> d.selector) END AS target_name
        FROM (
          SELECT i.raw_data AS doc, 0::bigint AS place WHERE d.outer_array IS NULL
          UNION ALL
          SELECT o.* FROM jsonb_array_elements(
            CASE jsonb_typeof(i.raw_data #> d.outer_array) WHEN 'array' THEN i.raw_data #> d.outer_array END)
            WITH ORDINALITY AS o (doc, place)
          WHERE d.outer_array IS NOT NULL AND d.inner_array IS NULL
          UNION ALL
          SELECT n.doc, o.place FROM jsonb_array_elements(
            CASE jsonb_typeof(i.raw_data #> d.outer_array) WHEN 'array' THEN i.raw_data #> d.outer_array END)
            WITH ORDINALITY AS o (doc, place)
          CROSS JOIN LATERAL jsonb_array_elements(
            CASE jsonb_typeof(o.doc #> d.inner_array) WHEN 'array' THEN o.doc #> d.inner_array END) AS n (doc)
          WHERE d.inner_array IS NOT NULL) AS a OFFSET 0) AS n
      WHERE octet_length(n.target_name) BETWEEN 1 AND 1024 AND octet_length(n.target_type) <= 128 LIMIT 1000) AS e);
END $$;
--> statement-breakpoint
-- Keeps these references with the other ends that are there, and makes the edges that follow.
CREATE FUNCTION muster.refer(read_at timestamptz, refs relationship_references[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WITH meant AS (
    -- Whoever means the same end finds it together: one look for all.
    SELECT r.target_name, r.target_namespace, r.target_type, r.source_id, r.any_source, r.selects_all, r.namespace_rule, r.selector,
           array_agg(r.ci_id) AS ids, array_agg(r.place) AS places, array_agg(r.relationship_type) AS kinds,
           array_agg(r.properties) AS properties, array_agg(r.field) AS fields
    FROM unnest(refs) AS r
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  ), kept AS (
    INSERT INTO public.relationship_references (ci_id, target_ci_id, source_id, place, any_source, selects_all, namespace_rule,
      relationship_type, target_type, target_namespace, target_name, selector, properties, field)
    SELECT u.ci_id, nullif(t.ci_id, u.ci_id), m.source_id, u.place, m.any_source, m.selects_all, m.namespace_rule, u.kind,
           m.target_type, m.target_namespace, m.target_name, m.selector, u.properties, u.field
    FROM meant m
    LEFT JOIN LATERAL muster.end_of(m.source_id, m.any_source, m.namespace_rule, m.target_type, m.target_namespace, m.target_name,
                                    m.selector) AS t ON NOT m.selects_all
    CROSS JOIN LATERAL unnest(m.ids, m.places, m.kinds, m.properties, m.fields) AS u (ci_id, place, kind, properties, field)
    RETURNING ci_id, target_ci_id, source_id, place, relationship_type, target_type, target_namespace, selector, selects_all,
              properties, field
  )
  INSERT INTO public.relationships AS e (source_ci_id, target_ci_id, source_id, first_seen, last_seen, extracted, relationship_type,
                                         properties, evidence)
  SELECT DISTINCT ON (k.ci_id, k.relationship_type, k.target_ci_id)
         k.ci_id, k.target_ci_id, k.source_id, read_at, read_at, true, k.relationship_type, k.properties,
         jsonb_build_object('field', k.field)
  FROM (
    SELECT k.ci_id, k.target_ci_id, k.source_id, k.place, k.relationship_type, k.properties, k.field
    FROM kept k WHERE k.target_ci_id IS NOT NULL
    UNION ALL
    SELECT k.ci_id, c.ci_id, k.source_id, k.place, k.relationship_type, k.properties, k.field
    FROM kept k CROSS JOIN LATERAL (
      SELECT c.ci_id FROM public.configuration_items c
      WHERE k.selects_all AND c.ci_type = k.target_type AND c.namespace = k.target_namespace
        AND c.source_id IS NOT DISTINCT FROM k.source_id AND c.raw_data @> k.selector AND c.ci_id <> k.ci_id OFFSET 0) AS c
  ) AS k
  ORDER BY k.ci_id, k.relationship_type, k.target_ci_id, k.place, k.properties
  ON CONFLICT (source_ci_id, relationship_type, target_ci_id, source_id, extracted) DO UPDATE SET
    properties = excluded.properties, evidence = excluded.evidence, last_seen = excluded.last_seen
  WHERE (e.properties, e.evidence) IS DISTINCT FROM (excluded.properties, excluded.evidence);
END $$;
--> statement-breakpoint
-- Makes the edges between these pairs what the references of now say: there or not, with the properties and evidence of the first that says so.
CREATE FUNCTION muster.settle_edges(settled_at timestamptz, froms uuid[], kinds text[], tos uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF froms IS NULL THEN
    RETURN;
  END IF;
  WITH pair AS MATERIALIZED (
    SELECT p.source_ci_id, p.relationship_type, p.target_ci_id, w.is_wanted, w.source_id, w.properties, w.field
    FROM (SELECT DISTINCT * FROM unnest(froms, kinds, tos) AS u (source_ci_id, relationship_type, target_ci_id)
          WHERE u.source_ci_id <> u.target_ci_id) AS p
    LEFT JOIN LATERAL (
      SELECT true AS is_wanted, r.source_id, r.properties, r.field FROM public.relationship_references r
      WHERE r.ci_id = p.source_ci_id AND r.relationship_type = p.relationship_type
        AND (r.target_ci_id = p.target_ci_id OR r.selects_all AND EXISTS (
          SELECT FROM public.configuration_items c
          WHERE c.ci_id = p.target_ci_id AND c.ci_type = r.target_type AND c.namespace = r.target_namespace
            AND c.source_id IS NOT DISTINCT FROM r.source_id AND c.raw_data @> r.selector))
      ORDER BY r.place, r.properties LIMIT 1) AS w ON true
  ), gone AS (
    DELETE FROM public.relationships WHERE id = ANY (ARRAY(
      SELECT e.id FROM pair p CROSS JOIN LATERAL (
        SELECT e.id FROM public.relationships e
        -- Said as a range, which is one of the key's index: equality may be looked up by the type alone, while that is still rare.
        WHERE e.extracted AND (e.source_ci_id, e.relationship_type, e.target_ci_id) >= (p.source_ci_id, p.relationship_type, p.target_ci_id)
          AND (e.source_ci_id, e.relationship_type, e.target_ci_id) <= (p.source_ci_id, p.relationship_type, p.target_ci_id) AND (p.is_wanted IS NULL OR e.source_id IS DISTINCT FROM p.source_id) OFFSET 0) AS e))
  )
  INSERT INTO public.relationships AS e (source_ci_id, target_ci_id, source_id, first_seen, last_seen, extracted, relationship_type,
                                         properties, evidence)
  SELECT p.source_ci_id, p.target_ci_id, p.source_id, settled_at, settled_at, true, p.relationship_type, p.properties,
         jsonb_build_object('field', p.field)
  FROM pair p WHERE p.is_wanted
  ON CONFLICT (source_ci_id, relationship_type, target_ci_id, source_id, extracted) DO UPDATE SET
    properties = excluded.properties, evidence = excluded.evidence, last_seen = excluded.last_seen
  WHERE (e.properties, e.evidence) IS DISTINCT FROM (excluded.properties, excluded.evidence);
END $$;
--> statement-breakpoint
-- Looks again for the other end of every reference that means, or meant, one of these items: each given once for every handle it has or
-- had. Items that have just arrived leave references alone that end at them already.
CREATE FUNCTION muster.settle_ends(settled_at timestamptz, arriving boolean, ids uuid[], types text[], namespaces text[], of_sources integer[],
                                   handles text[]) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = on AS $$
DECLARE
  froms uuid[];
  kinds text[];
  tos uuid[];
BEGIN
  WITH known AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest(ids, types, namespaces, of_sources, handles) AS u (ci_id, ci_type, namespace, source_id, handle)
  ), meaning AS MATERIALIZED (
    SELECT k.ci_id AS end_id, r.* FROM known k
    CROSS JOIN LATERAL (
      (SELECT r.ctid AS row_id, r.* FROM public.relationship_references r
       WHERE r.target_type = k.ci_type AND r.target_name = k.handle
         AND coalesce(r.target_namespace, '') = coalesce(k.namespace, '') AND r.namespace_rule <> 'any' OFFSET 0)
      UNION ALL
      (SELECT r.ctid, r.* FROM public.relationship_references r
       WHERE coalesce(k.namespace, '') = '' AND r.target_type = k.ci_type AND r.target_name = k.handle
         AND coalesce(r.target_namespace, '') <> '' AND r.namespace_rule = 'own_or_none' OFFSET 0)
      UNION ALL
      (SELECT r.ctid, r.* FROM public.relationship_references r
       WHERE r.target_type = k.ci_type AND r.target_name = k.handle AND r.namespace_rule = 'any' OFFSET 0)) AS r
    WHERE (r.any_source OR r.source_id IS NOT DISTINCT FROM k.source_id)
      AND NOT (arriving AND r.target_ci_id IS NOT DISTINCT FROM k.ci_id)
  ), found AS (
    SELECT t.ci_id AS target_ci_id, g.row_ids
    FROM (
      SELECT m.source_id, m.any_source, m.namespace_rule, m.target_type, m.target_namespace, m.target_name, m.selector,
             array_agg(DISTINCT m.row_id) AS row_ids
      FROM meaning m WHERE NOT m.selects_all GROUP BY 1, 2, 3, 4, 5, 6, 7) AS g
    CROSS JOIN LATERAL muster.end_of(g.source_id, g.any_source, g.namespace_rule, g.target_type, g.target_namespace, g.target_name,
                                     g.selector) AS t
  ), moved AS (
    UPDATE public.relationship_references r SET target_ci_id = nullif(f.target_ci_id, r.ci_id)
    FROM (SELECT unnest(f.row_ids) AS row_id, f.target_ci_id FROM found f) AS f
    WHERE r.ctid = f.row_id AND r.target_ci_id IS DISTINCT FROM nullif(f.target_ci_id, r.ci_id)
    RETURNING r.ci_id, r.relationship_type, old.target_ci_id AS was, new.target_ci_id AS becomes
  )
  SELECT array_agg(p.ci_id), array_agg(p.relationship_type), array_agg(p.target_ci_id) INTO froms, kinds, tos
  FROM (
    SELECT m.ci_id, m.relationship_type, t.target_ci_id FROM moved m
    CROSS JOIN LATERAL (VALUES (m.was), (m.becomes)) AS t (target_ci_id) WHERE t.target_ci_id IS NOT NULL
    UNION ALL
    SELECT m.ci_id, m.relationship_type, m.end_id FROM meaning m WHERE m.selects_all) AS p;
  PERFORM muster.settle_edges(settled_at, froms, kinds, tos);
END $$;
--> statement-breakpoint
-- Reads the documents of these items anew: their references, and the edges from them.
CREATE FUNCTION muster.refer_again(read_at timestamptz, ids uuid[]) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = on AS $$
DECLARE
  froms uuid[];
  kinds text[];
  tos uuid[];
BEGIN
  SELECT array_agg(e.source_ci_id), array_agg(e.relationship_type), array_agg(e.target_ci_id) INTO froms, kinds, tos
  FROM public.relationships e WHERE e.source_ci_id = ANY (ids) AND e.extracted;
  DELETE FROM public.relationship_references r WHERE r.ci_id = ANY (ids);
  PERFORM muster.refer(read_at, muster.references_in(
    ids, ARRAY(SELECT DISTINCT c.ci_type FROM public.configuration_items c WHERE c.ci_id = ANY (ids))));
  PERFORM muster.settle_edges(read_at, froms, kinds, tos);
END $$;
--> statement-breakpoint
-- One plan for one row and for thousands: made once a session, it costs a single write nothing. The planner knows nothing of how much a
-- statement has just written, so a scan of a whole table looks cheap to it.
CREATE FUNCTION muster.relate_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  present text[] := ARRAY(SELECT DISTINCT n.ci_type FROM new_rows n);
  crossing boolean;
  of_sources integer[];
  referring uuid[];
  refs relationship_references[];
  ids uuid[];
  types text[];
  namespaces text[];
  known_sources integer[];
  handles text[];
  are_pairs boolean[];
BEGIN
  WITH declared AS MATERIALIZED (
    SELECT t.ci_type, d.handles, d.crosses_sources, d.relationships <> '[]' AS refers
    FROM muster.relating_types(present) AS d
    CROSS JOIN LATERAL unnest(d.ci_types) AS t (ci_type)
  )
  SELECT array_agg(n.ci_id), array_agg(n.ci_type), array_agg(n.namespace), array_agg(n.source_id), array_agg(h.handle),
         array_agg(h.is_pair), bool_or(d.crosses_sources), array_agg(DISTINCT coalesce(n.source_id, 0)),
         array_agg(DISTINCT n.ci_id) FILTER (WHERE d.refers)
    INTO ids, types, namespaces, known_sources, handles, are_pairs, crossing, of_sources, referring
  FROM new_rows n
  JOIN declared d ON d.ci_type = n.ci_type
  CROSS JOIN LATERAL muster.handles_of(n.name, n.raw_data, d.handles) AS h;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  refs := muster.references_in(referring, present);
  IF current_setting('muster.writes_one', true) = 'true' THEN
    PERFORM muster.lock_relating_one(types[1], of_sources[1], crossing, handles, are_pairs, refs);
  ELSE
    PERFORM muster.lock_relating(of_sources, crossing);
  END IF;
  IF refs <> '{}' THEN
    PERFORM muster.refer(muster.request_now(), refs);
  END IF;
  PERFORM muster.settle_ends(muster.request_now(), true, ids, types, namespaces, known_sources, handles);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- Only rows matter whose document moved where a declaration looks, that have another identity, or that were or became archived. The plan is
-- made at the first update of a session, often of no row at all, and kept: a nested loop over old and new would be paid by a bulk later.
CREATE FUNCTION muster.relate_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_nestloop = off SET jit = off AS $$
DECLARE
  referring uuid[];
  ended uuid[];
  crossing boolean;
  of_sources integer[];
  ids uuid[];
  types text[];
  namespaces text[];
  known_sources integer[];
  handles text[];
BEGIN
  -- A bulk that updates nothing comes by, too.
  IF NOT EXISTS (SELECT FROM new_rows) THEN
    RETURN NULL;
  END IF;
  WITH moved AS MATERIALIZED (
    SELECT n.ci_id, o.ci_type AS old_type, n.ci_type AS new_type, o.source_id AS old_source, n.source_id AS new_source,
           o.raw_data AS old_data, n.raw_data AS new_data,
           (o.ci_type, o.namespace, o.name, o.source_id) IS DISTINCT FROM (n.ci_type, n.namespace, n.name, n.source_id) AS is_other,
           (o.status = 'archived') <> (n.status = 'archived') AS is_turned
    FROM old_rows o JOIN new_rows n ON n.ci_id = o.ci_id
    WHERE o.raw_data IS DISTINCT FROM n.raw_data OR (o.status = 'archived') <> (n.status = 'archived')
       OR (o.ci_type, o.namespace, o.name, o.source_id) IS DISTINCT FROM (n.ci_type, n.namespace, n.name, n.source_id)
  ), declared AS MATERIALIZED (
    SELECT t.ci_type, d.roots, d.handles, d.crosses_sources
    FROM muster.relating_types(ARRAY(SELECT m.old_type FROM moved m UNION SELECT m.new_type FROM moved m)) AS d
    CROSS JOIN LATERAL unnest(d.ci_types) AS t (ci_type)
  ), looked AS MATERIALIZED (
    SELECT m.ci_id, m.old_source, m.new_source, coalesce(od.crosses_sources, false) OR coalesce(nd.crosses_sources, false) AS crosses,
           m.is_other OR EXISTS (
             SELECT FROM jsonb_array_elements(nd.roots) AS r (path)
             CROSS JOIN LATERAL (SELECT ARRAY(SELECT jsonb_array_elements_text(r.path)) AS keys) AS k
             WHERE d.old_data #> k.keys IS DISTINCT FROM d.new_data #> k.keys) AS refers,
           m.is_other OR m.is_turned OR EXISTS (
             SELECT FROM jsonb_array_elements(nd.handles) AS h (declared)
             CROSS JOIN LATERAL (SELECT ARRAY(SELECT jsonb_array_elements_text(h.declared -> 'path')) AS keys) AS k
             WHERE d.old_data #> k.keys IS DISTINCT FROM d.new_data #> k.keys) AS ends
    FROM moved m
    LEFT JOIN declared od ON od.ci_type = m.old_type
    LEFT JOIN declared nd ON nd.ci_type = m.new_type
    CROSS JOIN LATERAL (SELECT m.old_data || '{}' AS old_data, m.new_data || '{}' AS new_data OFFSET 0) AS d
    WHERE od.ci_type IS NOT NULL OR nd.ci_type IS NOT NULL
  )
  SELECT array_agg(l.ci_id) FILTER (WHERE l.refers), array_agg(l.ci_id) FILTER (WHERE l.ends), bool_or(l.crosses),
         array_agg(coalesce(s.source_id, 0))
    INTO referring, ended, crossing, of_sources
  FROM looked l CROSS JOIN LATERAL (VALUES (l.old_source), (l.new_source)) AS s (source_id)
  WHERE l.refers OR l.ends;
  IF of_sources IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM muster.lock_relating(of_sources, crossing);

  PERFORM muster.refer_again(muster.request_now(), referring);
  SELECT array_agg(n.ci_id), array_agg(n.ci_type), array_agg(n.namespace), array_agg(n.source_id), array_agg(h.handle)
    INTO ids, types, namespaces, known_sources, handles
  FROM (SELECT o.* FROM old_rows o WHERE o.ci_id = ANY (ended) UNION ALL SELECT n.* FROM new_rows n WHERE n.ci_id = ANY (ended)) AS n
  CROSS JOIN LATERAL muster.relating_types(ARRAY[n.ci_type]) AS d
  CROSS JOIN LATERAL muster.handles_of(n.name, n.raw_data, d.handles) AS h;
  PERFORM muster.settle_ends(muster.request_now(), false, ids, types, namespaces, known_sources, handles);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- What is removed for good takes its references along; references of others to it wait for the next of its name. Its edges go after this,
-- with relationships_of_removed, behind the lock that is taken here.
CREATE FUNCTION muster.relate_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  removed uuid[] := ARRAY(SELECT o.ci_id FROM old_rows o);
  crossing boolean;
  of_sources integer[];
  ids uuid[];
  types text[];
  namespaces text[];
  known_sources integer[];
  handles text[];
BEGIN
  SELECT array_agg(k.source_id), bool_or(d.crosses_sources) INTO of_sources, crossing
  FROM (SELECT DISTINCT o.ci_type, coalesce(o.source_id, 0) AS source_id FROM old_rows o) AS k
  CROSS JOIN LATERAL muster.relating_types(ARRAY[k.ci_type]) AS d;
  PERFORM muster.lock_relating(of_sources, crossing);
  DELETE FROM relationship_references r WHERE r.ci_id = ANY (removed);
  SELECT array_agg(o.ci_id), array_agg(o.ci_type), array_agg(o.namespace), array_agg(o.source_id), array_agg(h.handle)
    INTO ids, types, namespaces, known_sources, handles
  FROM old_rows o
  CROSS JOIN LATERAL muster.relating_types(ARRAY[o.ci_type]) AS d
  CROSS JOIN LATERAL muster.handles_of(o.name, o.raw_data, d.handles) AS h;
  PERFORM muster.settle_ends(muster.request_now(), false, ids, types, namespaces, known_sources, handles);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- Named so that they run after the log's triggers, which leaves their lock the shorter while.
CREATE TRIGGER relate_inserted AFTER INSERT ON configuration_items
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relate_inserted();
--> statement-breakpoint
CREATE TRIGGER relate_updated AFTER UPDATE ON configuration_items
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relate_updated();
--> statement-breakpoint
CREATE TRIGGER relate_deleted AFTER DELETE ON configuration_items
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION muster.relate_deleted();
--> statement-breakpoint
-- Reads up to batch documents that were there before the present declarations of their type. Answers {items, finished}; two at once are one.
CREATE FUNCTION muster.relate_items(context jsonb, batch integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
  related_at timestamptz(3) := muster.enter(context);
  wanted integer := greatest(batch, 1);
  due relationship_declarations;
  first_type text;
  last_type text;
  ids uuid[];
  of_sources integer[];
  taken integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.relate_items')) THEN
    RETURN jsonb_build_object('items', 0, 'finished', true);
  END IF;
  SELECT d.* INTO due FROM relationship_declarations d WHERE NOT d.is_related ORDER BY d.ci_type LIMIT 1;
  IF due.ci_type IS NULL THEN
    RETURN jsonb_build_object('items', 0, 'finished', true);
  END IF;
  first_type := due.ci_type;
  last_type := due.ci_type;
  IF due.ci_type LIKE '%.*' THEN
    first_type := left(due.ci_type, -1);
    last_type := left(due.ci_type, -2) || '/'; -- what comes next after a point
  END IF;
  WITH page AS (
    SELECT c.ci_id, c.ci_type, c.created_at, c.source_id FROM configuration_items c
    WHERE c.ci_type BETWEEN first_type AND last_type
      AND (c.ci_type, c.created_at, c.ci_id) > (coalesce(due.reached_type, ''), coalesce(due.reached_at, '-infinity'),
                                                coalesce(due.reached_id, '00000000-0000-0000-0000-000000000000'))
      AND NOT EXISTS (SELECT FROM relationship_declarations own WHERE own.ci_type = c.ci_type AND own.ci_type <> due.ci_type)
    ORDER BY c.ci_type, c.created_at, c.ci_id LIMIT wanted
  )
  SELECT array_agg(p.ci_id), array_agg(coalesce(p.source_id, 0)), count(*),
         (array_agg(p.ci_type ORDER BY p.ci_type DESC, p.created_at DESC, p.ci_id DESC))[1],
         (array_agg(p.created_at ORDER BY p.ci_type DESC, p.created_at DESC, p.ci_id DESC))[1],
         (array_agg(p.ci_id ORDER BY p.ci_type DESC, p.created_at DESC, p.ci_id DESC))[1]
    INTO ids, of_sources, taken, due.reached_type, due.reached_at, due.reached_id
  FROM page p;
  IF taken > 0 THEN
    PERFORM muster.lock_relating(of_sources, due.crosses_sources);
    PERFORM muster.refer_again(related_at, ids);
  END IF;
  UPDATE relationship_declarations d SET
    is_related = taken < wanted, reached_type = due.reached_type, reached_at = due.reached_at, reached_id = due.reached_id
  WHERE d.ci_type = due.ci_type;
  RETURN jsonb_build_object('items', taken, 'finished', taken < wanted AND NOT EXISTS (
    SELECT FROM relationship_declarations d WHERE NOT d.is_related AND d.ci_type <> due.ci_type));
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.pair_handle(text, text), muster.handles_of(text, jsonb, jsonb), muster.selector_handle(jsonb),
  muster.relating_types(text[]), muster.lock_relating(integer[], boolean),
  muster.lock_relating_one(text, integer, boolean, text[], boolean[], relationship_references[]),
  muster.end_of(integer, boolean, text, text, text, text, jsonb), muster.nested(text[], jsonb), muster.references_in(uuid[], text[]),
  muster.refer(timestamptz, relationship_references[]), muster.settle_edges(timestamptz, uuid[], text[], uuid[]),
  muster.settle_ends(timestamptz, boolean, uuid[], text[], text[], integer[], text[]), muster.refer_again(timestamptz, uuid[]),
  muster.relate_inserted(), muster.relate_updated(), muster.relate_deleted(), muster.relate_items(jsonb, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.relate_items(jsonb, integer) TO muster_jobs;
