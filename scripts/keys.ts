import { revokeKey, selectKeys } from "../src/core/identity/repository.ts";
import { createKey, type KeyRequest } from "../src/core/identity/service.ts";
import { keysHelp, parseKeysCommand } from "./stack/keys/options.ts";
import { type KeysTarget, openTarget } from "./stack/keys/target.ts";
import { readPeppers } from "../src/env.ts";
import { freshSecret } from "./stack/secrets.ts";
import { runCommand, UsageError } from "./stack/usage-error.ts";

await runCommand("npm run keys --", async () => {
  const command = parseKeysCommand(process.argv.slice(2));
  if (command.verb === "help") {
    console.log(keysHelp);
    return 0;
  }
  if (command.verb === "fresh-secret") {
    // The minute, since a ring holds no name twice.
    console.log(freshSecret(new Date().toISOString().slice(0, 16).replaceAll(/\D/g, "")));
    return 0;
  }
  await using target = await openTarget(process.env, command.dataDir);
  switch (command.verb) {
    case "create":
      return await create(target, command.request, command.quiet);
    case "list":
      return await list(target, command.json);
    case "revoke":
      return await revoke(target, command.id);
  }
});

async function create(target: KeysTarget, request: KeyRequest, quiet: boolean): Promise<number> {
  if (target.peppers === undefined) throw new UsageError("set API_KEY_PEPPERS to the value that the Worker has");
  const [pepper] = await readPeppers(target.peppers);
  const { id, key } = await createKey({ db: target.database }, pepper, request);
  console.log(quiet ? key : `${key}\n\nid ${id}, tier ${request.tier}. The key cannot be shown again.`);
  return 0;
}

async function list(target: KeysTarget, json: boolean): Promise<number> {
  const keys = await target.database.execute(selectKeys());
  if (json) console.log(JSON.stringify(keys, null, 2));
  else console.table(keys);
  return 0;
}

async function revoke(target: KeysTarget, id: string): Promise<number> {
  const revoked = await target.database.execute(revokeKey(id));
  if (revoked.length === 0) throw new Error(`there is no key ${id} that is still valid`);
  console.log(`revoked ${id}`);
  return 0;
}
