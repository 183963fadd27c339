import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operators } from "../../src/lib/filter-grammar.ts";
import {
  holds,
  instantColumns,
  integerColumns,
  type OracleFilter,
  type OracleItem,
  textColumns,
  written,
} from "../support/filter-oracle.ts";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

// Today: the change log has no partitions for the far future.
const start = Math.floor(Date.now() / 86_400_000) * 86_400_000;
const runs = 150;
/** Told with each failure; put its number here to see it again. */
const seed = Date.now() % 1_000_000;
const sign = fc.constantFrom(
  "a",
  "b",
  "A",
  "%",
  "_",
  "\\",
  ":",
  ",",
  ".",
  "*",
  " ",
  '"',
  "'",
  "{",
  "ä",
  "Ä",
  "😀",
  "ﬀ",
);
const text = fc.oneof(
  fc.string({ unit: sign, minLength: 1, maxLength: 4 }),
  fc.constantFrom("NULL", "null", "true", "10", "5", "2.5", "{}", "2030-01-01"),
);
const number = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(2.5, -0.5, 1_000_000));
const leaf = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const document = fc.record(
  {
    n: fc.oneof(number, number.map(String)),
    s: text,
    any: fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), fc.record({ deep: leaf })),
    "a.b": leaf,
    labels: fc.dictionary(fc.constantFrom("app.kubernetes.io/name", 'with "quote"', "tier"), leaf),
    status: text,
  },
  { requiredKeys: [] },
);
const content = fc.record({
  name: text,
  namespace: fc.option(text),
  ci_type: fc.constantFrom("host", "kubernetes.pod", "Custom_Type", "100%"),
  department: fc.option(fc.constantFrom("it", "IT", "hr_1")),
  raw_data: document,
});

let muster: Muster;
let items: OracleItem[];

/** Items that differ in every column: several sources, instants, versions and states. */
async function makeItems(): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"] });
  for (const [round, source] of ["", "?source=one", "?source=two", "?source=one"].entries()) {
    vi.setSystemTime(start + round * 86_400_000 + round);
    await body(
      await muster.request(`${bulkPath}${source}`, { body: fc.sample(content, { numRuns: 40, seed: seed + round }) }),
    );
  }
  const state = "update configuration_items set status = $1 where abs(hashtext(ci_id::text)) % 7 = $2";
  await muster.sql(state, ["inactive", 1]);
  await muster.sql(state, ["archived", 2]);
  vi.useRealTimers();
}

async function readItems(): Promise<OracleItem[]> {
  const ms = (expression: string) => `(extract(epoch from ${expression}) * 1000)::bigint`;
  const rows = await muster.sql<{ item: string }>(
    `select json_build_object('ci_id', ci_id, 'document', raw_data, 'columns', json_build_object(
       'name', name, 'namespace', namespace, 'ci_type', ci_type, 'status', status, 'department', department,
       'source_id', source_id, 'version', version, 'status_updated_at', ${ms("status_updated_at")},
       'created_at', ${ms("created_at")}, 'updated_at', ${ms("updated_at")},
       'last_seen', (select ${ms("max(last_seen)")} from source_records r where r.ci_id = c.ci_id)))::text as item
     from configuration_items c`,
  );
  return rows.map(({ item }): OracleItem => JSON.parse(item));
}

/** Asks for the items of all states that these filters leave; their ids, sorted. */
async function ask(filters: readonly OracleFilter[]): Promise<string[]> {
  const query = filters.map((filter) => `&filter=${encodeURIComponent(written(filter))}`).join("");
  const response = await muster.request(`${itemsPath}?status=all&limit=1000${query}`);
  const page = await body<{ items: Row[]; total: number }>(response);
  expect(page.total).toBe(page.items.length);
  return page.items.map((item) => String(item["ci_id"])).toSorted();
}

async function expectSameAsOracle(filters: readonly OracleFilter[]): Promise<void> {
  const expected = items.filter((item) => filters.every((filter) => holds(filter, item))).map(({ ci_id }) => ci_id);
  const question = `seed ${seed}: ${filters.map(written).join(" & ")}`;
  expect({ question, answer: await ask(filters) }).toEqual({ question, answer: expected.toSorted() });
}

function filterOn(path: fc.Arbitrary<string[]>, known: readonly string[], value: fc.Arbitrary<string>) {
  const operator = fc.constantFrom(...operators.filter((name) => known.includes(name)));
  return fc
    .tuple(path, operator, fc.array(value, { minLength: 1, maxLength: 3 }))
    .map(([keys, name, values]): OracleFilter => ({
      path: keys,
      operator: name,
      values: ["null", "notnull"].includes(name) ? [] : values.slice(0, ["in", "nin"].includes(name) ? 3 : 1),
    }));
}

const ordered = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "null", "notnull"];
const column = (names: readonly string[]) => fc.constantFrom(...names).map((name) => [name]);
/** A value that some item has in one of these columns, or another of its kind. */
const valueOf = (names: readonly string[], other: fc.Arbitrary<string>) =>
  fc.oneof(
    fc.tuple(fc.nat(), fc.constantFrom(...names)).map(([n, name]) => {
      const known = items.map((item) => item.columns[name]).filter((value) => value !== null && value !== undefined);
      return String(known[n % known.length] ?? "none");
    }),
    other,
  );

beforeAll(async () => {
  muster = await createMuster();
  await makeItems();
  items = await readItems();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("every operator means what the oracle says", () => {
  it("on text columns, whatever signs the values hold", async () => {
    const filter = filterOn(column(textColumns), operators, valueOf(textColumns, text));
    await fc.assert(
      fc.asyncProperty(filter, async (one) => expectSameAsOracle([one])),
      { numRuns: runs },
    );
  });

  it("on instants, in every form they can be drawn", async () => {
    const drawn = fc.tuple(
      valueOf(instantColumns, fc.constant(String(start))),
      fc.nat(3),
      fc.integer({ min: -1, max: 1 }),
    );
    const value = drawn.map(([known, form, shift]) => {
      const iso = new Date(Number(known) + shift).toISOString();
      return [iso, iso.slice(0, 10), iso.slice(0, 23).replace("T", " "), `${iso.slice(0, 19)}+05:30`][form] ?? iso;
    });
    const filter = filterOn(column(instantColumns), ordered, value);
    await fc.assert(
      fc.asyncProperty(filter, async (one) => expectSameAsOracle([one])),
      { numRuns: runs },
    );
  });

  it("on integers and ids", async () => {
    const integer = filterOn(
      column(integerColumns),
      ordered,
      valueOf(integerColumns, fc.integer({ min: -1, max: 5 }).map(String)),
    );
    const id = filterOn(
      fc.constant(["ci_id"]),
      ordered,
      fc.nat().map((n) => items[n % items.length]?.ci_id ?? ""),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(integer, id), async (one) => expectSameAsOracle([one])),
      { numRuns: runs },
    );
  });

  it("on paths inside documents, numbers as numbers, dotted keys included", async () => {
    const paths = [["n"], ["s"], ["any"], ["any", "deep"], ["a.b"], ["status"], ["absent"]];
    const labels = ["app.kubernetes.io/name", 'with "quote"', "tier"].map((key) => ["labels", key]);
    const path = fc.constantFrom(...paths, ...labels).map((keys) => ["raw_data", ...keys]);
    const scalarPath = path.filter((keys) => keys[1] !== "any");
    const value = fc.oneof(text, number.map(String), fc.constantFrom("true", "false", "05", "2.50"));
    const filter = fc.oneof(
      filterOn(path, ordered, value),
      filterOn(scalarPath, ["like", "ilike", "startswith"], value),
    );
    const beside: OracleFilter = { path: ["ci_type"], operator: "notnull", values: [] };
    await fc.assert(
      fc.asyncProperty(filter, async (one) => expectSameAsOracle([beside, one])),
      { numRuns: 2 * runs },
    );
  });

  it("together: all of several filters hold", async () => {
    const filter = fc.oneof(
      filterOn(column(textColumns), operators, valueOf(textColumns, text)),
      filterOn(column(integerColumns), ordered, valueOf(integerColumns, fc.constant("1"))),
      filterOn(fc.constant(["raw_data", "n"]), ["eq", "in"], number.map(String)),
    );
    const filters = fc.array(filter, { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(filters, async (several) => expectSameAsOracle(several)),
      { numRuns: runs },
    );
  });
});
