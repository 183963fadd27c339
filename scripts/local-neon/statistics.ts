/** How much a database was asked: a batch is one round trip of several statements. */
export interface DatabaseStatistics {
  readonly statements: number;
  readonly round_trips: number;
}

/** Counts calls per database, for tests that bound the statements of a route. */
export class Statistics {
  readonly #databases = new Map<string, DatabaseStatistics>();

  /** What was counted since the start; zeroes for a database nobody asked. */
  of(database: string): DatabaseStatistics {
    return this.#databases.get(database) ?? { statements: 0, round_trips: 0 };
  }

  /** Adds one call of so many statements. */
  count(database: string, statements: number): void {
    const before = this.of(database);
    this.#databases.set(database, {
      statements: before.statements + statements,
      round_trips: before.round_trips + 1,
    });
  }
}
