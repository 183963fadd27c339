import { buildWorker } from "./stack/build-worker.ts";
import { helpText, parseOptions } from "./stack/options.ts";
import { runStack } from "./stack/stack.ts";
import { runCommand } from "./stack/usage-error.ts";
import { startWorkerd } from "./stack/workerd.ts";

const command = "npm run serve";

await runCommand(`${command} --`, async () => {
  const options = parseOptions(process.argv.slice(2), command);
  if (options === "help") {
    console.log(helpText(command));
    return 0;
  }
  return runStack(options, {
    prepareWorker(closing) {
      const build = buildWorker(closing);
      build.catch(() => undefined); // told when the Worker is to start
      return async (start) => startWorkerd(await build, start);
    },
    announce({ worker: { url }, adminKey }) {
      console.log(
        options.json ? JSON.stringify({ url, admin_key: adminKey }) : `Muster runs at ${url}\nAdmin key: ${adminKey}`,
      );
    },
  });
});
