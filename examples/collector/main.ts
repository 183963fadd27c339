import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { printable } from "../../scripts/import/report.ts";
import { withoutKey } from "../../scripts/import/request.ts";
import { asCalled } from "../../scripts/stack/project.ts";
import { aborted, onStopSignal } from "../../scripts/stack/stop-signal.ts";
import { Collector } from "./collector.ts";
import { ConfigurationError, readConfiguration } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import { KeySet } from "./key-set.ts";
import { createCollectorServer } from "./server.ts";

const [file, ...rest] = process.argv.slice(2);

try {
  if (file === undefined || rest.length > 0)
    throw new ConfigurationError("name the configuration: npm run collector -- collector.json");
  await run(await readConfiguration(asCalled(file), process.env));
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}

/** Runs the collector until a signal to stop. */
async function run(configuration: Configuration): Promise<void> {
  const { host, port, muster } = configuration;
  const stopping = onStopSignal();
  const log = (message: string) => console.log(`${new Date().toISOString()} ${printable(withoutKey(message, muster))}`);
  const collector = new Collector(configuration, log);
  let publicUrl = "";
  const server = createCollectorServer({
    collector,
    keys: new KeySet(muster.url),
    publicUrl: () => publicUrl,
    log,
  });
  await once(server.listen(port, host), "listening").catch((error: Error) => {
    throw new ConfigurationError(`cannot listen: ${error.message}`);
  });
  // A server on TCP has such an address.
  const { port: listening } = server.address() as AddressInfo;
  publicUrl = new URL(configuration.publicUrl ?? `http://${host}:${listening}`).href.replace(/\/+$/, "");
  log(`listening on port ${listening}, for Muster ${publicUrl}`);
  collector.startSchedules();

  await aborted(stopping);
  log("stopping");
  server.close();
  await collector.stop();
  server.closeAllConnections();
}
