import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { operators } from "../../src/lib/filter-grammar.ts";
import { type Change, changePage } from "../support/change-feed.ts";
import { makeChanges } from "../support/change-samples.ts";
import { holds, type OracleFilter, written } from "../support/filter-oracle.ts";
import { createMuster, type Muster } from "../support/muster.ts";

const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;
/** Told with each failure; put its number here to see it again. */
const seed = Date.now() % 1_000_000;
let muster: Muster;
let all: Change[];

function holdsForChange(filter: OracleFilter, change: Change & { department: string | null }): boolean {
  const [field = ""] = filter.path;
  if (field === "field") {
    const fields = change.changes.map((entry) => entry.field);
    const one = (operator: string) =>
      fields.some((name) =>
        holds({ ...filter, path: ["name"], operator }, { ci_id: "", columns: { name }, document: {} }),
      );
    switch (filter.operator) {
      case "ne":
        return !one("eq");
      case "nin":
        return !one("in");
      case "null":
        return fields.length === 0;
      case "notnull":
        return fields.length > 0;
      default:
        return one(filter.operator);
    }
  }
  // The oracle knows the kinds of its columns by the names that items have.
  const names: Readonly<Record<string, string>> = {
    ci_name: "name",
    ci_namespace: "namespace",
    change_type: "status",
    changed_at: "created_at",
  };
  const columns = {
    name: change.ci_name,
    namespace: change.ci_namespace,
    ci_type: change.ci_type,
    status: change.change_type,
    created_at: Date.parse(change.changed_at),
    source_id: change.source_id,
    version: change.version,
    department: change.department,
    actor: change.actor,
    request_id: change.request_id,
    reason: change.reason,
  };
  const path = [names[field] ?? field];
  return holds({ ...filter, path }, { ci_id: change.ci_id, columns, document: {} });
}

const ids = (changes: readonly Change[]) => changes.map((change) => change.id);

beforeAll(async () => {
  muster = await createMuster();
  await makeChanges(muster, today);
  ({ items: all } = await changePage(muster, "limit=1000"));
});

describe("filters mean what the oracle says", () => {
  const texts = ["change_type", "ci_type", "ci_name", "ci_namespace", "actor", "request_id", "reason", "department"];
  const ordered = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "null", "notnull"];
  const textual = ["like", "ilike", "startswith"];
  let departments: ReadonlyMap<string, string | null>;

  beforeAll(async () => {
    const rows = await muster.sql<{ id: string; department: string | null }>("select id, department from changes");
    departments = new Map(rows.map((row) => [row.id, row.department]));
  });

  async function expectSameAsOracle(filters: readonly OracleFilter[]): Promise<void> {
    const query = filters.map((filter) => `&filter=${encodeURIComponent(written(filter))}`).join("");
    const page = await changePage(muster, `limit=1000${query}`);
    const expected = all.filter((change) =>
      filters.every((filter) => holdsForChange(filter, { ...change, department: departments.get(change.id) ?? null })),
    );
    const question = `seed ${seed}: ${filters.map(written).join(" & ")}`;
    expect({ question, answer: ids(page.items), total: page.total }).toEqual({
      question,
      answer: ids(expected),
      total: expected.length,
    });
  }

  function knownValue(field: string, n: number): string {
    const change = all[n % all.length];
    const value = field === "department" ? "it" : Reflect.get(change ?? {}, field);
    return value === null || value === undefined ? "none" : String(value);
  }

  const part = fc.tuple(fc.nat(8), fc.integer({ min: 1, max: 9 }));
  const textFilter = fc
    .tuple(
      fc.constantFrom(...texts),
      fc.constantFrom(...operators),
      fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
      part,
    )
    .map(([field, operator, places, [from, length]]): OracleFilter => {
      const known = places.map((n) => knownValue(field, n));
      const [first = ""] = known;
      const cut =
        Array.from(first)
          .slice(from, from + length)
          .join("") || first;
      const values = textual.includes(operator) ? [operator === "startswith" ? first.slice(0, length) : cut] : known;
      return { path: [field], operator, values: valuesFor(operator, values) };
    });
  const otherFilter = fc
    .tuple(
      fc.constantFrom("changed_at", "ci_id", "version", "source_id"),
      fc.constantFrom(...ordered),
      fc.nat(),
      fc.nat(),
    )
    .map(([field, operator, one, other]): OracleFilter => {
      const values = [one, other].map((n) => knownValue(field, n)).map((value) => (value === "none" ? "1" : value));
      return { path: [field], operator, values: valuesFor(operator, values) };
    });
  const fieldNames = [
    "spec.replicas",
    "spec.image",
    '["a.b"]',
    "raw_data.status",
    "status",
    '[""]',
    "department",
    "raw_data",
    "x",
  ];
  const fieldFilter = fc
    .tuple(
      fc.constantFrom(...operators.filter((operator) => !["gt", "gte", "lt", "lte"].includes(operator))),
      fc.array(fc.constantFrom(...fieldNames), { minLength: 2, maxLength: 2 }),
      part,
    )
    .map(([operator, names, [from, length]]): OracleFilter => {
      const [first = ""] = names;
      const values = textual.includes(operator)
        ? [first.slice(operator === "startswith" ? 0 : from % 3, from + length)]
        : names;
      return { path: ["field"], operator, values: valuesFor(operator, values) };
    });

  function valuesFor(operator: string, values: readonly string[]): string[] {
    return ["null", "notnull"].includes(operator) ? [] : values.slice(0, ["in", "nin"].includes(operator) ? 3 : 1);
  }

  it.each([
    ["texts", textFilter, 200],
    ["instants, ids and numbers", otherFilter, 100],
    ["changed fields, indexed and not", fieldFilter, 150],
  ] as const)("on %s", async (_what, filter, numRuns) => {
    await fc.assert(
      fc.asyncProperty(filter, async (one) => expectSameAsOracle([one])),
      { numRuns, seed },
    );
  });

  it("together: all of several filters hold", async () => {
    const filters = fc.array(fc.oneof(textFilter, otherFilter, fieldFilter), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(filters, async (several) => expectSameAsOracle(several)),
      { numRuns: 100, seed },
    );
  });
});
