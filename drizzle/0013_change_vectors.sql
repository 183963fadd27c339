-- What a change can be found by, made in one go: the words of all its texts by one statement, where one for each text took nearly twice
-- the time.

-- The words of four texts (runs of letters and digits, lower case, cut at 100 characters) with their places, counted on from one to the
-- next, and every longer identifier whole: of "Repo/App:1.2" repo, app, 1, 2 and repo/app:1.2. What these forms have in common with a
-- query is decided here alone. A VALUES list, since of an array the planner would learn the length and plan anew for each call.
CREATE FUNCTION muster.weighted_vector(in_a text, in_c text, in_b text, in_d text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
  SELECT coalesce(string_agg('''' || l.lexeme || ''':' || least(l.place, 16383) || i.weight, ' '), '')::tsvector
  FROM (
    SELECT c.weight, c.chunk, c.words, sum(cardinality(c.words)) OVER (ROWS UNBOUNDED PRECEDING) - cardinality(c.words) AS before
    FROM (
      SELECT b.weight, s.chunk, CASE WHEN s.chunk ~ '[^[:alnum:]]' THEN array_remove(regexp_split_to_array(s.chunk, '[^[:alnum:]]+'), '')
                                    ELSE ARRAY[s.chunk] END AS words
      FROM (VALUES (in_a, 'A'), (in_c, 'C'), (in_b, 'B'), (in_d, 'D')) AS b (body, weight)
      CROSS JOIN LATERAL regexp_split_to_table(lower(b.body COLLATE "pg_c_utf8"), '[\s,"{}\[\]]+') AS s (chunk)
      WHERE s.chunk <> '' OFFSET 0) AS c) AS i
  CROSS JOIN LATERAL (
    SELECT left(w.word, 100), i.before + w.place FROM unnest(i.words) WITH ORDINALITY AS w (word, place)
    UNION ALL
    -- Where its first word is: a phrase that ends in a prefix of it meets both or neither.
    SELECT replace(replace(btrim(i.chunk, '!#$%&''()*+-./:;<=>?@\^_`|~'), '\', '\\'), '''', ''''''), i.before + 1
    WHERE cardinality(i.words) > 1 AND length(i.chunk) <= 200) AS l (lexeme, place)
);
--> statement-breakpoint
CREATE OR REPLACE FUNCTION muster.change_vector(name text, namespace text, ci_type text, entries jsonb) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  kind text := concat_ws(' ', namespace, ci_type);
  paths text;
  contents text;
BEGIN
  IF entries <> '[]' THEN
    SELECT left(string_agg(muster.entry_field(e.entry -> 'path'), ' '), 16384),
           left(string_agg(concat_ws(' ', left(muster.json_words(e.entry -> 'new'), 32768),
                                          left(muster.json_words(e.entry -> 'old'), 32768)), ' '), 32768)
      INTO paths, contents FROM jsonb_array_elements(entries) AS e (entry);
  END IF;
  RETURN muster.weighted_vector(name, kind, paths, contents);
END $$;
--> statement-breakpoint
DROP FUNCTION muster.words_vector(text, text);
--> statement-breakpoint
-- Where a word of a query begins in lower-case text, names and JSON alike: what a vector is not worth making without.
CREATE FUNCTION muster.word_starts(query text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT '(?:^|[^[:alnum:]]|\\[a-z]|\\u[0-9a-f]{4})' || w.word FROM unnest(muster.search_words(query)) AS w (word));
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION muster.weighted_vector(text, text, text, text), muster.word_starts(text) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION muster.weighted_vector(text, text, text, text), muster.word_starts(text) TO muster_api;
