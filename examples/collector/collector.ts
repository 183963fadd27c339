import { printable } from "../../scripts/import/report.ts";
import { collect } from "./collection.ts";
import type { Configuration, ConfiguredSource } from "./configuration.ts";
import { reportHealth } from "./muster.ts";
import type { Outcome } from "./muster.ts";
import type { Trigger, WantedSource } from "./trigger.ts";

/** What the collector knows of one of its sources. */
export interface SourceState extends Outcome {
  readonly lastCollection: string | null;
  readonly consecutiveErrors: number;
}

const maxMessageLength = 1000;
/** A repeated trigger is one of the last so many. */
const rememberedTriggers = 1000;
const untouched: SourceState = {
  status: "healthy",
  message: "not collected yet",
  lastCollection: null,
  consecutiveErrors: 0,
};

/** Collects its sources when it is asked to and on their schedules, each one at a time, and keeps how that went. */
export class Collector {
  readonly #configuration: Configuration;
  readonly #log: (message: string) => void;
  readonly #stop = new AbortController();
  readonly #states = new Map<string, SourceState>();
  readonly #collecting = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #triggers = new Set<string>();
  /** The names under which Muster asked for what nobody configured here, by source. */
  readonly #strangers = new Map<number, string>();
  #timers: NodeJS.Timeout[] = [];
  #isStopping = false;

  constructor(configuration: Configuration, log: (message: string) => void) {
    this.#configuration = configuration;
    this.#log = log;
    for (const { name } of configuration.sources) this.#states.set(name, untouched);
  }

  /** The state of every source by its name, those included that Muster asked for and nobody configured here. */
  get states(): ReadonlyMap<string, SourceState> {
    return this.#states;
  }

  /**
   * Starts what a trigger asks for and does not wait for it. "busy" when all of that is being collected already, "stopping" when nothing is begun any
   * more. The same trigger again is accepted, and starts nothing.
   */
  accept({ collectionId, sources }: Trigger): "accepted" | "busy" | "stopping" {
    if (this.#isStopping) return "stopping";
    if (this.#triggers.has(collectionId)) return "accepted";
    if (sources.length > 0 && sources.every(({ name }) => this.#collecting.has(name))) return "busy";
    this.#remember(collectionId);
    for (const source of sources) this.#startUnlessBusy(source);
    return "accepted";
  }

  /** Begins to collect those sources that have a schedule of their own, the first time at once. */
  startSchedules(): void {
    for (const { name, schedule } of this.#configuration.sources) {
      if (schedule === null) continue;
      const tick = () => this.#startUnlessBusy({ id: schedule.sourceId, name });
      this.#timers.push(setInterval(tick, schedule.everySeconds * 1000));
      tick();
    }
  }

  /** Begins nothing more, lets collections under way end for a while, and then ends them. Resolves when all have told Muster. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    const impatience = setTimeout(() => this.#stop.abort(), this.#configuration.graceSeconds * 1000);
    await Promise.all(this.#underWay);
    clearTimeout(impatience);
  }

  #remember(collectionId: string): void {
    this.#triggers.add(collectionId);
    const [oldest] = this.#triggers;
    if (this.#triggers.size > rememberedTriggers && oldest !== undefined) this.#triggers.delete(oldest);
  }

  #startUnlessBusy(wanted: WantedSource): void {
    if (this.#collecting.has(wanted.name)) return;
    this.#collecting.add(wanted.name);
    const run: Promise<void> = this.#collect(wanted)
      .catch((error: unknown) => this.#log(`${wanted.name}: cannot report: ${describe(error)}`))
      .finally(() => this.#underWay.delete(run));
    this.#underWay.add(run);
  }

  async #collect({ id, name }: WantedSource): Promise<void> {
    const startedAt = Date.now();
    this.#log(`${name}: collecting`);
    const source = this.#configuration.sources.find((configured) => configured.name === name);
    this.#forgetStranger(id);
    if (source === undefined) this.#strangers.set(id, name);
    const outcome =
      source === undefined
        ? ({ status: "unhealthy", message: `no source "${name}" is configured at the collector` } as const)
        : await this.#outcomeOf(source, id);
    const state = this.#settle(name, { ...outcome, message: presentable(outcome.message) });
    this.#log(`${name}: ${state.status}: ${state.message}`);
    // Muster may ask again as soon as it has the report.
    this.#collecting.delete(name);
    const report = {
      status: state.status,
      message: state.message,
      timestamp: new Date().toISOString(),
      duration: (Date.now() - startedAt) / 1000,
      consecutive_errors: state.consecutiveErrors,
    };
    await reportHealth(id, report, this.#connection(this.#stop.signal));
  }

  /** A source that was asked for under a name unknown here may have got another one since. */
  #forgetStranger(id: number): void {
    const name = this.#strangers.get(id);
    if (name !== undefined) this.#states.delete(name);
    this.#strangers.delete(id);
  }

  async #outcomeOf(source: ConfiguredSource, sourceId: number): Promise<Outcome> {
    const { timeoutSeconds, maxDropPercent } = this.#configuration;
    const deadline = AbortSignal.timeout(timeoutSeconds * 1000);
    const signal = AbortSignal.any([this.#stop.signal, deadline]);
    try {
      return await collect({ source, sourceId, maxDropPercent, muster: this.#connection(signal), signal });
    } catch (error) {
      const message = () => {
        if (this.#stop.signal.aborted) return "the collector was stopped before the end";
        return deadline.aborted ? `not done after ${timeoutSeconds} s` : describe(error);
      };
      return { status: "unhealthy", message: message() };
    }
  }

  #settle(name: string, outcome: Outcome): SourceState {
    const { lastCollection, consecutiveErrors } = this.#states.get(name) ?? untouched;
    const failed = outcome.status === "unhealthy";
    const state = {
      ...outcome,
      lastCollection: failed ? lastCollection : new Date().toISOString(),
      consecutiveErrors: failed ? consecutiveErrors + 1 : 0,
    };
    this.#states.set(name, state);
    return state;
  }

  #connection(stop: AbortSignal) {
    const { muster, timeoutSeconds } = this.#configuration;
    return {
      target: muster,
      tries: Number.POSITIVE_INFINITY,
      maxWaitMs: timeoutSeconds * 1000,
      stop,
      onRetry: (reason: string) => this.#log(`trying again: ${reason}`),
    };
  }
}

/** What another program said may hold anything, and be of any length. */
function presentable(message: string): string {
  return printable(message).slice(0, maxMessageLength).toWellFormed();
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
