import type { MiddlewareHandler } from "hono";
import { connect, type Database } from "../../db/client.ts";
import { DomainError } from "../../core/errors.ts";
import type { Actor } from "../../core/access.ts";
import { createKeyMemory, identify, type Identification, type KeyIdentity } from "../../core/identity/service.ts";
import type { Config } from "../../env.ts";
import { type Admission, admit, knownRefusal, rateLimitHeaders } from "../../gate/client.ts";
import { defaultLimits, rateLimit, type RateLimit } from "../../gate/policies.ts";
import { type AppContext, type AppEnv, HttpProblem } from "../http.ts";
import { clientNetwork } from "./address.ts";
import { readCredential, unauthenticated } from "./credential.ts";

const keyMemory = createKeyMemory();
const databaseDeadlineMs = 25_000;

/**
 * Finds out who asks and charges the request to that principal's gate; a request without a good key is charged to its
 * address. Protected routes let only known keys in.
 */
export function admission(isPublic: (path: string) => boolean): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const config = c.get("config");
    function openDatabase(signal: AbortSignal): Database {
      return connect(config.databaseUrl, {
        endpoint: config.databaseEndpoint,
        signal: AbortSignal.any([c.req.raw.signal, signal]),
      });
    }
    const db = openDatabase(AbortSignal.timeout(databaseDeadlineMs));
    const now = new Date();
    const open = isPublic(c.req.path);
    const identification = open ? undefined : await identifyRequest(c, config, db, now);
    const identity = identification?.outcome === "known" ? identification.identity : undefined;
    await charge(c, config, identity, open || (identification?.outcome === "known" && identification.cached));
    if (identification?.outcome === "failed") {
      throw identification.error;
    }
    if (!open && !identity) {
      throw unauthenticated(
        identification ? "This API key is not valid" : "This route needs an API key, sent as X-API-Key",
      );
    }
    // The cut may fall into the middle of a character, and half of one cannot be stored.
    const reason = c.req.header("X-Change-Reason")?.slice(0, 500).toWellFormed();
    c.set("ctx", {
      db,
      openDatabase,
      now,
      actor: identity?.actor ?? anonymous,
      requestId: c.get("requestId"),
      cursorKey: config.cursorKey,
      ports: config.ports,
      ...(reason ? { reason } : {}),
    });
    await next();
  };
}

const anonymous: Actor = { kind: "anonymous", label: "anonymous" };

// A bad credential is charged like any request before it is turned down, so that guessing has a price.
async function identifyRequest(
  c: AppContext,
  config: Config,
  db: Database,
  now: Date,
): Promise<Identification | { outcome: "failed"; error: Error } | undefined> {
  try {
    const credential = readCredential(c.req);
    return credential === undefined
      ? undefined
      : await identify({ db, now }, config.peppers, keyMemory, credential, () => refuseGuesser(c, config));
  } catch (error) {
    return { outcome: "failed", error: error instanceof Error ? error : new Error("identification failed") };
  }
}

// Looking up keys is work for the database; an address that was refused a moment ago waits for that too.
function refuseGuesser(c: AppContext, config: Config): void {
  const limit = limitOf(config, undefined);
  const refusal = knownRefusal(addressOf(c, config), { class: "anonymous", cost: 1, limit });
  if (refusal && config.rateLimit.enforced) {
    answerRefusal(c, refusal);
  }
}

async function charge(
  c: AppContext,
  config: Config,
  identity: KeyIdentity | undefined,
  mayPassUncharged: boolean,
): Promise<void> {
  const answer = await admit(
    c.env.GATE,
    identity ? `k:${identity.keyId}` : addressOf(c, config),
    { class: identity ? "standard" : "anonymous", cost: 1, limit: limitOf(config, identity) },
    { enforce: config.rateLimit.enforced },
  );
  answerRefusal(c, answer);
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (answer.outcome === "unavailable" && !(isRead && mayPassUncharged)) {
    throw new DomainError("unavailable", "The rate limiter cannot be reached; try again shortly", {
      cause: answer.cause,
    });
  }
}

/** Sets the rate-limit headers, and throws 429 on a refusal. */
function answerRefusal(c: AppContext, answer: Admission): void {
  for (const [name, value] of Object.entries(rateLimitHeaders(answer))) {
    c.header(name, value);
  }
  if (answer.outcome === "refused") {
    throw new HttpProblem(429, "Too many requests; wait for as long as Retry-After says");
  }
}

function addressOf(c: AppContext, config: Config): `ip:${string}` {
  const address = config.clientAddressHeader === undefined ? undefined : c.req.header(config.clientAddressHeader);
  return `ip:${clientNetwork(address)}`;
}

function limitOf(config: Config, identity: KeyIdentity | undefined): RateLimit {
  const standard = identity ? defaultLimits.standard : defaultLimits.anonymous;
  const perMinute = identity?.perMinute ?? config.rateLimit.perMinute ?? standard.perMinute;
  return rateLimit(perMinute, identity?.burst);
}
