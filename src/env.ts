import { z } from "zod";
import { fromBase64Url } from "./lib/bytes.ts";
import { hmacKey } from "./lib/crypto.ts";
import { createSigner, type Signer, signingKey } from "./lib/message-signature.ts";
import { createOutbound, type Outbound } from "./lib/outbound.ts";
import { originPattern } from "./lib/outbound-url.ts";
import { createVault, masterKey, type MasterKey, type Vault } from "./lib/vault.ts";
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
  /** The master keys that stored credentials are sealed under: `id=key`, comma-separated, the current one first; 32 bytes in base64url. */
  readonly CREDENTIAL_KEYS: string;
  /** The Ed25519 seeds that requests to collectors are signed with: `id=seed`, comma-separated, the current one first; 32 bytes in base64url. */
  readonly SIGNING_KEYS: string;
  /** Origins that may be called though they are not https or not public, comma-separated; `*` as the port stands for any. */
  readonly OUTBOUND_ORIGINS?: string;
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
  readonly ports: { readonly outbound: Outbound; readonly vault: Vault; readonly signer: Signer };
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
  CREDENTIAL_KEYS: z.string(),
  SIGNING_KEYS: z.string(),
  OUTBOUND_ORIGINS: z.string().default(""),
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
    ports: {
      outbound: createOutbound(readOrigins(data.OUTBOUND_ORIGINS)),
      vault: await readVault(data.CREDENTIAL_KEYS),
      signer: await readSigner(data.SIGNING_KEYS),
    },
    clientAddressHeader: data.CLIENT_ADDRESS_HEADER || undefined,
    rateLimit: { enforced: perMinute !== 0, perMinute: perMinute === 0 ? undefined : perMinute },
    changeRetentionDays: data.CHANGE_RETENTION_DAYS || defaultRetentionDays,
  };
}

/** The peppers of an API_KEY_PEPPERS value, the current one first. Throws, without showing them, when it is malformed. */
export async function readPeppers(text: string): Promise<[Pepper, ...Pepper[]]> {
  const [current, ...earlier] = readRing("API_KEY_PEPPERS", "pepper", text, (bytes) => bytes.length >= 32);
  return [await pepperOf(current), ...(await Promise.all(earlier.map(pepperOf)))];
}

/** The vault of a CREDENTIAL_KEYS value. Throws, without showing the keys, when it is malformed. */
export async function readVault(text: string): Promise<Vault> {
  const [current, ...earlier] = readRing("CREDENTIAL_KEYS", "master-key", text, isOf32Bytes);
  return createVault(await masterKeyOf(current), await Promise.all(earlier.map(masterKeyOf)));
}

async function readSigner(text: string): Promise<Signer> {
  const [current, ...earlier] = readRing("SIGNING_KEYS", "signing-key", text, isOf32Bytes);
  return createSigner(
    await signingKey(current.bytes),
    await Promise.all(earlier.map(({ bytes }) => signingKey(bytes))),
  );
}

function readOrigins(text: string): string[] {
  const origins = text
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "");
  const wrong = origins.find((origin) => !originPattern.test(origin));
  if (wrong !== undefined) {
    throw new Error(
      `OUTBOUND_ORIGINS holds "${wrong}", which is not an origin like https://collector.lan or http://127.0.0.1:*`,
    );
  }
  return origins;
}

interface NamedSecret {
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function pepperOf({ id, bytes }: NamedSecret): Promise<Pepper> {
  return { id, key: await hmacKey(bytes) };
}

function masterKeyOf({ id, bytes }: NamedSecret): Promise<MasterKey> {
  return masterKey(id, bytes);
}

function isOf32Bytes(bytes: Uint8Array): boolean {
  return bytes.length === 32;
}

/** Secrets by name, the current one first. Throws, without showing them, when one is malformed or two have the same name. */
function readRing(
  variable: string,
  verb: string,
  text: string,
  fits: (bytes: Uint8Array) => boolean,
): [NamedSecret, ...NamedSecret[]] {
  const ring = text.split(",").flatMap((entry) => {
    const [id = "", encoded = ""] = entry.trim().split("=");
    const bytes = fromBase64Url(encoded);
    return id !== "" && bytes && fits(bytes) ? [{ id, bytes }] : [];
  });
  const [current, ...earlier] = ring;
  if (!current || ring.length < text.split(",").length || new Set(ring.map(({ id }) => id)).size < ring.length) {
    throw new Error(
      `${variable} is id=secret, comma-separated, each id once, the secret 32 bytes in base64url; \`npm run keys -- ${verb}\` makes one`,
    );
  }
  return [current, ...earlier];
}
