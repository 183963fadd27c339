import type { SourceState } from "./collector.ts";

/** The collector's health in the universal format: healthy when all sources are, unhealthy when none works, degraded otherwise. */
export function renderHealth(states: ReadonlyMap<string, SourceState>, now: Date): Record<string, unknown> {
  const all = [...states.values()];
  const healthy = all.filter(({ status }) => status === "healthy").length;
  return {
    status: overall(all),
    message: `${healthy} of ${all.length} sources healthy`,
    timestamp: now.toISOString(),
    capabilities: { supports_universal_format: true, supports_multi_source: true },
    // Built from entries, as the name of a source may be any text.
    subsystems: Object.fromEntries([...states].map(([name, state]) => [name, renderSource(state)])),
  };
}

function overall(states: readonly SourceState[]): SourceState["status"] {
  if (states.every(({ status }) => status === "healthy")) return "healthy";
  return states.every(({ status }) => status === "unhealthy") ? "unhealthy" : "degraded";
}

function renderSource({ status, message, lastCollection }: SourceState): Record<string, unknown> {
  return {
    status,
    message,
    ...(lastCollection === null ? {} : { last_collection: lastCollection }),
    ...(status === "healthy" ? {} : { last_error: message }),
  };
}
