/** Where the other end lives: in the item's own namespace, in none, in one of both (an owner may be of the whole cluster), or anywhere. */
export type NamespaceRule = "own" | "none" | "own_or_none" | "any";

/** What the other end is called: the text at a path of raw_data, the item's own namespace, or that up to its last dot. */
type NameSource = { readonly path: string } | { readonly own: "namespace" | "namespace_head" };

/**
 * An edge that follows from a document. Paths are those of raw_data; with `each` they start at an element of that array
 * (`spec.volumes[*]`, nested as `a[*].b[*]`).
 */
interface EdgeDeclaration {
  /** The type of the relationship, from the item to the other end. */
  readonly type: string;
  readonly each?: string;
  /** What the edge keeps under `properties`, by name. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** An edge to the one item of a name; none while there is no such item, or more than one. */
export interface NamedDeclaration extends EdgeDeclaration {
  /** The other end's type, or the path of a kind, which in lower case after the prefix makes the type. */
  readonly target: string | { readonly kind: string; readonly prefix: string };
  readonly name: NameSource;
  readonly namespace: NamespaceRule;
  /** A path in the other end's document that may hold the name as well. */
  readonly alias?: string;
  /** The other end may be known to another source than the item. */
  readonly anySource?: boolean;
}

/** An edge to every item in the own namespace whose `labels` hold all the pairs of the object at `selector`. */
export interface SelectorDeclaration extends EdgeDeclaration {
  readonly target: string;
  readonly selector: string;
  readonly labels: string;
}

/** What Muster reads from a document about the item's relationships. */
export type RelationshipDeclaration = NamedDeclaration | SelectorDeclaration;

type NamedOptions = Omit<NamedDeclaration, "type" | "target" | "name" | "namespace">;

/** An edge to the item of that type whose name stands at `path`. */
export function named(
  type: string,
  target: NamedDeclaration["target"],
  path: string,
  namespace: NamespaceRule,
  options: NamedOptions = {},
): NamedDeclaration {
  return { type, target, name: { path }, namespace, ...options };
}

/** An edge to the item of that type that is called like the item's own namespace, or like that up to its last dot. */
export function namedLikeNamespace(
  type: string,
  target: string,
  own: "namespace" | "namespace_head",
  namespace: NamespaceRule,
): NamedDeclaration {
  return { type, target, name: { own }, namespace };
}

/** An edge to each item of that type whose labels hold what the selector says. */
export function selecting(type: string, target: string, selector: string, labels: string): SelectorDeclaration {
  return { type, target, selector, labels };
}

/** The field that an edge follows from, as the field grammar writes it. */
export function evidenceField(declaration: RelationshipDeclaration): string {
  const path = "selector" in declaration ? declaration.selector : pathOf(declaration.name);
  if (path === null) {
    return "namespace";
  }
  return declaration.each === undefined ? path : `${declaration.each}.${path}`;
}

function pathOf(name: NameSource): string | null {
  return "path" in name ? name.path : null;
}
