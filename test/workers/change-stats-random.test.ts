import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { always, clearChanges, expectExact, refreshPath } from "../support/change-count.ts";
import { addLogRows, openTransaction, type OpenTransaction, prepareLogRows } from "../support/log-rows.ts";
import { body, bulkPath, createMuster, type Muster } from "../support/muster.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = Date.now();
const midnight = Math.floor(start / dayMs) * dayMs;

let muster: Muster;
let clock = start;
let open: OpenTransaction[] = [];

const iso = (at: number) => new Date(at).toISOString();
const take = async (batch: number) =>
  muster.sql("select muster.refresh_change_stats($1, $2::integer)", [iso(clock), batch]);
const refreshTotals = async () => muster.sql("select muster.refresh_change_totals($1)", [iso(clock)]);

async function commitAll(): Promise<void> {
  const transactions = open;
  open = [];
  await Promise.all(transactions.map(async (transaction) => transaction.commit()));
}

function setClock(at: number): void {
  clock = at;
  vi.setSystemTime(at);
}

beforeAll(async () => {
  muster = await createMuster();
  await prepareLogRows(muster);
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(async () => {
  await commitAll();
  vi.useRealTimers();
});

// Where hours, days, weeks and months begin, and a series of hours gets too long.
const anchorHours = [-1440, -1003, -1000, -744, -720, -168, -49, -48, -25, -24, -3, -2, -1, 0, 1, 23, 24, 48, 200];
const instant = fc
  .tuple(fc.constantFrom(...anchorHours), fc.constantFrom(-1, 0, 0, 1, hourMs / 2))
  .map(([hours, ms]) => midnight + hours * hourMs + ms);
const window = fc
  .tuple(fc.oneof(instant, fc.constant(always.start)), fc.oneof(instant, fc.constant(always.end)))
  .filter(([one, other]) => one !== other)
  .map(([one, other]) => ({ start: Math.min(one, other), end: Math.max(one, other) }));
const logRow = fc.record({
  changed_at: instant.map(iso),
  ci_id: fc.nat(3).map((n) => `00000000-0000-7000-8000-00000000000${n}`),
  ci_type: fc.constantFrom("host", "disk", ...Array.from("abcdefghijkl")),
  change_type: fc.constantFrom("CREATED", "UPDATED", "DELETED", "PURGED"),
  namespace: fc.constantFrom(null, "", "n"),
  department: fc.constantFrom(null, "it"),
});
const logRows = fc.array(logRow, { minLength: 1, maxLength: 6 });
const sighting = fc.record({
  name: fc.constantFrom("one", "two", "three"),
  ci_type: fc.constantFrom("host", "kubernetes.pod"),
  department: fc.constantFrom(null, "it"),
  raw_data: fc.record({ x: fc.nat(2) }),
});

const named = (name: string, run: () => Promise<unknown>) => ({ [fc.toStringMethod]: () => name, run });
const step = fc.oneof(
  fc.array(sighting, { maxLength: 4 }).map((items) =>
    named(`bulk ${JSON.stringify(items)}`, async () => {
      await body(await muster.request(`${bulkPath}?source=s`, { body: items, key: muster.keys.service }));
    }),
  ),
  fc.constantFrom(0.01, 0.5, 1.5, 8).map((days) =>
    named(`sweep after ${days} days`, async () => {
      setClock(clock + days * dayMs);
      await muster.cron("*/15 * * * *", new Date(clock));
    }),
  ),
  logRows.map((rows) => named(`log ${JSON.stringify(rows)}`, async () => addLogRows(muster, rows))),
  logRows.map((rows) =>
    named(`begin ${JSON.stringify(rows)}`, async () => {
      open.push(await openTransaction(muster, rows));
    }),
  ),
  fc.constant(named("commit", async () => open.shift()?.commit())),
  fc.constantFrom(1, 3, 20_000).map((batch) => named(`refresh ${batch}`, async () => take(batch))),
  fc.constant(named("refresh the view", refreshTotals)),
  fc.constant(named("POST refresh", async () => body(await muster.request(refreshPath, { method: "POST" })))),
  window.map((asked) => named(`ask ${iso(asked.start)} ${iso(asked.end)}`, async () => expectExact(muster, asked))),
);

it("statistics equal a plain count of the log, whatever was refreshed, back-dated or committed late", async () => {
  const plan = fc.tuple(
    fc.array(step, { minLength: 4, maxLength: 12 }),
    fc.array(window, { minLength: 2, maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(plan, async ([steps, windows]) => {
      await commitAll();
      await clearChanges(muster);
      setClock(start);
      for (const { run } of steps) {
        await run();
      }
      for (const asked of [...windows, always]) {
        await expectExact(muster, asked);
      }
      await commitAll();
      await expectExact(muster, always);
    }),
    { numRuns: 30 },
  );
  expect(open).toEqual([]);
}, 180_000);
