import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Signer } from "../../src/lib/message-signature.ts";

export const fakeSyncId = "0198f0c2-7c1a-7b3e-9a51-2f4d8e6b0a11";

/** A request that a collector made, other than for the keys. */
interface Received {
  readonly call: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export type Answer = readonly [status: number, body: object, headers?: Record<string, string>];

/** The far side of a collector: what the protocol says of Muster, for cases that a real one does not bring about when asked to. */
export interface FakeMuster {
  readonly url: string;
  /** Emptied by tests that look at one collection after the other. */
  received: Received[];
  /** What it does with the next calls, by the end of their path; otherwise all is well. */
  script: Record<string, (Answer | Promise<Answer>)[]>;
  close(): Promise<void>;
}

/** Starts it, publishing the signer's keys. */
export async function startFakeMuster(signer: Signer): Promise<FakeMuster> {
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const call = `${request.method} ${request.url}`;
      if (!call.includes("jwks")) fake.received.push({ call, headers: request.headers, body });
      const planned = Object.entries(fake.script)
        .find(([end]) => call.endsWith(end))?.[1]
        .shift();
      const [status, answer, headers] = (await planned) ?? wellBehaved(call, body, signer);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(answer));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const fake: FakeMuster = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    script: {},
    async close() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
  return fake;
}

function wellBehaved(call: string, body: string, signer: Signer): Answer {
  if (call.includes("jwks")) return [200, signer.publicKeys()];
  if (call.endsWith("/syncs")) return [201, { id: fakeSyncId }];
  if (call.includes("/bulk?")) {
    const results = body.trim().split("\n");
    return [200, { results: results.map((_, index) => ({ index, outcome: "created", error: null })), counts: {} }];
  }
  return call.endsWith("/commit") ? [200, { counts: { deactivated: 0 } }] : [200, {}];
}
