import { sql, type SQL } from "drizzle-orm";
import { type ChangePart, type ChangeShape, columns } from "./render.ts";

/** The forms in which all changes of a selection are told. */
export type LineFormat = "csv" | "ndjson";

/**
 * One change `h` as a line, break included; its values come whole. Texts are joined rather than JSON built, which takes
 * half the time. `names` is what `fieldNames` makes. In CSV, formulas are made harmless.
 */
export function renderLine(format: LineFormat, shape: ChangeShape, names: SQL): SQL {
  const parts = Object.entries(shape);
  if (format === "csv") {
    return sql`${sql.join(
      parts.map(([, part]) => csvCell(part, names)),
      sql` || ',' || `,
    )} || E'\\r\\n'`;
  }
  const members = parts.map(([key, part], n) => {
    const label = sql.raw(`'${n === 0 ? "{" : ","}"${key}":'`);
    return sql`${label} || ${jsonValue(part, names)}`;
  });
  return sql`${sql.join(members, sql` || `)} || E'}\\n'`;
}

/** The names of the paths that begin a page of changes, by the text of the path: what makes the same name again and again cheap. */
export function fieldNames(page: SQL): SQL {
  return sql`select coalesce(jsonb_object_agg(p.path::text, ${fieldName(sql`p.path`)}), '{}') as by_path
    from (select distinct e.entry -> 'path' as path
          from (select entries from ${page} limit ${sampledChanges}) as h cross join lateral jsonb_array_elements(h.entries) as e (entry)) as p`;
}

/** What goes over a page in search of names is paid for by all of its changes. */
const sampledChanges = 200;

function fieldName(path: SQL): SQL {
  return sql`to_json(muster.entry_field(${path}))::text`;
}

function csvCell(part: ChangePart, names: SQL): SQL {
  switch (part) {
    // Of these no spreadsheet makes a formula, and they hold no quotes.
    case "id":
      return sql`h.id`;
    case "version":
    case "sourceId":
      return sql`coalesce(${columns[part]}::text, '')`;
    case "changedAt":
      return sql`'"' || muster.iso(h.changed_at) || '"'`;
    case "ciId":
    case "changeType":
      return sql`'"' || ${columns[part]} || '"'`;
    case "entries":
      return sql`'"' || replace(${entriesText(names)}, '"', '""') || '"'`;
    default:
      return sql`muster.csv_cell(${columns[part]})`;
  }
}

function jsonValue(part: ChangePart, names: SQL): SQL {
  switch (part) {
    case "id":
      return sql`'"' || h.id || '"'`;
    case "version":
    case "sourceId":
      return sql`coalesce(${columns[part]}::text, 'null')`;
    case "changedAt":
      return sql`'"' || muster.iso(h.changed_at) || '"'`;
    case "ciId":
    case "changeType":
      return sql`'"' || ${columns[part]} || '"'`;
    case "entries":
      return entriesText(names);
    default:
      return sql`coalesce(to_json(${columns[part]})::text, 'null')`;
  }
}

function entriesText(names: SQL): SQL {
  return sql`(select '[' || coalesce(string_agg(
      '{"field":' || coalesce(${names} ->> (e.entry -> 'path')::text, ${fieldName(sql`e.entry -> 'path'`)})
      || ',"op":"' || (e.entry ->> 'op') || '","old_value":' || coalesce((e.entry -> 'old')::text, 'null')
      || ',"new_value":' || coalesce((e.entry -> 'new')::text, 'null') || '}',
      ',' order by e.place), '') || ']'
    from jsonb_array_elements(h.entries) with ordinality as e (entry, place))`;
}
