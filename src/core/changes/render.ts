import { sql, type SQL } from "drizzle-orm";

/** What a dialect calls the parts of a change, in their order. */
export interface ChangeShape {
  readonly [key: string]: ChangePart;
}
type ChangePart =
  | "id"
  | "ciId"
  | "name"
  | "namespace"
  | "ciType"
  | "changedAt"
  | "changeType"
  | "version"
  | "department"
  | "sourceId"
  | "actor"
  | "requestId"
  | "reason"
  | "entries";

/** Whether values over 64 KiB are shortened, as in lists, or come whole. */
export type ValueLength = "shortened" | "whole";

/** The JSON of one change `h`, made by PostgreSQL, followed by what else belongs to it. */
export function renderChange(
  shape: ChangeShape,
  values: ValueLength = "shortened",
  others: Readonly<Record<string, SQL>> = {},
): SQL {
  const parts = Object.entries(shape).map(([key, part]) => [key, renderPart(part, values)] as const);
  const pairs = [...parts, ...Object.entries(others)].map(([key, value]) => sql`${sql.raw(`'${key}'`)}, ${value}`);
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}

/** One change `h` as a record of CSV, line break included; its values come whole. Formulas are made harmless. */
export function renderCsvLine(shape: ChangeShape): SQL {
  const cells = Object.values(shape).map((part) => {
    const value = renderPart(part, "whole");
    switch (part) {
      // Of these no spreadsheet makes a formula, and they hold no quotes.
      case "id":
      case "version":
      case "sourceId":
        return sql`coalesce(${value}::text, '')`;
      case "ciId":
      case "changedAt":
      case "changeType":
        return sql`'"' || ${value} || '"'`;
      case "entries":
        return sql`'"' || replace(${value}::text, '"', '""') || '"'`;
      case "name":
      case "namespace":
      case "ciType":
      case "department":
      case "actor":
      case "requestId":
      case "reason":
        return sql`muster.csv_cell(${value})`;
    }
  });
  return sql`${sql.join(cells, sql` || ',' || `)} || E'\\r\\n'`;
}

function renderPart(part: ChangePart, values: ValueLength): SQL {
  switch (part) {
    case "id":
      return sql`h.id::text`;
    case "ciId":
      return sql`h.ci_id`;
    case "name":
      return sql`h.name`;
    case "namespace":
      return sql`h.namespace`;
    case "ciType":
      return sql`h.ci_type`;
    case "changedAt":
      return sql`muster.iso(h.changed_at)`;
    case "changeType":
      return sql`h.change_type`;
    case "version":
      return sql`h.version`;
    case "department":
      return sql`h.department`;
    case "sourceId":
      return sql`h.source_id`;
    case "actor":
      return sql`h.actor`;
    case "requestId":
      return sql`h.request_id`;
    case "reason":
      return sql`h.reason`;
    case "entries":
      return renderEntries(sql`h.entries`, sql`h.oversized`, values);
  }
}

/** The JSON of entries; where `oversized`, values over 64 KiB are shortened unless they are to come whole. */
export function renderEntries(entries: SQL, oversized: SQL, values: ValueLength = "shortened"): SQL {
  return sql`(select coalesce(json_agg(json_build_object(
      'field', muster.entry_field(e.entry -> 'path'),
      'op', e.entry -> 'op',
      'old_value', ${renderValue(sql`e.entry -> 'old'`, oversized, values)},
      'new_value', ${renderValue(sql`e.entry -> 'new'`, oversized, values)}) order by e.place), '[]')
    from jsonb_array_elements(${entries}) with ordinality as e (entry, place))`;
}

function renderValue(value: SQL, oversized: SQL, length: ValueLength): SQL {
  return length === "whole" ? value : sql`muster.shown_value(${value}, ${oversized})`;
}
