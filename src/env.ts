import { z } from "zod";
import { fromBase64Url } from "./lib/bytes.ts";
import { hmacKey } from "./lib/crypto.ts";
import type { GateNamespace } from "./gate/client.ts";

/** What wrangler.toml, secrets and the local stack hand in. */
export interface Bindings {
  readonly GATE: GateNamespace;
  readonly DATABASE_URL: string;
  readonly DATABASE_URL_JOBS: string;
  /** Where SQL over HTTP is spoken when it does not follow from the host of DATABASE_URL. */
  readonly DATABASE_HTTP_URL?: string;
  /** `id=secret`, comma-separated, the current one first; secrets are at least 32 bytes in base64url. */
  readonly API_KEY_PEPPERS: string;
  /** At least 32 bytes in base64url. */
  readonly CURSOR_SECRET: string;
  /** The header in which the platform names the client's address; empty where it does not. */
  readonly CLIENT_ADDRESS_HEADER?: string;
  /** Requests a minute for keys that say nothing of their own, and for addresses; 0 lifts all refusals. */
  readonly RATE_LIMIT_PER_MINUTE?: string;
  /** Days that the change log goes back at least, 400 by default and 31 at least; whole months are dropped. */
  readonly CHANGE_RETENTION_DAYS?: string;
}

export interface Pepper {
  readonly id: string;
  readonly key: CryptoKey;
}

export interface Config {
  readonly databaseUrl: string;
  readonly jobsDatabaseUrl: string;
  readonly databaseEndpoint: string | undefined;
  readonly peppers: readonly Pepper[];
  readonly cursorKey: CryptoKey;
  readonly clientAddressHeader: string | undefined;
  readonly rateLimit: { readonly enforced: boolean; readonly perMinute: number | undefined };
  readonly changeRetentionDays: number;
}

const secret = z
  .string()
  .transform((text) => fromBase64Url(text) ?? new Uint8Array())
  .refine((bytes) => bytes.length >= 32, "needs at least 32 bytes in base64url");

const variables = z.object({
  DATABASE_URL: z.string().min(1),
  DATABASE_URL_JOBS: z.string().min(1),
  DATABASE_HTTP_URL: z.url().optional(),
  API_KEY_PEPPERS: z.string(),
  CURSOR_SECRET: secret,
  CLIENT_ADDRESS_HEADER: z.string().optional(),
  RATE_LIMIT_PER_MINUTE: z.union([z.literal(""), z.coerce.number().int().min(0)]).optional(),
  CHANGE_RETENTION_DAYS: z.union([z.literal(""), z.coerce.number().int().min(31).max(36_500)]).optional(),
});

const defaultRetentionDays = 400;

const parsed = new WeakMap<object, Promise<Config>>();

/** The configuration, parsed once for each set of bindings. Throws when a variable is missing or malformed, naming it. */
export function configOf(bindings: Bindings): Promise<Config> {
  const known = parsed.get(bindings);
  if (known) {
    return known;
  }
  const config = parseConfig(bindings);
  parsed.set(bindings, config);
  return config;
}

async function parseConfig(bindings: Bindings): Promise<Config> {
  const result = variables.safeParse(bindings);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The Worker is misconfigured: ${problems.join("; ")}`);
  }
  const { data } = result;
  const perMinute = data.RATE_LIMIT_PER_MINUTE === "" ? undefined : data.RATE_LIMIT_PER_MINUTE;
  return {
    databaseUrl: data.DATABASE_URL,
    jobsDatabaseUrl: data.DATABASE_URL_JOBS,
    databaseEndpoint: data.DATABASE_HTTP_URL,
    peppers: await readPeppers(data.API_KEY_PEPPERS),
    cursorKey: await hmacKey(data.CURSOR_SECRET),
    clientAddressHeader: data.CLIENT_ADDRESS_HEADER || undefined,
    rateLimit: { enforced: perMinute !== 0, perMinute: perMinute === 0 ? undefined : perMinute },
    changeRetentionDays: data.CHANGE_RETENTION_DAYS || defaultRetentionDays,
  };
}

/** The peppers of an API_KEY_PEPPERS value, the current one first. Throws, without showing them, when it is malformed. */
export async function readPeppers(text: string): Promise<[Pepper, ...Pepper[]]> {
  const [current, ...earlier] = await Promise.all(text.split(",").map(readPepper));
  return current ? [current, ...earlier] : malformedPepper();
}

async function readPepper(text: string): Promise<Pepper> {
  const [id = "", encoded = ""] = text.split("=");
  const result = secret.safeParse(encoded);
  return id === "" || !result.success ? malformedPepper() : { id, key: await hmacKey(result.data) };
}

function malformedPepper(): never {
  throw new Error("API_KEY_PEPPERS is id=secret, the secret 32 bytes in base64url; `npm run keys -- pepper` makes one");
}
