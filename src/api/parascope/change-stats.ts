import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  type ChangeCounts,
  type ChangeStatistics,
  readChangeStatistics,
  requestRefresh,
} from "../../core/changes/stats-service.ts";
import type { AppEnv } from "../http.ts";
import * as wire from "./dialect.ts";

/** Time a refresh may take of a request; the schedule goes on with what is left. */
const refreshBudgetMs = 5000;

const counts = {
  created: z.number().int(),
  updated: z.number().int(),
  archived: z.number().int(),
  purged: z.number().int().openapi({ description: "Items removed for good" }),
};

const statisticsSchema = z
  .object({
    total_changes: z.number().int().openapi({ example: 1250 }),
    affected_cis: z.number().int().openapi({ description: "Configuration items that changed", example: 89 }),
    changes_by_type: z.object(counts).openapi({ example: { created: 150, updated: 1050, archived: 50, purged: 0 } }),
    top_changed_ci_types: z
      .array(z.object({ ci_type: z.string(), count: z.number().int() }))
      .openapi({ description: "The ten that changed most", example: [{ ci_type: "kubernetes.pod", count: 800 }] }),
    time_range: z.object({ start: z.iso.datetime(), end: z.iso.datetime() }),
    series: z
      .array(z.object({ start: z.iso.datetime(), ...counts, total: z.number().int() }))
      .openapi({ description: "Each interval from that of the first change to that of the last, in UTC" }),
    series_truncated: z.boolean().openapi({ description: "The series shows the newest 1,000 intervals only" }),
  })
  .openapi("ChangeStatistics");

const refreshSchema = z
  .object({
    message: z.string(),
    refreshed: z.object({
      taken: z.number().int().openapi({ description: "Changes taken into the rollups" }),
      finished: z.boolean().openapi({ description: "False when the schedule goes on with what is left" }),
    }),
    refreshed_at: z.iso.datetime(),
  })
  .openapi("ChangeStatisticsRefresh");

const statisticsRoute = createRoute({
  method: "get",
  path: "/changes/stats",
  tags: ["Change History"],
  summary: "Get change statistics",
  description: "Counts of the changes in [start_date, end_date), exact at the moment of the request.",
  request: {
    query: wire.query({
      start_date: wire.instantParameter(
        "Start of the window, UTC without a zone; seven days before its end by default",
      ),
      end_date: wire.instantParameter("End of the window, itself outside; now by default"),
      group_by: z.enum(["hour", "day", "week"]).prefault("hour").openapi({
        type: "string",
        default: "hour",
        description: "Length of the intervals of the series, in UTC; weeks begin on Monday",
      }),
    }),
  },
  responses: {
    200: { description: "The statistics", content: wire.jsonContent(statisticsSchema) },
    ...wire.errorResponses(400, 422),
  },
});

const refreshRoute = createRoute({
  method: "post",
  path: "/changes/refresh-stats",
  tags: ["Change History"],
  summary: "Refresh the change statistics",
  description: "Statistics are exact without it: this only makes them cheaper to read, as the schedule does by itself.",
  responses: {
    200: { description: "What was taken in", content: wire.jsonContent(refreshSchema) },
    ...wire.errorResponses(),
  },
});

/** The routes of the change statistics. */
export function registerChangeStatistics(app: OpenAPIHono<AppEnv>): void {
  app.openapi(statisticsRoute, async (c) => {
    const { start_date: start, end_date: end, group_by: interval } = c.req.valid("query");
    return c.json(toWire(await readChangeStatistics(c.get("ctx"), { start, end, interval })), 200);
  });
  app.openapi(refreshRoute, async (c) => {
    const ctx = c.get("ctx");
    const deadline = Date.now() + refreshBudgetMs;
    const { taken, finished } = await requestRefresh(
      ctx,
      () => new Date(),
      () => Date.now() > deadline,
    );
    const message = finished ? "Statistics refreshed" : "Refresh under way; the schedule takes in what is left";
    return c.json({ message, refreshed: { taken, finished }, refreshed_at: ctx.now.toISOString() }, 200);
  });
}

function toWire(statistics: ChangeStatistics) {
  return {
    total_changes: statistics.totals.total,
    affected_cis: statistics.affected,
    changes_by_type: byType(statistics.totals),
    top_changed_ci_types: statistics.topTypes.map(({ ciType, count }) => ({ ci_type: ciType, count })),
    time_range: { start: statistics.start, end: statistics.end },
    series: statistics.series.map((interval) => ({
      start: interval.start,
      ...byType(interval),
      total: interval.total,
    })),
    series_truncated: statistics.truncated,
  };
}

function byType({ created, updated, archived, purged }: ChangeCounts) {
  return { created, updated, archived, purged };
}
