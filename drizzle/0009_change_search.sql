-- How changes are found: indexes on the log where order or equality asks for one, all text matching in change_search, which a job
-- fills behind a watermark so that writing a change does not pay for it.

-- Feed order within a type, a kind of change or a name; each also serves as the order of a list sorted by it.
CREATE INDEX changes_ci_type_changed_at_idx ON changes (ci_type, changed_at, id);
--> statement-breakpoint
CREATE INDEX changes_change_type_changed_at_idx ON changes (change_type, changed_at, id);
--> statement-breakpoint
CREATE INDEX changes_name_changed_at_idx ON changes (name, changed_at, id);
--> statement-breakpoint
-- One column only: equal keys share an entry, which makes these small and cheap to write.
CREATE INDEX changes_namespace_idx ON changes (namespace);
--> statement-breakpoint
CREATE INDEX changes_actor_idx ON changes (actor);
--> statement-breakpoint
CREATE INDEX changes_request_id_idx ON changes (request_id);
--> statement-breakpoint
CREATE INDEX changes_source_id_idx ON changes (source_id);
--> statement-breakpoint
CREATE INDEX changes_department_idx ON changes (department) WHERE department IS NOT NULL;
--> statement-breakpoint
-- The name again, for "name contains": an index of trigrams on the log itself would be paid for by every write.
ALTER TABLE change_search ADD COLUMN name text COLLATE "pg_c_utf8" NOT NULL;
--> statement-breakpoint
CREATE INDEX change_search_name_trigram_idx ON change_search USING gin (name gin_trgm_ops);
--> statement-breakpoint
-- An entry belongs to a change by its id alone; the time that both have only leaves partitions out.
CREATE INDEX change_search_change_id_idx ON change_search (change_id);
--> statement-breakpoint
-- The words of a text (runs of letters and digits, lower case, cut at 100 characters) with their places, and every longer identifier
-- whole: of "Repo/App:1.2" repo, app, 1, 2 and repo/app:1.2. What these forms have in common with a query is decided here alone.
CREATE FUNCTION muster.words_vector(body text, weight text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
  SELECT coalesce(string_agg('''' || l.lexeme || ''':' || least(l.place, 16383) || weight, ' '), '')::tsvector
  FROM (
    SELECT c.chunk, c.words, sum(cardinality(c.words)) OVER (ORDER BY c.place) - cardinality(c.words) AS before
    FROM (
      SELECT s.chunk, s.place, CASE WHEN s.chunk ~ '[^[:alnum:]]' THEN array_remove(regexp_split_to_array(s.chunk, '[^[:alnum:]]+'), '')
                                    ELSE ARRAY[s.chunk] END AS words
      FROM regexp_split_to_table(lower(body COLLATE "pg_c_utf8"), '[\s,"{}\[\]]+') WITH ORDINALITY AS s (chunk, place)
      WHERE s.chunk <> '') AS c) AS i
  CROSS JOIN LATERAL (
    SELECT left(w.word, 100), i.before + w.place FROM unnest(i.words) WITH ORDINALITY AS w (word, place)
    UNION ALL
    -- Where its first word is: a phrase that ends in a prefix of it meets both or neither.
    SELECT replace(replace(btrim(i.chunk, '!#$%&''()*+-./:;<=>?@\^_`|~'), '\', '\\'), '''', ''''''), i.before + 1
    WHERE cardinality(i.words) > 1 AND length(i.chunk) <= 200) AS l (lexeme, place)
);
--> statement-breakpoint
-- The identifiers of a query, whole and as their words.
CREATE FUNCTION muster.query_phrases(query text) RETURNS TABLE (whole text, words text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
  SELECT p.whole, p.words
  FROM (
    SELECT btrim(c.chunk, '!#$%&''()*+-./:;<=>?@\^_`|~') AS whole,
           ARRAY(SELECT left(w.word, 100) FROM regexp_split_to_table(c.chunk, '[^[:alnum:]]+') AS w (word) WHERE w.word <> '') AS words
    FROM regexp_split_to_table(lower(query COLLATE "pg_c_utf8"), '[\s,"{}\[\]]+') AS c (chunk)) AS p
  WHERE cardinality(p.words) > 0
$$;
--> statement-breakpoint
-- What a query asks for: every one of its identifiers, its words next to each other and the last of them as a prefix, or whole and as
-- a prefix. weights restricts where (A name, B changed fields, C namespace and type, D values). NULL when there is no word in it.
CREATE FUNCTION muster.search_query(query text, weights text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
  SELECT string_agg(
    CASE WHEN cardinality(q.words) = 1 THEN q.phrase
         ELSE '(' || q.phrase || ' | ''' || replace(replace(q.whole, '\', '\\'), '''', '''''') || ''':*' || weights || ')' END,
    ' & ')::tsquery
  FROM (
    SELECT p.whole, p.words, '''' || array_to_string(p.words, ''':' || weights || ' <-> ''') || ''':*' || weights AS phrase
    FROM muster.query_phrases(query) AS p) AS q
);
--> statement-breakpoint
-- The words of a query.
CREATE FUNCTION muster.search_words(query text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
  SELECT DISTINCT left(w.word, 100)
  FROM regexp_split_to_table(lower(query COLLATE "pg_c_utf8"), '[^[:alnum:]]+') AS w (word) WHERE w.word <> '');
--> statement-breakpoint
-- The name of a logged path, as field_name has it; paths of plain keys, which nearly all are, in a tenth of its time.
CREATE FUNCTION muster.entry_field(path jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  body text := path::text;
  field text;
BEGIN
  IF starts_with(body, '["raw_data", "') THEN
    body := substr(body, 15, length(body) - 16);
    IF translate(body, '.[]:\', '') = body THEN
      field := replace(body, '", "', '.');
      -- An empty key shows as a dot too many, and a single key may read like a logged column.
      IF strpos(field, '.') > 0 AND strpos(field, '..') = 0 AND left(field, 1) <> '.' AND right(field, 1) <> '.' THEN
        RETURN field;
      END IF;
    END IF;
  END IF;
  RETURN muster.field_name(ARRAY(SELECT jsonb_array_elements_text(path)));
END $$;
--> statement-breakpoint
-- The names of the changed paths as they are written on the wire. One too long for an index is kept as its beginning and a digest.
CREATE FUNCTION muster.field_key(field text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(field) <= 1024 THEN field ELSE left(field, 200) || '…' || md5(field) END;
--> statement-breakpoint
-- A function, so that the planner knows the keys and how common each is.
CREATE FUNCTION muster.field_keys(fields text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT muster.field_key(f.field) FROM unnest(fields) AS f (field));
--> statement-breakpoint
CREATE FUNCTION muster.changed_fields(entries jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(
  SELECT DISTINCT muster.field_key(muster.entry_field(e.entry -> 'path'))
  FROM jsonb_array_elements(entries) AS e (entry));
--> statement-breakpoint
-- JSON as text to take words from, without the letters of its escapes.
CREATE FUNCTION muster.json_words(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN strpos(value::text, '\') = 0 THEN value::text
            ELSE regexp_replace(value::text, '\\(?:u[0-9a-f]{4}|.)', ' ', 'g') END;
--> statement-breakpoint
-- What a change can be found by: names (A), changed paths (B), namespace and type (C), values (D, the first 32,768 characters).
CREATE FUNCTION muster.change_vector(name text, namespace text, ci_type text, entries jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  vector tsvector := muster.words_vector(name, 'A') || muster.words_vector(concat_ws(' ', namespace, ci_type), 'C');
  paths text;
  contents text;
BEGIN
  IF entries <> '[]' THEN
    SELECT left(string_agg(muster.entry_field(e.entry -> 'path'), ' '), 16384),
           left(string_agg(concat_ws(' ', left(muster.json_words(e.entry -> 'new'), 32768),
                                          left(muster.json_words(e.entry -> 'old'), 32768)), ' '), 32768)
      INTO paths, contents FROM jsonb_array_elements(entries) AS e (entry);
    vector := vector || muster.words_vector(paths, 'B') || muster.words_vector(contents, 'D');
  END IF;
  RETURN vector;
END $$;
--> statement-breakpoint
-- Where a query met a change: up to ten of {field, text}, the words between « and ». labels names the item's name, namespace and type.
CREATE FUNCTION muster.search_highlights(labels text[], name text, namespace text, ci_type text, entries jsonb, query text)
RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  pattern text := '(?<![[:alnum:]])((?:' || (
    SELECT string_agg(array_to_string(p.words, '[^[:alnum:]]+'), '|') FROM muster.query_phrases(query) AS p) || ')[[:alnum:]]*)';
BEGIN
  RETURN (
    SELECT coalesce(json_agg(json_build_object('field', s.field, 'text', s.before || regexp_replace(
             s.body, pattern, '«\1»', 'gi') || s.after) ORDER BY s.rank, s.place), '[]')
    FROM (
      SELECT t.field, t.rank, t.place, substr(t.body, greatest(t.found - 60, 1), 200) AS body,
             CASE WHEN t.found > 61 THEN '…' ELSE '' END AS before,
             CASE WHEN length(t.body) >= greatest(t.found - 60, 1) + 200 THEN '…' ELSE '' END AS after
      FROM (
        SELECT c.field, c.rank, c.place, c.body, regexp_instr(c.body, pattern, 1, 1, 0, 'i') AS found
        FROM (
          SELECT l.field, 1 AS rank, l.place, l.body COLLATE "pg_c_utf8"
          FROM unnest(labels, ARRAY[name, namespace, ci_type]) WITH ORDINALITY AS l (field, body, place)
          UNION ALL
          SELECT f.field, v.rank, e.place, left(v.body, 32768) COLLATE "pg_c_utf8"
          FROM (SELECT x.entry, x.place FROM jsonb_array_elements(entries) WITH ORDINALITY AS x (entry, place) LIMIT 100) AS e
          CROSS JOIN LATERAL (
            SELECT muster.entry_field(e.entry -> 'path') AS field OFFSET 0) AS f
          CROSS JOIN LATERAL (VALUES (2, f.field), (3, muster.json_words(e.entry -> 'new')),
                                     (4, muster.json_words(e.entry -> 'old'))) AS v (rank, body)
        ) AS c (field, rank, place, body)) AS t
      WHERE t.found > 0 ORDER BY t.rank, t.place LIMIT 10) AS s);
END $$;
--> statement-breakpoint
-- A cell of CSV (RFC 4180), always in quotes, NULL as nothing. One that a spreadsheet could take for a formula gets a leading
-- apostrophe; a cell that begins with a letter or digit of ASCII needs no closer look.
CREATE FUNCTION muster.csv_cell(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN value IS NULL THEN ''
  WHEN value COLLATE "C" >= 'A' AND value COLLATE "C" < '{' THEN '"' || replace(value, '"', '""') || '"'
  WHEN value ~ '^[\s[:cntrl:]"'']*[-=+@＝＋－＠\t\r\n]' THEN '"''' || replace(value, '"', '""') || '"'
  ELSE '"' || replace(value, '"', '""') || '"' END;
--> statement-breakpoint
-- Takes up to batch changes into change_search, in the order of their transactions, as far as all of these have ended. The watermark
-- `search` names the last one by its transaction and, in `batch`, its id. Answers {changes, finished}; two at once are one.
CREATE FUNCTION muster.index_changes(batch integer) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  wanted integer := greatest(batch, 1);
  ceiling xid8;
  reached change_watermarks;
  taken integer;
  last_xid xid8;
  last_id bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('muster.index_changes')) THEN
    RETURN jsonb_build_object('changes', 0, 'finished', true);
  END IF;
  ceiling := pg_snapshot_xmin(pg_current_snapshot());
  SELECT w.* INTO reached FROM change_watermarks w WHERE w.name = 'search';
  WITH due AS MATERIALIZED (
    SELECT h.changed_at, h.id, h.xid, h.name, h.namespace, h.ci_type, h.entries FROM changes h
    WHERE h.xid >= reached.xid AND h.xid < ceiling AND (h.xid > reached.xid OR h.id > reached.batch)
    ORDER BY h.xid, h.id LIMIT wanted
  ), indexed AS (
    INSERT INTO change_search (changed_at, change_id, name, vector, fields)
    SELECT d.changed_at, d.id, d.name, muster.change_vector(d.name, d.namespace, d.ci_type, d.entries),
           muster.changed_fields(d.entries)
    FROM due d
  )
  SELECT count(*), (array_agg(d.xid ORDER BY d.xid DESC, d.id DESC))[1], (array_agg(d.id ORDER BY d.xid DESC, d.id DESC))[1]
    INTO taken, last_xid, last_id FROM due d;
  UPDATE change_watermarks w SET
    xid = CASE WHEN taken < wanted THEN ceiling ELSE last_xid END,
    batch = CASE WHEN taken < wanted THEN 0 ELSE last_id END,
    updated_at = now()
  WHERE w.name = 'search';
  RETURN jsonb_build_object('changes', taken, 'finished', taken < wanted);
END $$;
--> statement-breakpoint
-- Monthly partitions of the log and of what it is searched by, from one month to another, both included. Answers how many were made.
-- A new partition shuts everyone out of the table for a moment: where that would keep them waiting it gives way, and there are
-- twelve months of nights to try again.
CREATE OR REPLACE FUNCTION muster.ensure_change_partitions(from_month timestamptz, to_month timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  month timestamp;
  parent text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('muster.ensure_change_partitions'));
  FOR parent, month IN
    SELECT p, m FROM unnest(ARRAY['changes', 'change_search']) AS p,
                     generate_series(date_trunc('month', from_month AT TIME ZONE 'UTC'),
                                     date_trunc('month', to_month AT TIME ZONE 'UTC'), interval '1 month') AS m
  LOOP
    IF to_regclass(format('public.%I', parent || '_' || to_char(month, 'YYYYMM'))) IS NULL THEN
      EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                     parent || '_' || to_char(month, 'YYYYMM'), parent,
                     month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
--> statement-breakpoint
SELECT muster.ensure_change_partitions(now() - interval '2 months', now() + interval '12 months');
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.words_vector(text, text), muster.query_phrases(text), muster.search_query(text, text), muster.search_words(text),
  muster.entry_field(jsonb), muster.field_key(text), muster.field_keys(text[]), muster.changed_fields(jsonb), muster.json_words(jsonb), muster.change_vector(text, text, text, jsonb),
  muster.search_highlights(text[], text, text, text, jsonb, text), muster.csv_cell(text), muster.index_changes(integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.words_vector(text, text), muster.query_phrases(text), muster.search_query(text, text), muster.search_words(text),
  muster.entry_field(jsonb), muster.field_key(text), muster.field_keys(text[]), muster.changed_fields(jsonb), muster.json_words(jsonb), muster.change_vector(text, text, text, jsonb),
  muster.search_highlights(text[], text, text, text, jsonb, text), muster.csv_cell(text) TO muster_api;
--> statement-breakpoint
GRANT SELECT ON change_search, change_watermarks TO muster_api;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.index_changes(integer) TO muster_jobs;
