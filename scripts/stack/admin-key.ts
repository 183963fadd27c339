import { createKey, createKeyMemory, identify } from "../../src/core/identity/service.ts";
import { connect } from "../../src/db/client.ts";
import type { LocalDatabase } from "./database.ts";
import { readPeppers } from "../../src/env.ts";
import type { Secrets } from "./secrets.ts";

/** The local stack's own admin key: the one of the last start if the database still takes it, else a new one. */
export async function adminKey(database: LocalDatabase, secrets: Secrets): Promise<string> {
  const db = connect(database.ownerUrl, { endpoint: database.endpoint });
  const peppers = await readPeppers(secrets.apiKeyPeppers);
  const record = secrets.databaseRecord(database.name);
  if (record.admin_key !== undefined) {
    const known = await identify({ db, now: new Date() }, peppers, createKeyMemory(), record.admin_key);
    if (known.outcome === "known") return record.admin_key;
  }
  const { key } = await createKey({ db }, peppers[0], { name: "local stack", tier: "admin" });
  secrets.remember(database.name, { ...record, admin_key: key });
  return key;
}
