import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeApi } from "../src/api/openapi.ts";
import { createApp } from "../src/app.ts";
import { asCalled, projectFolder } from "./stack/project.ts";
import { runCommand, UsageError } from "./stack/usage-error.ts";

const help = `Usage: npm run openapi -- [--check] [--file FILE]

Writes docs/openapi.json, or another file, from the routes; with --check only says whether it is up to date (exit code 1
when not).`;

await runCommand("npm run openapi --", async () => {
  const options = parse(process.argv.slice(2));
  if (options.help === true) {
    console.log(help);
    return 0;
  }
  const file = options.file === undefined ? join(projectFolder, "docs/openapi.json") : asCalled(options.file);
  // The app serves the document from the file; describing it takes the routes only.
  const app = createApp({ loadDocument: () => Promise.reject(new Error("the document is being made")) });
  const text = `${JSON.stringify(describeApi(app), null, 2)}\n`;
  if (options.check !== true) {
    await writeFile(file, text);
    return 0;
  }
  if (text === (await readFile(file, "utf8"))) return 0;
  console.error(`${file} does not match the routes: run "npm run openapi" and commit the result`);
  return 1;
});

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { check: { type: "boolean" }, file: { type: "string" }, help: { type: "boolean", short: "h" } },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
