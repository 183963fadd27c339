import { sql, type SQL } from "drizzle-orm";

/** What a dialect calls the parts of a change, in their order. */
export interface ChangeShape {
  readonly [key: string]: ChangePart;
}
export type ChangePart =
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

/** The JSON of one change `h`, made by PostgreSQL, followed by what else belongs to it. Values over 64 KiB are shortened. */
export function renderChange(shape: ChangeShape, others: Readonly<Record<string, SQL>> = {}): SQL {
  const parts = Object.entries(shape).map(([key, part]) => [key, renderPart(part)] as const);
  const pairs = [...parts, ...Object.entries(others)].map(([key, value]) => sql`${sql.raw(`'${key}'`)}, ${value}`);
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}

/** The columns of a change `h` that are told as they are. */
export const columns = {
  ciId: sql`h.ci_id`,
  name: sql`h.name`,
  namespace: sql`h.namespace`,
  ciType: sql`h.ci_type`,
  changeType: sql`h.change_type`,
  version: sql`h.version`,
  department: sql`h.department`,
  sourceId: sql`h.source_id`,
  actor: sql`h.actor`,
  requestId: sql`h.request_id`,
  reason: sql`h.reason`,
} as const;

function renderPart(part: ChangePart): SQL {
  switch (part) {
    case "id":
      return sql`h.id::text`;
    case "changedAt":
      return sql`muster.iso(h.changed_at)`;
    case "entries":
      return renderEntries(sql`h.entries`, sql`h.oversized`);
    default:
      return columns[part];
  }
}

/** The JSON of entries; where `oversized`, values over 64 KiB are shortened. */
export function renderEntries(entries: SQL, oversized: SQL): SQL {
  return sql`(select coalesce(json_agg(json_build_object(
      'field', muster.entry_field(e.entry -> 'path'),
      'op', e.entry -> 'op',
      'old_value', muster.shown_value(e.entry -> 'old', ${oversized}),
      'new_value', muster.shown_value(e.entry -> 'new', ${oversized})) order by e.place), '[]')
    from jsonb_array_elements(${entries}) with ordinality as e (entry, place))`;
}
