import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runScript, temporaryFolder } from "./serve-process.ts";

test("the document is written the same each time, and drift is found", { timeout: 30_000 }, async () => {
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  const file = join(folder, "openapi.json");
  expect((await runScript("openapi.ts", ["--file", file])).code).toBe(0);
  const text = await readFile(file, "utf8");
  expect(JSON.parse(text)).toMatchObject({ openapi: "3.1.0", paths: { "/api/v1/configuration-items": {} } });
  expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
  expect((await runScript("openapi.ts", ["--check", "--file", file])).code).toBe(0);
  await writeFile(file, text.replace("/health", "/wealth"));
  expect(await runScript("openapi.ts", ["--check", "--file", file])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("does not match the routes"),
  });
});
