import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Two projects: plain Node for what needs no runtime, workerd for what runs on the edge. */
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "node", include: ["test/unit/**/*.test.ts", "test/node/**/*.test.ts"] },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: { name: "workers", include: ["test/workers/**/*.test.ts"] },
      },
    ],
  },
});
