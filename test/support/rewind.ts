/** An item as the change log knows it: the logged columns. */
export interface LoggedItem {
  readonly name: string;
  readonly namespace: string | null;
  readonly ci_type: string;
  readonly status: string;
  readonly department: string | null;
  readonly raw_data: unknown;
}

interface Entry {
  readonly path: readonly [keyof LoggedItem, ...string[]];
  readonly op: "add" | "remove" | "replace";
  readonly old?: unknown;
}

/** A row of changes. */
export interface LoggedChange extends Omit<LoggedItem, "status" | "raw_data"> {
  readonly change_type: string;
  readonly version: number;
  /** Epoch milliseconds. */
  readonly changed_at: number;
  readonly entries: readonly Entry[];
}

/**
 * The item as it was at an instant: its present row (null when it is gone) taken back through its changes after that
 * instant, the newest first. Null before it was created and after it was purged.
 */
export function rewind(
  present: LoggedItem | null,
  changes: readonly LoggedChange[],
  instant: number,
): LoggedItem | null {
  const newestFirst = changes.toSorted((left, right) => right.version - left.version);
  let item = present;
  for (const change of newestFirst) {
    if (change.changed_at <= instant) {
      break;
    }
    item = undo(item, change);
  }
  return item;
}

function undo(item: LoggedItem | null, change: LoggedChange): LoggedItem | null {
  if (change.change_type === "CREATED") {
    return null;
  }
  const { name, namespace, ci_type, department } = change;
  const after = item ?? { name, namespace, ci_type, department, status: "", raw_data: {} };
  return change.entries.reduce<LoggedItem>((state, { path: [column, ...keys], op, old }) => {
    if (keys.length === 0) {
      return { ...state, [column]: old };
    }
    return { ...state, [column]: put(state[column], keys, op === "add" ? undefined : { value: old }) };
  }, after);
}

/** A copy of a document with a value at a path, or without it. */
function put(
  document: unknown,
  [key = "", ...rest]: readonly string[],
  value: { value: unknown } | undefined,
): unknown {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new TypeError(`the log names a path below "${key}", where there is no object`);
  }
  const entries = new Map<string, unknown>(Object.entries(document));
  if (rest.length > 0) {
    entries.set(key, put(entries.get(key), rest, value));
  } else if (value) {
    entries.set(key, value.value);
  } else {
    // Not there where the type hides the path and the document has lost it since.
    entries.delete(key);
  }
  return Object.fromEntries(entries);
}
