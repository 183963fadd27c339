/** Why a text is no path. */
export class PathSyntaxError extends Error {}

const plainKey = /^[^.[\]":]+/;
const quotedKey = /^\["((?:[^"\\]|\\.)*)"\]/;

/**
 * Reads a path such as `spec.replicas` or `metadata.labels["app.kubernetes.io/name"]` from the start of a text, up to
 * the end or to a colon. `[*]` stands for every element of an array and comes back as null. Throws PathSyntaxError.
 */
export function readPath(text: string): { path: (string | null)[]; rest: string } {
  if (text.includes("\0")) {
    throw new PathSyntaxError("holds the character NUL, which nothing stored can hold");
  }
  const path: (string | null)[] = [];
  let rest = text;
  while (rest !== "" && !rest.startsWith(":")) {
    if (rest.startsWith("[*]")) {
      path.push(null);
      rest = rest.slice(3);
      continue;
    }
    const quoted = quotedKey.exec(rest);
    if (quoted?.[1] !== undefined) {
      path.push(quoted[1].replace(/\\(.)/g, "$1"));
      rest = rest.slice(quoted[0].length);
      continue;
    }
    const dotted = path.length > 0 && rest.startsWith(".") ? rest.slice(1) : rest;
    const plain = path.length > 0 && dotted === rest ? null : plainKey.exec(dotted);
    if (!plain) {
      throw new PathSyntaxError(`"${text}" is no path at "${rest.slice(0, 20)}"; write keys as a.b["key.with.dots"]`);
    }
    path.push(plain[0]);
    rest = dotted.slice(plain[0].length);
  }
  if (path.length === 0) {
    throw new PathSyntaxError(`"${text}" names no path`);
  }
  return { path, rest };
}

/** Reads a whole text as a path without wildcards. Throws PathSyntaxError. */
export function parsePath(text: string): string[] {
  const { path, rest } = readPath(text);
  const keys = path.filter((key) => key !== null);
  if (rest !== "" || keys.length !== path.length) {
    throw new PathSyntaxError(`"${text}" is no plain path`);
  }
  return keys;
}
