import type { Bindings } from "../../src/env.ts";
import type { LocalDatabase } from "./database.ts";
import type { Secrets } from "./secrets.ts";

/** The Worker's variables, which the local stack sets in place of secrets and dashboard. */
export type Variables = Readonly<Required<Omit<Bindings, "GATE">>>;

/** The names of the variables, for what is made before their values are known. */
export const variableNames = [
  "DATABASE_URL",
  "DATABASE_URL_JOBS",
  "DATABASE_HTTP_URL",
  "API_KEY_PEPPERS",
  "CURSOR_SECRET",
  "CREDENTIAL_KEYS",
  "SIGNING_KEYS",
  "OUTBOUND_ORIGINS",
  "CLIENT_ADDRESS_HEADER",
  "RATE_LIMIT_PER_MINUTE",
  "CHANGE_RETENTION_DAYS",
] as const satisfies readonly (keyof Variables)[];

/** The variables of a Worker before this database. */
export function variablesOf(database: LocalDatabase, secrets: Secrets, rateLimit: number | undefined): Variables {
  return {
    DATABASE_URL: database.apiUrl,
    DATABASE_URL_JOBS: database.jobsUrl,
    DATABASE_HTTP_URL: database.endpoint,
    API_KEY_PEPPERS: secrets.apiKeyPeppers,
    CURSOR_SECRET: secrets.cursorSecret,
    CREDENTIAL_KEYS: secrets.credentialKeys,
    SIGNING_KEYS: secrets.signingKeys,
    // Collectors run beside the stack here.
    OUTBOUND_ORIGINS: "http://127.0.0.1:*,http://localhost:*",
    // Nothing stands before the Worker here that could name the client's address truthfully.
    CLIENT_ADDRESS_HEADER: "",
    RATE_LIMIT_PER_MINUTE: rateLimit?.toString() ?? "",
    CHANGE_RETENTION_DAYS: "",
  };
}
