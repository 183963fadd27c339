import { sql, type SQL } from "drizzle-orm";
import { renderShape, type Shape } from "../json-shape.ts";

/** The parts of a collector that a dialect can show. */
type CollectorPart =
  | "id"
  | "name"
  | "type"
  | "endpoint"
  | "status"
  | "config"
  | "scheduleConfig"
  | "healthStatus"
  | "createdAt"
  | "updatedAt";

export type CollectorShape = Shape<CollectorPart>;

const parts: Readonly<Record<CollectorPart, SQL>> = {
  id: sql`k.id`,
  name: sql`k.name`,
  type: sql`k.type`,
  endpoint: sql`k.endpoint`,
  status: sql`k.status`,
  config: sql`k.config`,
  scheduleConfig: sql`k.schedule_config`,
  healthStatus: sql`k.health_status`,
  createdAt: sql`muster.iso(k.created_at)`,
  updatedAt: sql`muster.iso(k.updated_at)`,
};

/** The JSON of a collector `k`. */
export function renderCollector(shape: CollectorShape): SQL {
  return renderShape(shape, parts);
}
