/** A Worker that fires another's cron handler, which in production only the platform does, for whoever has the token. */
export const cronTrigger = `export default {
  async fetch(request, env) {
    if (request.headers.get("Authorization") !== \`Bearer \${env.TOKEN}\`) return new Response(null, { status: 403 });
    const { cron, scheduledTime } = await request.json();
    const result = await env.MUSTER.scheduled({ cron, scheduledTime: new Date(scheduledTime) });
    return new Response(result.outcome, { status: result.outcome === "ok" ? 200 : 500 });
  },
};
`;
