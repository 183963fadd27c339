import { createApp } from "./app.ts";
import { runCron } from "./cron.ts";
import type { Bindings } from "./env.ts";

export { Gate } from "./gate/gate.ts";

const app = createApp({ loadDocument: async () => (await import("../docs/openapi.json")).default });

export default {
  fetch: app.fetch,
  async scheduled(controller, env) {
    await runCron(controller.cron, new Date(controller.scheduledTime), env);
  },
} satisfies ExportedHandler<Bindings>;
