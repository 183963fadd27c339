import type { Gate } from "../../src/gate/gate.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      GATE: DurableObjectNamespace<Gate>;
    }
  }
}
