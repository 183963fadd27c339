import { helpText, parseOptions } from "./stack/options.ts";
import { runStack } from "./stack/stack.ts";
import { runCommand } from "./stack/usage-error.ts";
import { welcome } from "./stack/welcome.ts";
import { startWranglerDev } from "./stack/wrangler-dev.ts";

const command = "npm start";

await runCommand(`${command} --`, async () => {
  const options = parseOptions(process.argv.slice(2), command);
  if (options === "help") {
    console.log(helpText(command));
    return 0;
  }
  return runStack(options, {
    prepareWorker: () => startWranglerDev,
    async announce(stack) {
      console.log(await welcome(stack));
      stack.worker.showOutput();
    },
  });
});
