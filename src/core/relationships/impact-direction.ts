/**
 * Types in which the target needs the source: an owner is made of what it owns, a cluster of its members, a guest lives on
 * its host. In all other types, unknown ones included, the source needs the target.
 */
const targetNeedsSource: readonly string[] = ["owned_by", "member_of", "hosts"];

/** The relationship types of a walk by who needs whom. `all` but the other set, or just these. */
export interface TypesByNeed {
  readonly sourceNeedsTarget: { readonly allBut: readonly string[] } | { readonly only: readonly string[] };
  readonly targetNeedsSource: { readonly only: readonly string[] };
}

/** Sorts the types to walk, all where none are named, by who needs whom. */
export function typesByNeed(types: readonly string[]): TypesByNeed {
  if (types.length === 0) {
    return { sourceNeedsTarget: { allBut: targetNeedsSource }, targetNeedsSource: { only: targetNeedsSource } };
  }
  return {
    sourceNeedsTarget: { only: types.filter((type) => !targetNeedsSource.includes(type)) },
    targetNeedsSource: { only: types.filter((type) => targetNeedsSource.includes(type)) },
  };
}
