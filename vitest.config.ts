import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Two projects: plain Node for what needs no runtime, workerd for what runs on the edge, before a real PostgreSQL. */
export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      {
        extends: true,
        test: { name: "node", include: ["test/unit/**/*.test.ts", "test/node/**/*.test.ts"] },
      },
      {
        extends: true,
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
        test: {
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          globalSetup: ["test/support/database.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
