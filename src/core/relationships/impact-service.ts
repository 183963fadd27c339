import { requirePermission } from "../access.ts";
import { type Ctx, run } from "../context.ts";
import { DomainError } from "../errors.ts";
import { typesByNeed } from "./impact-direction.ts";
import { type ImpactDirection, type ImpactRow, type ImpactShape, selectImpact } from "./impact-repository.ts";

export interface ImpactRequest {
  readonly direction: ImpactDirection | "both";
  /** Steps to go at most, from 1 to 10. */
  readonly depth: number;
  /** Items to find at most in each direction. */
  readonly limit: number;
  /** The relationship types to walk, empty for all. */
  readonly types: readonly string[];
}

/** What can be reached from an item; the parts are JSON texts. */
export interface Impact {
  readonly root: string;
  readonly nodes: string;
  readonly edges: string;
  /** Why there is more than is told: the limit goes before the depth. */
  readonly truncatedBy: "limit" | "depth" | undefined;
}

/**
 * What is hit when an item fails (downstream), what it needs (upstream), or both, each with its distance and a shortest
 * path, in one statement. Throws `not_found`.
 */
export async function readImpact(ctx: Ctx, ciId: string, request: ImpactRequest, shape: ImpactShape): Promise<Impact> {
  requirePermission(ctx.actor, "configuration-items:read");
  requirePermission(ctx.actor, "relationships:read");
  const { direction, depth, limit, types } = request;
  const directions = direction === "both" ? (["downstream", "upstream"] as const) : [direction];
  const query = { ciId, directions, depth, limit, types, byNeed: typesByNeed(types) };
  const [row] = await run<ImpactRow>(ctx, selectImpact(ctx.actor, query, shape));
  if (!row) {
    throw new DomainError("not_found", "Configuration item not found");
  }
  return { root: row.root, nodes: row.nodes, edges: row.edges, truncatedBy: whyCut(row) };
}

function whyCut(row: ImpactRow): Impact["truncatedBy"] {
  if (row.cut_by_limit) {
    return "limit";
  }
  return row.cut_by_depth ? "depth" : undefined;
}
