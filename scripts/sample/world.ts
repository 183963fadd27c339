import type { ItemKey, Moment, SampleItem, SilentItem, SourceReport } from "./model.ts";
import { keyOf } from "./model.ts";

/** The sources of the sample estate, by what they read. */
export const sources = {
  kubernetes: "kubernetes-harbour",
  postgresql: "postgresql-orders",
  ceph: "ceph-harbour",
  proxmox: "proxmox-harbour",
  hosts: "facter-fleet",
  network: "network-walk",
} as const;

export type Source = (typeof sources)[keyof typeof sources];

/** The estate while its history is played: what is there, and what moved since the last moment was closed. */
export interface World {
  readonly moments: readonly Moment[];
  /** What left without anybody removing it. */
  readonly silent: readonly SilentItem[];
  put(source: Source, ...items: readonly SampleItem[]): void;
  remove(source: Source, ...keys: readonly ItemKey[]): void;
  /** Removes items that are still expected to be there. */
  silence(source: Source, ...keys: readonly ItemKey[]): void;
  /** The live item of that identity; throws if there is none. */
  find(source: Source, ci_type: string, namespace: string | null, name: string): SampleItem;
  all(source: Source, ci_type: string): readonly SampleItem[];
  /** Whether an item of that identity is there now, or ever was. */
  known(source: Source, key: ItemKey): boolean;
  /** Turns what moved into one moment for each source concerned. */
  close(at: Date, reason: string): void;
  report(): readonly SourceReport[];
}

/** An empty estate. */
export function createWorld(): World {
  const live = new Map<Source, Map<string, SampleItem>>();
  const ever = new Set<string>();
  const moved = new Map<Source, Map<string, SampleItem>>();
  const gone = new Map<Source, Map<string, ItemKey>>();
  const moments: Moment[] = [];
  const silent: SilentItem[] = [];

  function of<T>(map: Map<Source, Map<string, T>>, source: Source): Map<string, T> {
    const inner = map.get(source) ?? new Map<string, T>();
    map.set(source, inner);
    return inner;
  }

  function remove(source: Source, ...keys: readonly ItemKey[]): void {
    for (const { ci_type, namespace, name } of keys) {
      const key = keyOf({ ci_type, namespace, name });
      if (!of(live, source).delete(key)) throw new Error(`${source} has no ${key}`);
      of(moved, source).delete(key);
      of(gone, source).set(key, { ci_type, namespace, name });
    }
  }

  return {
    moments,
    silent,
    remove,
    silence(source, ...keys) {
      remove(source, ...keys);
      silent.push(...keys.map(({ ci_type, namespace, name }) => ({ source, ci_type, namespace, name })));
    },
    put(source, ...items) {
      for (const item of items) {
        const key = keyOf(item);
        of(live, source).set(key, item);
        of(moved, source).set(key, item);
        of(gone, source).delete(key);
        ever.add(source + key);
      }
    },
    find(source, ci_type, namespace, name) {
      const item = of(live, source).get(keyOf({ ci_type, namespace, name }));
      if (!item) throw new Error(`${source} has no ${ci_type} ${namespace}/${name}`);
      return item;
    },
    all: (source, ci_type) => [...of(live, source).values()].filter((item) => item.ci_type === ci_type),
    known: (source, key) => ever.has(source + keyOf(key)),
    close(at, reason) {
      for (const source of Object.values(sources)) {
        const items = [...of(moved, source).values()];
        const missing = [...of(gone, source).values()];
        if (items.length + missing.length > 0) moments.push({ at, source, reason, items, gone: missing });
      }
      moved.clear();
      gone.clear();
    },
    report: () => [...live].map(([source, items]) => ({ source, items: [...items.values()] })),
  };
}
