import { sql, type SQL } from "drizzle-orm";
import { type Actor, visibleTo } from "../access.ts";
import { type ItemShape, renderItem } from "../configuration-items/shape.ts";

/** The parts of a relationship that a dialect can show; `direction` and the end `other` only where one item's are listed. */
type RelationshipPart =
  | "id"
  | "relationshipType"
  | "direction"
  | "sourceCiId"
  | "targetCiId"
  | "properties"
  | "sourceId"
  | "extracted"
  | "confidence"
  | "evidence"
  | "firstSeen"
  | "lastSeen"
  | { readonly end: "source" | "target" | "other"; readonly shape: ItemShape };

/** What a relationship looks like on the wire: keys in their order. */
export interface RelationshipShape {
  readonly [key: string]: RelationshipPart;
}

/** The parts of a relationship's history that a dialect can show. */
export interface RelationshipChangeShape {
  readonly [key: string]:
    | "id"
    | "relationshipId"
    | "changeType"
    | "changedAt"
    | "relationshipType"
    | "sourceCiId"
    | "targetCiId"
    | "sourceId"
    | "actor"
    | "requestId"
    | "reason"
    | "was"
    | "becomes";
}

/** The JSON of one relationship `e`; where the shape asks for them, `p` brings direction and other_ci_id. */
export function renderRelationship(actor: Actor, shape: RelationshipShape): SQL {
  return renderObject(shape, (part) => renderPart(actor, part));
}

/** The JSON of one entry `h` of the history. */
export function renderRelationshipChange(shape: RelationshipChangeShape): SQL {
  return renderObject(shape, (part) => changeParts[part]);
}

const changeParts: Readonly<Record<RelationshipChangeShape[string], SQL>> = {
  id: sql`h.id::text`,
  relationshipId: sql`h.relationship_id`,
  changeType: sql`h.change_type`,
  changedAt: sql`muster.iso(h.changed_at)`,
  relationshipType: sql`h.relationship_type`,
  sourceCiId: sql`h.source_ci_id`,
  targetCiId: sql`h.target_ci_id`,
  sourceId: sql`h.source_id`,
  actor: sql`h.actor`,
  requestId: sql`h.request_id`,
  reason: sql`h.reason`,
  was: sql`h.was`,
  becomes: sql`h.becomes`,
};

function renderObject<Part>(shape: Readonly<Record<string, Part>>, render: (part: Part) => SQL): SQL {
  const pairs = Object.entries(shape).map(([key, part]) => sql`${sql.raw(`'${key}'`)}, ${render(part)}`);
  return sql`json_build_object(${sql.join(pairs, sql`, `)})`;
}

function renderPart(actor: Actor, part: RelationshipPart): SQL {
  if (typeof part === "object") {
    return renderEnd(actor, part);
  }
  switch (part) {
    case "id":
      return sql`e.id`;
    case "relationshipType":
      return sql`e.relationship_type`;
    case "direction":
      return sql`p.direction`;
    case "sourceCiId":
      return sql`e.source_ci_id`;
    case "targetCiId":
      return sql`e.target_ci_id`;
    case "properties":
      return sql`e.properties`;
    case "sourceId":
      return sql`e.source_id`;
    case "extracted":
      return sql`e.extracted`;
    case "confidence":
      return sql`e.confidence`;
    case "evidence":
      return sql`e.evidence`;
    case "firstSeen":
      return sql`muster.iso(e.first_seen)`;
    case "lastSeen":
      // What follows from a document is seen whenever its item is; no heartbeat of the item touches it.
      return sql`muster.iso(case when e.extracted then coalesce(
        (select max(r.last_seen) from source_records r where r.ci_id = e.source_ci_id), e.last_seen) else e.last_seen end)`;
  }
}

const endColumns = {
  source: sql`e.source_ci_id`,
  target: sql`e.target_ci_id`,
  other: sql`p.other_ci_id`,
} as const;

function renderEnd(actor: Actor, { end, shape }: Extract<RelationshipPart, object>): SQL {
  return sql`(select ${renderItem({ shape, document: "none", typeData: [] })} from configuration_items c
    where c.ci_id = ${endColumns[end]} and ${visibleTo(actor, "c")})`;
}
