const hour = 3_600_000;
const day = 24 * hour;

/** How long the estate's past reaches back. */
const historyDays = 21;

/** The days of the past three weeks, seen from `now`; all times are UTC. */
export interface Calendar {
  readonly now: Date;
  readonly start: Date;
  /** An hour of one of the last fourteen whole working days: 0 is the oldest, 13 the latest. */
  readonly workday: (index: number, hours: number, minutes?: number) => Date;
  /** So many hours before `now`. */
  readonly ago: (hours: number) => Date;
  /** Each time within the past that falls on this weekday (0 is Sunday) at this hour, oldest first. */
  readonly weekly: (weekday: number, hours: number) => readonly Date[];
}

/** Lays out the working days and nights of the three weeks that end at `now`. */
export function calendarOf(now: Date): Calendar {
  const start = new Date(now.getTime() - historyDays * day);
  const midnight = Math.floor(now.getTime() / day) * day;
  const wholeDays = Array.from({ length: historyDays - 1 }, (_, index) => midnight - (historyDays - 1 - index) * day);
  const workdays = wholeDays.filter((date) => ![0, 6].includes(new Date(date).getUTCDay())).slice(-14);
  return {
    now,
    start,
    workday(index, hours, minutes = 0) {
      const date = workdays[index];
      if (date === undefined) throw new RangeError(`there is no working day ${index}`);
      return new Date(date + hours * hour + minutes * 60_000);
    },
    ago: (hours) => new Date(now.getTime() - hours * hour),
    weekly: (weekday, hours) =>
      wholeDays.filter((date) => new Date(date).getUTCDay() === weekday).map((date) => new Date(date + hours * hour)),
  };
}

/** A later time. */
export function later(at: Date, minutes: number): Date {
  return new Date(at.getTime() + minutes * 60_000);
}

/** An earlier time, for what was made long before it was first seen. */
export function daysBefore(at: Date, days: number): Date {
  return new Date(at.getTime() - days * day);
}

/** Seconds since the epoch's ISO form, as Kubernetes writes instants. */
export function stamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
