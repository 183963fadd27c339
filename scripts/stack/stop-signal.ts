const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const patienceMs = 1000;

/**
 * Aborts at the first signal to stop. A later one ends the process at once; npm passes on the one that the terminal sent
 * already, hence the pause.
 */
export function onStopSignal(): AbortSignal {
  const stop = new AbortController();
  let since: number | undefined;
  for (const signal of signals) {
    process.on(signal, () => {
      if (since !== undefined && Date.now() - since > patienceMs) process.exit(130);
      since ??= Date.now();
      stop.abort();
    });
  }
  return stop.signal;
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}
