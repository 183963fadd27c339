import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { schedule } from "../../src/cron.ts";

it("runs exactly the cron expressions that wrangler.toml asks the platform for", () => {
  const configuration = readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8");
  const [, list = ""] = /^crons\s*=\s*\[([^\]]*)\]/m.exec(configuration) ?? [];
  const asked = [...list.matchAll(/"([^"]+)"/g)].map(([, expression]) => expression);
  expect(asked.length).toBeGreaterThan(0);
  expect(Object.keys(schedule).toSorted()).toEqual(asked.toSorted());
});
