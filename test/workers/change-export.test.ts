import { beforeAll, describe, expect, it } from "vitest";
import { type Change, changePage, changesPath, parseCsv, patch, report } from "../support/change-feed.ts";
import { body, createMuster, type Muster } from "../support/muster.ts";

const columns =
  "id,changed_at,change_type,ci_id,ci_name,ci_namespace,ci_type,version,department,source_id,actor,request_id,reason,changes";
const csv = { Accept: "text/csv" };
const ndjson = { Accept: "application/x-ndjson" };
/** What a spreadsheet could take for a formula, behind an apostrophe. */
const disarmed = /^'(?=[\s"']*[-=+@＝＋－＠\t\r\n])/;

const nasty = [
  "plain",
  'quo"te',
  '""',
  "a,b;c",
  "line\r\nfeed\nand\rreturn",
  "ünïcödé 日本語 😀",
  "=1+1",
  "+1",
  "-1",
  "@sum(a1)",
  "\t=1",
  "\rx",
  '"=1"',
  "'=1",
  "' '=cmd|' /c calc'!a0",
  "  =1",
  "＝1",
  "'quoted'",
  "\\",
  "\u0001\u007f",
  " ",
];
let muster: Muster;

async function exported(query: string, accept: Record<string, string> = csv): Promise<string> {
  const response = await muster.request(`${changesPath}?${query}`, { headers: accept });
  expect(response.status).toBe(200);
  return response.text();
}

/** The changes of a CSV export, as the feed shows them. */
function fromCsv(text: string): (Change & { department: string | null })[] {
  const [header, ...records] = parseCsv(text);
  expect(header?.join(",")).toBe(columns);
  return records.map((record) => {
    expect(record).toHaveLength(14);
    const cells = Object.fromEntries(record.map((cell, n) => [header?.[n] ?? "", cell?.replace(disarmed, "") ?? null]));
    const { version, source_id: source, changes } = cells;
    return {
      ...cells,
      version: Number(version),
      source_id: source === null ? null : Number(source),
      changes: JSON.parse(changes ?? ""),
    } as Change & { department: string | null };
  });
}

async function feed(query: string): Promise<Change[]> {
  return (await changePage(muster, `limit=1000&${query}`)).items;
}

function withoutDepartment(changes: readonly (Change & { department?: string | null })[]): Change[] {
  return changes.map(({ department: _department, ...change }) => change);
}

beforeAll(async () => {
  muster = await createMuster();
  const ids = await report(
    muster,
    nasty.map((text, n) => ({
      name: `${text}${n}`,
      ci_type: text,
      namespace: text,
      department: text,
      raw_data: { text },
    })),
    "?source=nasty",
  );
  for (const [n, id] of ids.entries()) {
    const text = nasty[n] ?? "";
    const key = text === "" ? "empty" : text;
    await patch(
      muster,
      id,
      { raw_data: { [key]: text, list: [text], text: null } },
      { "X-Change-Reason": "-2 because" },
    );
  }
  await patch(muster, ids[0] ?? "", { raw_data: { big: 'x"\n,😀'.repeat(11_000) } });
});

describe("CSV", () => {
  it("is what the feed shows, read back by the rules of RFC 4180", async () => {
    const response = await muster.request(changesPath, { headers: csv });
    expect(response.headers.get("Content-Type")).toBe("text/csv; charset=utf-8; header=present");
    expect(response.headers.get("Content-Disposition")).toMatch(/^attachment; filename="changes-\d{8}T\d{6}Z\.csv"$/);
    expect(response.headers.get("Vary")).toMatch(/Accept/);
    const rows = fromCsv(await response.text());
    const shown = await feed("");
    expect(rows).toHaveLength(2 * nasty.length + 1);
    const isBig = (change: Change) => change.changes.some(({ field }) => field === "big");
    expect(withoutDepartment(rows.filter((row) => !isBig(row)))).toEqual(shown.filter((row) => !isBig(row)));
    // Values come whole where the feed shortens them.
    expect(rows.find(isBig)?.changes).toEqual([
      { field: "big", op: "add", old_value: null, new_value: 'x"\n,😀'.repeat(11_000) },
    ]);
    const departments = await muster.sql<{ department: string }>(
      "select department from changes order by changed_at desc, id desc",
    );
    expect(rows.map((row) => row.department)).toEqual(departments.map((row) => row.department));
  });

  it("holds no cell that a spreadsheet runs", async () => {
    const cells = parseCsv(await exported("")).flat();
    const dangerous = cells.filter(
      (cell) => /^[\s"']*[-=+@＝＋－＠]|^[\t\r\n]/.test(cell ?? "") && !cell?.startsWith("'"),
    );
    expect(dangerous).toEqual([]);
    expect(cells).toEqual(expect.arrayContaining(["'=1+16", "'-1", "'@sum(a1)", "'-2 because", "''=1"]));
  });

  it("tells nothing from an empty text", async () => {
    const other = await createMuster();
    await other.sql(
      "insert into changes (changed_at, ci_id, version, change_type, ci_type, name, namespace) values (now(), gen_random_uuid(), 1, 'CREATED', 'host', 'x', '')",
    );
    const text = await (await other.request(changesPath, { headers: csv })).text();
    expect(text).toMatch(/,"x","","host",1,,,,,,"\[\]"\r\n$/);
  });

  it("answers the documented example, and an empty selection with the names alone", async () => {
    expect(fromCsv(await exported("filter=change_type:eq:DELETED"))).toEqual([]);
    const updated = fromCsv(
      await exported("filter=change_type:eq:UPDATED&filter=version:eq:2&sort_by=ci_name&sort_order=asc"),
    );
    expect(withoutDepartment(updated)).toEqual(
      await feed("filter=change_type:eq:UPDATED&filter=version:eq:2&sort_by=ci_name&sort_order=asc"),
    );
  });

  it("is cut where limit, offset and cursor say, and only there", async () => {
    const all = await feed("sort_by=ci_id");
    expect(fromCsv(await exported("sort_by=ci_id&limit=5&offset=3")).map((row) => row.id)).toEqual(
      all.slice(3, 8).map((row) => row.id),
    );
    expect(fromCsv(await exported("sort_by=ci_id&offset=3")).map((row) => row.id)).toEqual(
      all.slice(3).map((row) => row.id),
    );
    const { next_cursor: cursor } = await changePage(muster, "sort_by=ci_id&limit=10");
    expect(fromCsv(await exported(`sort_by=ci_id&cursor=${cursor}`)).map((row) => row.id)).toEqual(
      all.slice(10).map((row) => row.id),
    );
  });

  it("takes one statement for a page, and refuses what the list refuses", async () => {
    expect(await muster.statements(() => exported(""))).toBe(1);
    for (const [query, status] of [
      ["filter=x:eq:1", 400],
      ["sort_by=x", 400],
      ["limit=1001", 422],
      ["cursor=x", 400],
    ] as const) {
      expect((await muster.request(`${changesPath}?${query}`, { headers: csv })).status).toBe(status);
    }
    expect((await muster.request(changesPath, { headers: csv, key: null })).status).toBe(401);
  });
});

describe("NDJSON", () => {
  it("is a change a line", async () => {
    const text = await exported("filter=version:lte:2", ndjson);
    expect(text.endsWith("\n")).toBe(true);
    const lines = text.slice(0, -1).split("\n");
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(await feed("filter=version:lte:2"));
  });
});

describe("what Accept asks for", () => {
  it.each([
    ["application/json", "application/json"],
    ["*/*", "application/json"],
    ["", "application/json"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "application/json"],
    ["text/html", "application/json"],
    ["text/csv", "text/csv"],
    ["TEXT/CSV; charset=utf-8", "text/csv"],
    ["text/*", "text/csv"],
    ["text/csv, */*;q=0.1", "text/csv"],
    ["text/csv, */*", "text/csv"],
    ["text/csv;q=0.5, application/json", "application/json"],
    ["application/json;q=0.5, text/csv;q=0.9", "text/csv"],
    ["text/csv;q=0, */*", "application/json"],
    ["application/json;q=0, */*", "text/csv"],
    ["application/x-ndjson, text/csv;q=0.9", "application/x-ndjson"],
    ["nonsense;;q=x,,", "application/json"],
  ])("%s is answered with %s", async (accept, type) => {
    const response = await muster.request(`${changesPath}?limit=1`, { headers: { Accept: accept } });
    expect([response.status, response.headers.get("Content-Type")?.split(";")[0]]).toEqual([200, type]);
    await response.text();
  });

  it.each(["application/json;q=0", "text/html, application/json;q=0", "*/*;q=0"])(
    "%s cannot be served",
    async (accept) => {
      const error = await body(await muster.request(changesPath, { headers: { Accept: accept } }), 406);
      expect(error).toMatchObject({ type: "NotAcceptableError", status_code: 406 });
    },
  );
});
