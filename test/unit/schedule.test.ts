import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { schedule } from "../../src/cron.ts";

const configuration = readFileSync(join(import.meta.dirname, "../../wrangler.toml"), "utf8");

it("learns the client's address where it is deployed", () => {
  expect(configuration).toMatch(/^\[vars\]\n(?:[^[]*\n)?CLIENT_ADDRESS_HEADER = "CF-Connecting-IP"$/m);
});

it("runs exactly the cron expressions that wrangler.toml asks the platform for", () => {
  const [, list = ""] = /^crons\s*=\s*\[([^\]]*)\]/m.exec(configuration) ?? [];
  const asked = [...list.matchAll(/"([^"]+)"/g)].map(([, expression = ""]) => expression);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(Object.keys(schedule))).toEqual(new Set(asked));
});
