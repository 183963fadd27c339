import { readFile } from "node:fs/promises";
import { isObject } from "./json-text.ts";
import { UsageError } from "./options.ts";

/** Where to send, without a slash at the end, and the key to send with. */
export interface Target {
  readonly url: string;
  readonly key: string;
}

interface Wanted {
  readonly url: string | undefined;
  readonly key: string | undefined;
}

/**
 * Settles where to send and with which key: options, then MUSTER_URL and MUSTER_API_KEY, then the running local instance recorded in `localFile`.
 * The local instance's key goes to the local instance only. Throws UsageError when either is missing or malformed; no message holds the key.
 */
export async function findTarget(wanted: Wanted, env: NodeJS.ProcessEnv, localFile: string): Promise<Target> {
  const wantedUrl = wanted.url ?? nonEmpty(env.MUSTER_URL);
  const wantedKey = wanted.key ?? nonEmpty(env.MUSTER_API_KEY);
  const local = wantedUrl === undefined || wantedKey === undefined ? await readLocal(localFile) : null;
  const given = wantedUrl ?? local?.url;
  if (given === undefined)
    throw new UsageError("where does Muster run? Give --url or MUSTER_URL, or start a local instance with `npm start`");
  const url = parseUrl(given);
  const isLocal = local !== null && URL.canParse(local.url) && new URL(local.url).origin === url.origin;
  const key = wantedKey ?? (isLocal ? local.key : undefined);
  if (key === undefined) throw new UsageError(`no API key for ${url.origin}: give --key or MUSTER_API_KEY`);
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new UsageError("the API key is empty or holds blanks or characters that no key has");
  return { url: url.href.replace(/\/+$/, ""), key };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.password !== "")
    throw new UsageError(
      "the URL of Muster must read like https://muster.example.com, without a name or password in it",
    );
  url.search = "";
  url.hash = "";
  return url;
}

/** The file is there while a local instance runs, so its absence is nothing to speak of. */
async function readLocal(path: string): Promise<{ url: string; key: string | undefined } | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const record: unknown = JSON.parse(text);
    if (isObject(record) && typeof record.url === "string")
      return { url: record.url, key: typeof record.admin_key === "string" ? record.admin_key : undefined };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UsageError(`${path} does not record a local instance; delete it or start the instance again`);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
