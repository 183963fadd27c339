import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseInstant } from "../../src/lib/time.ts";

describe("parseInstant", () => {
  it.each([
    ["2024-01-01", "2024-01-01T00:00:00.000Z"],
    ["2024-01-01T10:20", "2024-01-01T10:20:00.000Z"],
    ["2024-01-01 10:20:30", "2024-01-01T10:20:30.000Z"],
    ["2024-01-01T10:20:30.5", "2024-01-01T10:20:30.500Z"],
    ["2024-01-01T10:20:30,123456789", "2024-01-01T10:20:30.123Z"],
    ["2024-01-01T10:20:30z", "2024-01-01T10:20:30.000Z"],
    ["2024-01-01T10:20:30+02:00", "2024-01-01T08:20:30.000Z"],
    ["2024-01-01T00:30:00+0200", "2023-12-31T22:30:00.000Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    [" 2024-01-01 ", "2024-01-01T00:00:00.000Z"],
  ])("reads %s; without a zone it is UTC", (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it.each([
    "",
    "yesterday",
    "2024",
    "2024-1-1",
    "2023-02-29",
    "2024-13-01",
    "2024-01-01T24:30",
    "2024-01-01T10:60",
    "2024-01-01T10:20:60",
    "2024-01-01T10:20:30+2",
    "2024-01-01T10",
    "0000-01-01",
    "10000-01-01",
    "2024-01-01T10:20:30+02:00 ",
    "1704067200",
  ])("does not read %j unless it is exact", (text) => {
    expect(parseInstant(text)).toBe(text.trim() === text ? undefined : parseInstant(text.trim()));
  });

  it("reads back every instant of the wire", () => {
    const bounds = { min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(bounds), (date) => {
        expect(parseInstant(date.toISOString())).toBe(date.toISOString());
      }),
    );
  });
});
