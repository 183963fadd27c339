import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { pingDatabase } from "../core/operations/service.ts";
import type { AppEnv } from "./http.ts";

const paths = {
  health: "/health",
  ready: "/health/ready",
  document: "/openapi.json",
  publicKeys: "/.well-known/jwks.json",
} as const;

/** Routes that need no key. */
export function isPublicPath(path: string): boolean {
  return !path.startsWith("/api/");
}

const healthRoute = createRoute({
  method: "get",
  path: paths.health,
  tags: ["Health"],
  summary: "Check API health; never asks the database",
  security: [],
  responses: {
    200: {
      description: "The Worker answers",
      content: {
        "application/json": {
          schema: z.object({ status: z.literal("healthy"), timestamp: z.iso.datetime() }).openapi("Health"),
        },
      },
    },
  },
});

const readinessSchema = z
  .object({
    status: z.enum(["ready", "unready"]),
    timestamp: z.iso.datetime(),
    checks: z.object({ database: z.enum(["ok", "unreachable"]) }),
  })
  .openapi("Readiness");

const readyRoute = createRoute({
  method: "get",
  path: paths.ready,
  tags: ["Health"],
  summary: "Check that the database can be reached",
  security: [],
  responses: {
    200: { description: "Requests can be served", content: { "application/json": { schema: readinessSchema } } },
    503: { description: "They cannot", content: { "application/json": { schema: readinessSchema } } },
  },
});

const publicKeysRoute = createRoute({
  method: "get",
  path: paths.publicKeys,
  tags: ["Collectors"],
  summary: "The public keys of the signatures on Muster's requests to collectors",
  security: [],
  responses: {
    200: {
      description: "A JSON Web Key Set, the key in use first",
      content: {
        "application/json": {
          schema: z
            .object({
              keys: z.array(
                z.object({
                  kty: z.literal("OKP"),
                  crv: z.literal("Ed25519"),
                  x: z.string(),
                  kid: z.string().openapi({ description: "The key's thumbprint (RFC 7638)" }),
                  use: z.literal("sig"),
                  alg: z.literal("EdDSA"),
                }),
              ),
            })
            .openapi("PublicKeys"),
        },
      },
    },
  },
});

/** Routes about Muster itself. `loadDocument` gives the OpenAPI document, made at build time. */
export function registerMeta(app: OpenAPIHono<AppEnv>, loadDocument: () => Promise<unknown>): void {
  app.openapi(healthRoute, (c) => c.json({ status: "healthy" as const, timestamp: new Date().toISOString() }, 200));

  app.openapi(readyRoute, async (c) => {
    const database = (await pingDatabase(c.get("ctx"))) ? ("ok" as const) : ("unreachable" as const);
    const timestamp = new Date().toISOString();
    return database === "ok"
      ? c.json({ status: "ready" as const, timestamp, checks: { database } }, 200)
      : c.json({ status: "unready" as const, timestamp, checks: { database } }, 503);
  });

  app.openapi(publicKeysRoute, (c) => {
    // A collector asks when it meets a key that it does not know; an older answer would not help it.
    c.header("Cache-Control", "no-cache");
    return c.json(c.get("ctx").ports.signer.publicKeys(), 200);
  });

  app.get(paths.document, async (c) => c.json(await loadDocument()));
}
