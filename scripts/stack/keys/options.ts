import { parseArgs } from "node:util";
import { z } from "zod";
import type { KeyRequest } from "../../../src/core/identity/service.ts";
import { keyTiers } from "../../../src/lib/api-key.ts";
import { asCalled, defaultDataDir } from "../project.ts";
import { UsageError, wholeNumber } from "../usage-error.ts";

export const keysHelp = `Usage: npm run keys -- create --name NAME [options]
       npm run keys -- list [--json]
       npm run keys -- revoke ID
       npm run keys -- pepper|master-key|signing-key

Works on the local stack that runs or, with DATABASE_URL (the owner's) and API_KEY_PEPPERS set, on that deployment.

create    makes a key and shows it; it cannot be shown again
  --name NAME       what the key is for
  --tier TIER       ${keyTiers.join(", ")} (default: service)
  --user NAME       whose key it is, made on first use; needed for the tier user
  --rate-limit N    requests a minute
  --burst N         requests at once after a pause
  --expires TIME    when it ends, as 2027-01-31T00:00:00Z
  --quiet           print the key and nothing else
list      shows all keys, without their secrets
revoke    ends a key; isolates that know it may take it for another 30 seconds
pepper    prints a new entry for API_KEY_PEPPERS; put it and a comma before the present ones, so that older keys stay valid
master-key   the same for CREDENTIAL_KEYS; drop the old one after npm run rotate-credentials
signing-key  the same for SIGNING_KEYS; drop the old one some minutes after the new one is in use

  --data-dir FOLDER the data folder of the local stack (default: .muster in the project)
  --help            this text`;

/** What is to be done with keys. */
export type KeysCommand =
  | { readonly verb: "help" }
  | { readonly verb: "fresh-secret" }
  | { readonly verb: "create"; readonly dataDir: string; readonly request: KeyRequest; readonly quiet: boolean }
  | { readonly verb: "list"; readonly dataDir: string; readonly json: boolean }
  | { readonly verb: "revoke"; readonly dataDir: string; readonly id: string };

const most = 1_000_000;
const optionsOf = {
  create: ["name", "tier", "user", "rate-limit", "burst", "expires", "quiet", "data-dir"],
  list: ["json", "data-dir"],
  revoke: ["data-dir"],
  pepper: [],
  "master-key": [],
  "signing-key": [],
} as const satisfies Record<string, readonly string[]>;

/** Reads the command line. Throws UsageError for anything it does not understand. */
export function parseKeysCommand(args: readonly string[]): KeysCommand {
  const { values, positionals } = parse(args);
  const [verb = "", ...rest] = positionals;
  if (values.help === true) return { verb: "help" };
  if (!isVerb(verb)) throw new UsageError(`what is to be done? ${Object.keys(optionsOf).join(", ")}`);
  const allowed: readonly string[] = optionsOf[verb];
  const stray = Object.keys(values).find((name) => !allowed.includes(name));
  if (stray !== undefined) throw new UsageError(`${verb} takes no --${stray}`);
  if (rest.length > (verb === "revoke" ? 1 : 0)) throw new UsageError(`${verb} does not take "${rest.at(-1)}"`);
  const dataDir = values["data-dir"] === undefined ? defaultDataDir : asCalled(values["data-dir"]);
  switch (verb) {
    case "create":
      return { verb, dataDir, request: requestOf(values), quiet: values.quiet === true };
    case "list":
      return { verb, dataDir, json: values.json === true };
    case "revoke":
      return { verb, dataDir, id: idOf(rest[0]) };
    case "pepper":
    case "master-key":
    case "signing-key":
      return { verb: "fresh-secret" };
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: "string" },
        tier: { type: "string" },
        user: { type: "string" },
        "rate-limit": { type: "string" },
        burst: { type: "string" },
        expires: { type: "string" },
        quiet: { type: "boolean" },
        json: { type: "boolean" },
        "data-dir": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isVerb(text: string): text is keyof typeof optionsOf {
  return Object.hasOwn(optionsOf, text);
}

function requestOf(values: ReturnType<typeof parse>["values"]): KeyRequest {
  const name = values.name?.trim() ?? "";
  if (name === "") throw new UsageError("create needs --name");
  const wanted = values.tier ?? "service";
  const tier = keyTiers.find((known) => known === wanted);
  if (tier === undefined) throw new UsageError(`there is no tier "${wanted}": it is one of ${keyTiers.join(", ")}`);
  if (tier === "user" && values.user === undefined) throw new UsageError("a key of the tier user needs --user");
  return {
    name,
    tier,
    userName: values.user,
    perMinute: limitOf("rate-limit", values["rate-limit"]),
    burst: limitOf("burst", values.burst),
    expiresAt: expiryOf(values.expires),
  };
}

function limitOf(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(option, text, 1, most);
}

function expiryOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = z.iso.datetime({ offset: true }).safeParse(text);
  if (!time.success) throw new UsageError("--expires needs a time with its zone, as 2027-01-31T00:00:00Z");
  if (new Date(text) <= new Date()) throw new UsageError("--expires lies in the past");
  return text;
}

function idOf(text: string | undefined): string {
  const id = z.guid().safeParse(text);
  if (!id.success) throw new UsageError("revoke needs the id of a key, as list shows it");
  return id.data;
}
