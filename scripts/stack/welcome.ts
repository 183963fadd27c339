import { sql } from "drizzle-orm";
import { connect } from "../../src/db/client.ts";
import type { LocalDatabase } from "./database.ts";
import type { RunningStack } from "./stack.ts";
import type { WorkerServer } from "./worker-server.ts";

/** What to show once Muster runs: its URL, the admin key, and three commands to try. */
export async function welcome({ worker, adminKey, database }: RunningStack<WorkerServer>): Promise<string> {
  const { url } = worker;
  const header = `-H 'X-API-Key: ${adminKey}'`;
  const changed = await mostChangedItem(database);
  const history = changed
    ? `# the history of ${changed.name}\ncurl -s ${header} '${url}/api/v1/ci-changes/${changed.ci_id}'`
    : `# the history of an item, by its id\ncurl -s ${header} '${url}/api/v1/ci-changes/ID'`;
  return `Muster runs at ${url}
Admin key: ${adminKey}

Try, in another terminal:

# what is in the inventory
curl -s ${header} '${url}/api/v1/configuration-items?limit=5'

${history}

# take in a cluster of your own; running it again sends nothing twice
kubectl get all,nodes,configmaps -A -o json | npm run import -- kubernetes -
`;
}

async function mostChangedItem(database: LocalDatabase): Promise<{ ci_id: string; name: string } | undefined> {
  const [row] = await connect(database.apiUrl, { endpoint: database.endpoint }).execute<{
    ci_id: string;
    name: string;
  }>(
    sql`select c.ci_id::text as ci_id, c.name from changes h join configuration_items c on c.ci_id = h.ci_id
      where h.change_type = 'UPDATED' and c.status = 'active'
      group by c.ci_id, c.name order by count(*) desc, c.name limit 1`,
  );
  return row;
}
