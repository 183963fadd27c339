import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const databaseSchema = z.object({
  admin_key: z.string().optional(),
  /** The `now` that the sample estate was made for, and the time up to which it has been loaded. */
  sample: z.object({ now: z.iso.datetime(), loaded_until: z.iso.datetime() }).optional(),
});

const secretsSchema = z.object({
  api_key_peppers: z.string(),
  cursor_secret: z.string(),
  credential_keys: z.string().default(() => freshSecret("local")),
  signing_keys: z.string().default(() => freshSecret("local")),
  /** By engine, since each has its own data; a running database by its host and name. */
  databases: z.record(z.string(), databaseSchema),
});

type DatabaseRecord = z.infer<typeof databaseSchema>;
type SecretsFile = z.infer<typeof secretsSchema>;

/** What a data folder remembers between starts and nobody else may read. */
export interface Secrets {
  readonly apiKeyPeppers: string;
  readonly cursorSecret: string;
  readonly credentialKeys: string;
  readonly signingKeys: string;
  databaseRecord(name: string): DatabaseRecord;
  /** Writes it at once: what comes after may be killed. */
  remember(name: string, record: DatabaseRecord): void;
}

/** Opens the secrets of a data folder, made on first use. Throws when the file is there but cannot be read. */
export function openSecrets(dataDir: string): Secrets {
  const file = join(dataDir, "secrets.json");
  let content = existsSync(file) ? read(file) : fresh();
  save(file, content);
  return {
    apiKeyPeppers: content.api_key_peppers,
    cursorSecret: content.cursor_secret,
    credentialKeys: content.credential_keys,
    signingKeys: content.signing_keys,
    databaseRecord: (name) => content.databases[name] ?? {},
    remember(name, record) {
      content = { ...content, databases: { ...content.databases, [name]: record } };
      save(file, content);
    },
  };
}

/** An entry for API_KEY_PEPPERS, CREDENTIAL_KEYS or SIGNING_KEYS that nobody else has: a pepper, a key and a seed are 32 random bytes each. */
export function freshSecret(id: string): string {
  return `${id}=${randomBytes(32).toString("base64url")}`;
}

function fresh(): SecretsFile {
  return {
    api_key_peppers: freshSecret("local"),
    cursor_secret: randomBytes(32).toString("base64url"),
    credential_keys: freshSecret("local"),
    signing_keys: freshSecret("local"),
    databases: {},
  };
}

function read(file: string): SecretsFile {
  try {
    return secretsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new Error(`${file} cannot be read; put it right, or delete it and lose the keys that were made with it`, {
      cause,
    });
  }
}

// Renamed into place, so that a kill half-way never costs the secrets.
function save(file: string, content: SecretsFile): void {
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}
