import { runCommand } from "../scripts/stack/usage-error.ts";
import { helpText, parseOptions } from "./options.ts";
import { prepareEstate } from "./prepare.ts";

const command = "node bench/generate.ts";

await runCommand(command, async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(helpText(command, "Fills a database with items and a history, statistics and search index included."));
    return 0;
  }
  await using closing = new AsyncDisposableStack();
  await prepareEstate(options, closing);
  return 0;
});
