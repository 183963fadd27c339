-- Pure helpers over documents, and the request's context.

-- Records belong to an item; checked at commit, because a bulk names the item before it exists.
ALTER TABLE source_records ADD CONSTRAINT source_records_ci_id_fkey
  FOREIGN KEY (ci_id) REFERENCES configuration_items (ci_id) DEFERRABLE INITIALLY DEFERRED;
--> statement-breakpoint
-- Heartbeats rewrite rows often and never grow them.
ALTER TABLE source_records SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
--> statement-breakpoint
-- The form of every instant on the wire.
CREATE FUNCTION muster.iso(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
--> statement-breakpoint
-- doc without the value at path. A NULL in path stands for every element of an array. A path that is not there changes nothing.
CREATE FUNCTION muster.without_path(doc jsonb, path text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  star integer := array_position(path, NULL);
  elements jsonb;
BEGIN
  IF star IS NULL THEN
    RETURN CASE WHEN doc #> path IS NULL THEN doc ELSE doc #- path END;
  END IF;
  elements := doc #> path[:star - 1];
  IF jsonb_typeof(elements) IS DISTINCT FROM 'array' THEN
    RETURN doc;
  END IF;
  SELECT coalesce(jsonb_agg(muster.without_path(element, path[star + 1:]) ORDER BY i), '[]')
    INTO elements FROM jsonb_array_elements(elements) WITH ORDINALITY AS t (element, i);
  RETURN jsonb_set(doc, path[:star - 1], elements);
END $$;
--> statement-breakpoint
-- doc without all of paths; each path is the text form of a text[].
CREATE FUNCTION muster.without_paths(doc jsonb, paths text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  path text;
BEGIN
  IF paths IS NOT NULL THEN
    FOREACH path IN ARRAY paths LOOP
      doc := muster.without_path(doc, path::text[]);
    END LOOP;
  END IF;
  RETURN doc;
END $$;
--> statement-breakpoint
-- doc with nothing but paths (an array of arrays of keys), each where it is in doc; a path that is not there is left out.
CREATE FUNCTION muster.only_paths(doc jsonb, paths jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  result jsonb := '{}';
  element jsonb;
  path text[];
BEGIN
  FOR element IN SELECT jsonb_array_elements(paths) LOOP
    path := ARRAY(SELECT jsonb_array_elements_text(element));
    CONTINUE WHEN doc #> path IS NULL;
    FOR i IN 1 .. cardinality(path) - 1 LOOP
      IF result #> path[:i] IS NULL THEN
        result := jsonb_set(result, path[:i], '{}');
      END IF;
    END LOOP;
    result := jsonb_set(result, path, doc #> path);
  END LOOP;
  RETURN result;
END $$;
--> statement-breakpoint
-- What tells one content from another: SHA-256 over the document without the paths whose movement is no change.
CREATE FUNCTION muster.content_hash(doc jsonb, hidden_paths text[]) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(convert_to(muster.without_paths(doc, hidden_paths)::text, 'UTF8'));
--> statement-breakpoint
-- RFC 7396. Depth is bounded by the API before a document gets here, and by max_stack_depth.
CREATE FUNCTION muster.merge_patch(target jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  key text;
  value jsonb;
BEGIN
  IF jsonb_typeof(patch) <> 'object' THEN
    RETURN patch;
  END IF;
  IF jsonb_typeof(target) IS DISTINCT FROM 'object' THEN
    target := '{}';
  END IF;
  FOR key, value IN SELECT * FROM jsonb_each(patch) LOOP
    IF value = 'null' THEN
      target := target - key;
    ELSE
      target := target || jsonb_build_object(key, muster.merge_patch(target -> key, value));
    END IF;
  END LOOP;
  RETURN target;
END $$;
--> statement-breakpoint
-- The differences that lead back from new_doc to old_doc: one entry a path, arrays and everything below 32 levels compared whole.
-- An absent key has no "old" (op add) or no "new" (op remove); a JSON null is a value like any other.
CREATE FUNCTION muster.diff(old_doc jsonb, new_doc jsonb, prefix text[], depth integer) RETURNS SETOF jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
DECLARE
  key text;
  was jsonb;
  becomes jsonb;
BEGIN
  FOR key, was, becomes IN
    SELECT coalesce(o.key, n.key), o.value, n.value
    FROM jsonb_each(old_doc) AS o FULL JOIN jsonb_each(new_doc) AS n ON n.key = o.key
    WHERE o.value IS DISTINCT FROM n.value
    ORDER BY 1
  LOOP
    IF depth < 32 AND jsonb_typeof(was) = 'object' AND jsonb_typeof(becomes) = 'object' THEN
      RETURN QUERY SELECT * FROM muster.diff(was, becomes, prefix || key, depth + 1);
    ELSIF was IS NULL THEN
      RETURN NEXT jsonb_build_object('path', prefix || key, 'op', 'add', 'new', becomes);
    ELSIF becomes IS NULL THEN
      RETURN NEXT jsonb_build_object('path', prefix || key, 'op', 'remove', 'old', was);
    ELSE
      RETURN NEXT jsonb_build_object('path', prefix || key, 'op', 'replace', 'old', was, 'new', becomes);
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
-- The entry of a logged column, none when it did not move.
CREATE FUNCTION muster.column_entry(column_name text, old_value text, new_value text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN old_value IS DISTINCT FROM new_value THEN
  jsonb_build_object('path', ARRAY[column_name], 'op', 'replace', 'old', old_value, 'new', new_value) END;
--> statement-breakpoint
-- Who writes, for what request and when; read by the triggers, gone with the transaction.
CREATE FUNCTION muster.enter(context jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('muster.actor', coalesce(context ->> 'actor', ''), true),
          set_config('muster.request_id', coalesce(context ->> 'request_id', ''), true),
          set_config('muster.reason', coalesce(context ->> 'reason', ''), true),
          set_config('muster.source_id', coalesce(context ->> 'source_id', ''), true),
          set_config('muster.now', coalesce(context ->> 'now', ''), true);
  RETURN muster.request_now();
END $$;
--> statement-breakpoint
CREATE FUNCTION muster.request_now() RETURNS timestamptz LANGUAGE sql STABLE
RETURN coalesce(nullif(current_setting('muster.now', true), '')::timestamptz, now())::timestamptz(3);
--> statement-breakpoint
-- Value of a pattern in which * stands for any text.
CREATE FUNCTION muster.matches(value text, pattern text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value LIKE replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%');
--> statement-breakpoint
-- How a logged path is written: raw_data paths dotted without prefix, a key that holds a sign of the grammar in brackets and quotes,
-- a path in raw_data that reads like a logged column with its prefix.
CREATE FUNCTION muster.field_name(path text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN path[1] <> 'raw_data' OR cardinality(path) = 1 THEN path[1]
  WHEN cardinality(path) = 2 AND path[2] IN ('name', 'namespace', 'ci_type', 'status', 'department', 'raw_data')
    THEN 'raw_data.' || path[2]
  ELSE (
    SELECT string_agg(
      CASE WHEN key = '' OR key ~ '[].:"[]' THEN '["' || replace(replace(key, '\', '\\'), '"', '\"') || '"]'
           WHEN i = 1 THEN key ELSE '.' || key END, '' ORDER BY i)
    FROM unnest(path[2:]) WITH ORDINALITY AS k (key, i))
END;
--> statement-breakpoint
-- A logged value as lists show it: one over 64 KiB of text is shortened, and says so.
CREATE FUNCTION muster.shown_value(value jsonb, oversized boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN oversized AND octet_length(value::text) > 65536
  THEN jsonb_build_object('truncated', true, 'bytes', octet_length(value::text), 'preview', left(value::text, 1024))
  ELSE value END;
