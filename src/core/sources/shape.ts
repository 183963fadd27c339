import { sql, type SQL } from "drizzle-orm";
import { type CollectorShape, renderCollector } from "../collectors/shape.ts";
import { renderShape, type Shape } from "../json-shape.ts";

/** The parts of a source that a dialect can show; of its credentials only whether there are any. */
type SourcePart =
  | "id"
  | "collectorId"
  | "collector"
  | "name"
  | "endpoint"
  | "username"
  | "hasCredentials"
  | "status"
  | "config"
  | "scheduleConfig"
  | "healthStatus"
  | "lastCollection"
  | "lastError"
  | "consecutiveErrors"
  | "createdAt"
  | "updatedAt";

export interface SourceShape {
  readonly source: Shape<SourcePart>;
  /** What stands where the source's shape says `collector`; null for a source without one. */
  readonly collector: CollectorShape;
}

/** The JSON of a source `s`. */
export function renderSource(shape: SourceShape): SQL {
  const parts: Readonly<Record<SourcePart, SQL>> = {
    id: sql`s.id`,
    collectorId: sql`s.collector_id`,
    collector: sql`(select ${renderCollector(shape.collector)} from collectors k where k.id = s.collector_id)`,
    name: sql`s.name`,
    endpoint: sql`s.endpoint`,
    username: sql`s.username`,
    hasCredentials: sql`s.credentials is not null`,
    status: sql`s.status`,
    config: sql`s.config`,
    scheduleConfig: sql`s.schedule_config`,
    healthStatus: sql`s.health_status`,
    lastCollection: sql`muster.iso(s.last_collection)`,
    lastError: sql`s.last_error`,
    consecutiveErrors: sql`s.consecutive_errors`,
    createdAt: sql`muster.iso(s.created_at)`,
    updatedAt: sql`muster.iso(s.updated_at)`,
  };
  return renderShape(shape.source, parts);
}
