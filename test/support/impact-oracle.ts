/** A relationship between items that are known by their place in a list of ids. */
export interface GraphEdge {
  readonly source: number;
  readonly target: number;
  readonly type: string;
}

export interface Walk {
  readonly nodes: { readonly ci_id: string; readonly distance: number; readonly path: readonly string[] }[];
  readonly truncatedBy: "limit" | "depth" | undefined;
}

const targetNeedsSource = new Set(["owned_by", "member_of", "hosts"]);

/** What a walk must find, told plainly: breadth first, of the ways to an item the one by its earliest neighbour. */
export function walkPlainly(
  ids: readonly string[],
  edges: readonly GraphEdge[],
  archived: ReadonlySet<number>,
  query: { root: number; direction: "upstream" | "downstream"; depth: number; limit: number; types: readonly string[] },
): Walk {
  const nodes: Walk["nodes"] = [];
  const visited = new Set([query.root]);
  let frontier: { place: number; path: string[] }[] = [{ place: query.root, path: [ids[query.root] ?? ""] }];
  for (let distance = 1; distance <= query.depth + 1; distance += 1) {
    const found = new Map<number, string[]>();
    const level: number[] = [];
    for (const { place, path } of frontier) {
      const next = new Set(
        edges
          .filter((edge) => query.types.length === 0 || query.types.includes(edge.type))
          .flatMap((edge) => {
            const targetFollows = targetNeedsSource.has(edge.type) === (query.direction === "downstream");
            const [from, to] = targetFollows ? [edge.source, edge.target] : [edge.target, edge.source];
            return from === place ? [to] : [];
          })
          .filter((to) => !visited.has(to) && !archived.has(to) && !found.has(to)),
      );
      for (const to of [...next].toSorted((left, right) => ((ids[left] ?? "") < (ids[right] ?? "") ? -1 : 1))) {
        found.set(to, [...path, ids[to] ?? ""]);
        level.push(to);
      }
    }
    if (distance > query.depth) {
      return { nodes, truncatedBy: level.length > 0 ? "depth" : undefined };
    }
    const capacity = query.limit - nodes.length;
    const kept = level.slice(0, capacity);
    frontier = kept.map((place) => ({ place, path: found.get(place) ?? [] }));
    for (const { place, path } of frontier) {
      visited.add(place);
      nodes.push({ ci_id: ids[place] ?? "", distance, path });
    }
    if (level.length > capacity) {
      return { nodes, truncatedBy: "limit" };
    }
  }
  return { nodes, truncatedBy: undefined };
}
