import { parseArgs } from "node:util";
import { readVault } from "../src/env.ts";
import { rotateCredentials } from "./stack/keys/rotation.ts";
import { openTarget } from "./stack/keys/target.ts";
import { asCalled, defaultDataDir } from "./stack/project.ts";
import { runCommand, UsageError } from "./stack/usage-error.ts";

const help = `Usage: npm run rotate-credentials -- [--dry-run] [--data-dir FOLDER]

Seals the stored credentials of all sources under the first key of CREDENTIAL_KEYS. Works on the local stack that runs or, with
DATABASE_URL (the owner's) and CREDENTIAL_KEYS set, on that deployment. May run beside it, be broken off, and be run again.

To change the master key: put a new one (npm run keys -- master-key) before the present ones in CREDENTIAL_KEYS and deploy;
run this until nothing is re-sealed any more; then take the old one away. Locally, CREDENTIAL_KEYS is credential_keys in secrets.json
of the data folder; edit it while the stack is stopped.

  --dry-run         only count
  --data-dir FOLDER the data folder of the local stack (default: .muster in the project)
  --help            this text

The exit code is 1 when credentials do not open; their sources are named, and keep what they have.`;

await runCommand("npm run rotate-credentials --", async () => {
  const options = parse(process.argv.slice(2));
  if (options.help === true) {
    console.log(help);
    return 0;
  }
  const dryRun = options["dry-run"] === true;
  const dataDir = options["data-dir"] === undefined ? defaultDataDir : asCalled(options["data-dir"]);
  await using target = await openTarget(process.env, dataDir);
  if (target.credentialKeys === undefined) {
    throw new UsageError("set CREDENTIAL_KEYS to the value that the Worker has");
  }
  const vault = await readVault(target.credentialKeys);
  const { resealed, current, changed, refused } = await rotateCredentials(target.database, vault, { dryRun });
  console.log(
    `${dryRun ? "to be re-sealed" : "re-sealed"}: ${resealed}, under the current key already: ${current}, ` +
      `changed meanwhile: ${changed}, refused: ${refused.length}`,
  );
  if (changed > 0) console.log("Run it again for what changed meanwhile.");
  for (const { id, problem } of refused) {
    console.error(`The credentials of source ${id} do not open: ${problem}`);
  }
  return refused.length > 0 ? 1 : 0;
});

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        "dry-run": { type: "boolean" },
        "data-dir": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
