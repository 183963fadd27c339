import { sql, type SQL } from "drizzle-orm";
import type { SortKey } from "../../db/keyset.ts";
import { type Fields, whereFilters } from "../../db/where.ts";
import { textCondition } from "../../db/where-text.ts";
import { type Filter, FilterSyntaxError, type Operator } from "../../lib/filter-grammar.ts";
import { type Actor, visibleTo } from "../access.ts";

/** Which changes are asked for; instants as ISO 8601, the window is [from, to). */
export interface ChangeSelection {
  readonly filters: readonly Filter[];
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** A text in the item's name, or words in its name or in the names of changed fields. */
  readonly search?: string | undefined;
}

const id: SortKey = { column: sql`h.id`, type: "bigint" };
const changedAt: SortKey = { column: sql`h.changed_at`, type: "timestamptz" };

/** What changes can be sorted by, down to the column that tells any two apart; each is an index of the log. */
export const changeSorts: Readonly<Record<string, readonly SortKey[]>> = {
  changed_at: [changedAt, id],
  change_type: [{ column: sql`h.change_type`, type: "text" }, changedAt, id],
  ci_type: [{ column: sql`h.ci_type`, type: "text" }, changedAt, id],
  ci_name: [{ column: sql`h.name`, type: "text" }, changedAt, id],
  ci_id: [{ column: sql`h.ci_id`, type: "uuid" }, { column: sql`h.version`, type: "integer" }, id],
};

/** Where a condition on texts looks: in an entry `s` of change_search, or in a change `h` of the log that has none yet. */
type Place = "indexed" | "logged";

/**
 * The changes `h` of a selection that the actor may see, as one or two things to select from that have no row in common.
 * Texts are matched in change_search, with an entry `s`, and beyond its watermark in the log, which makes the two
 * together exact at any moment. Throws FilterSyntaxError.
 */
export function selected(actor: Actor, selection: ChangeSelection): readonly SQL[] {
  if (needsIndex(selection)) {
    return [indexedChanges(actor, selection, sql`true`), unindexedChanges(actor, selection)];
  }
  const visible = matching(actor, selection, "logged");
  return [sql`from changes h where ${visible}`];
}

/** The changes `h` of a selection that change_search has an entry `s` of, where that meets a condition. */
export function indexedChanges(actor: Actor, selection: ChangeSelection, condition: SQL): SQL {
  const visible = matching(actor, selection, "indexed");
  const within = [condition, ...withinWindow(selection, sql`s.changed_at`)];
  // Equal times would do, but the planner takes equality in two columns for two accidents and expects next to nothing.
  return sql`from change_search s join changes h
    on h.id = s.change_id and h.changed_at >= s.changed_at and h.changed_at <= s.changed_at
    where ${sql.join(within, sql` and `)} and ${visible}`;
}

/** The changes `h` of a selection that change_search has not taken in yet. */
export function unindexedChanges(actor: Actor, selection: ChangeSelection): SQL {
  const visible = matching(actor, selection, "logged");
  return sql`from changes h where ${unindexed} and ${visible}`;
}

function matching(actor: Actor, selection: ChangeSelection, place: Place): SQL {
  const conditions = [
    visibleTo(actor, "h"),
    ...withinWindow(selection, sql`h.changed_at`),
    ...whereFilters(changeFields(place), selection.filters, []),
  ];
  const { search } = selection;
  if (search !== undefined) {
    const query = sql`muster.search_query(${search}, 'AB')`;
    const words =
      place === "indexed" ? sql`s.vector @@ ${query}` : sql`${holdsWords(search)} and ${vector} @@ ${query}`;
    conditions.push(sql`(${textCondition(nameOf[place], "ilike", search)} or ${words})`);
  }
  return sql.join(conditions, sql` and `);
}

function withinWindow({ from, to }: ChangeSelection, column: SQL): SQL[] {
  return [
    ...(from === undefined ? [] : [sql`${column} >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`${column} < ${to}::timestamptz`]),
  ];
}

// What change_search has taken in is told by its watermark, of the same instant as the rest of the statement.
const unindexed = sql`h.xid >= (select w.xid from change_watermarks w where w.name = 'search')
  -- Holds for whatever can be seen; a range on both sides makes the planner expect few rows and use the index.
  and h.xid < (select pg_snapshot_xmax(pg_current_snapshot()))
  and (h.xid > (select w.xid from change_watermarks w where w.name = 'search')
       or h.id > (select w.batch from change_watermarks w where w.name = 'search'))`;

/** What words are searched in, for a change `h` that has no entry in change_search. */
export const vector = sql`muster.change_vector(h.name, h.namespace, h.ci_type, h.entries)`;

const nameOf = { indexed: sql`s.name`, logged: sql`h.name` } as const;

/** The cheap condition that must hold for a change `h` to match these words at all: making a vector costs a hundred times more. */
export function holdsWords(query: string): SQL {
  const text = sql`lower(concat_ws(' ', h.name, h.namespace, h.ci_type, h.entries::text) collate "pg_c_utf8")`;
  return sql`(${text} like all (array(select '%' || word || '%' from unnest(muster.search_words(${query})) as word))
    and ${text} ~ all (muster.word_starts(${query})))`;
}

// Whether a condition is one that the log has no index for and change_search has.
function needsIndex({ filters, search }: ChangeSelection): boolean {
  return (
    search !== undefined ||
    filters.some(({ path, operator, values }) =>
      path[0] === "field"
        ? operator !== "null" && operator !== "notnull"
        : path[0] === "ci_name" && isContained(operator, values),
    )
  );
}

function changeFields(place: Place): Fields {
  return {
    change_type: { kind: "text", column: sql`h.change_type` },
    changed_at: { kind: "instant", column: sql`h.changed_at` },
    ci_id: { kind: "uuid", column: sql`h.ci_id` },
    ci_name: { kind: "own", condition: (...filter) => nameCondition(place, ...filter) },
    ci_namespace: { kind: "text", column: sql`h.namespace` },
    ci_type: { kind: "text", column: sql`h.ci_type` },
    department: { kind: "text", column: sql`h.department` },
    field: { kind: "own", condition: (...filter) => fieldCondition(place, ...filter) },
    source_id: { kind: "integer", column: sql`h.source_id` },
    version: { kind: "integer", column: sql`h.version` },
    actor: { kind: "text", column: sql`h.actor` },
    request_id: { kind: "text", column: sql`h.request_id` },
    reason: { kind: "text", column: sql`h.reason` },
  };
}

// A trigram is what an index of "name contains" needs at least.
function isContained(operator: Operator, values: readonly string[]): boolean {
  return (operator === "like" || operator === "ilike") && (values[0] ?? "").length >= 3;
}

function nameCondition(place: Place, operator: Operator, values: readonly string[], text: string): SQL {
  const column = isContained(operator, values) ? nameOf[place] : sql`h.name`;
  const filter = { path: ["ci_name"], operator, values, text };
  return sql.join(whereFilters({ ci_name: { kind: "text", column } }, [filter], []), sql` and `);
}

// A change has many fields: a condition holds when it holds for one of them, ne and nin when eq and in do not.
function fieldCondition(place: Place, operator: Operator, values: readonly string[], text: string): SQL {
  switch (operator) {
    case "eq":
    case "in":
      return hasField(place, values);
    case "ne":
    case "nin":
      return sql`not ${hasField(place, values)}`;
    case "null":
      return sql`h.entries = '[]'`;
    case "notnull":
      return sql`h.entries <> '[]'`;
    case "like":
    case "ilike":
    case "startswith":
      return hasFieldWhere(place, textCondition(sql`f.field`, operator, values[0] ?? ""));
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      throw new FilterSyntaxError(`filter "${text}": a change has several fields; use eq, in, ne, nin or startswith`);
  }
}

function hasField(place: Place, values: readonly string[]): SQL {
  const keys = sql`muster.field_keys(${sql.param(values)}::text[])`;
  if (place === "indexed") {
    return sql`(s.fields && ${keys})`;
  }
  // The longest word of each field: entries without any of them need no closer look. EXISTS, of which the planner expects many rows,
  // so that a page is read in its order as far as it goes; of an overlap it expects few, and would sort all there are for each page.
  return sql`(lower(h.entries::text) like any (array(
      select '%' || coalesce((select word from unnest(muster.search_words(wanted)) as word order by length(word) desc limit 1), '') || '%'
      from unnest(${sql.param(values)}::text[]) as wanted))
    and ${hasFieldWhere(place, sql`f.field = any (${keys})`)})`;
}

function hasFieldWhere(place: Place, condition: SQL): SQL {
  return sql`exists (select from unnest(${fieldsOf[place]}) as f (field) where ${condition})`;
}

const fieldsOf = { indexed: sql`s.fields`, logged: sql`muster.changed_fields(h.entries)` } as const;
