import { variableNames } from "./bindings.ts";
import type { WorkerSettings } from "./wrangler.ts";

/**
 * workerd's configuration, as Cap'n Proto text, to stand beside the modules it embeds. It holds no value of a variable:
 * those come from the process's environment. Ports and the folder of the Durable Objects are given on the command line.
 */
export function workerdConfig(settings: WorkerSettings, module: string, triggerModule: string): string {
  const { compatibilityDate, compatibilityFlags, objects, vars } = settings;
  const own: readonly string[] = variableNames;
  const bindings = [
    ...objects.map(({ binding, className }) => `(name = ${q(binding)}, durableObjectNamespace = ${q(className)})`),
    ...own.map((name) => `(name = ${q(name)}, fromEnvironment = ${q(name)})`),
    ...Object.entries(vars)
      .filter(([name]) => !own.includes(name))
      .map(([name, value]) => `(name = ${q(name)}, text = ${q(value)})`),
  ];
  const namespaces = objects.map(
    ({ className }) => `(className = ${q(className)}, uniqueKey = ${q(`muster-${className}`)}, enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "muster", worker = .muster),
    (name = "trigger", worker = .trigger),
    (name = "objects", disk = (writable = true)),
    # Private addresses too, since the database's endpoint is on 127.0.0.1.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    (name = "muster", http = (), service = "muster"),
    (name = "trigger", http = (), service = "trigger"),
  ],
);

const muster :Workerd.Worker = (
  modules = [(name = ${q(module)}, esModule = embed ${q(module)})],
  compatibilityDate = ${q(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(q).join(", ")}],
  bindings = [
    ${bindings.join(",\n    ")},
  ],
  durableObjectNamespaces = [${namespaces.join(", ")}],
  durableObjectStorage = (localDisk = "objects"),
);

const trigger :Workerd.Worker = (
  modules = [(name = ${q(triggerModule)}, esModule = embed ${q(triggerModule)})],
  compatibilityDate = ${q(compatibilityDate)},
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [
    (name = "MUSTER", service = "muster"),
    (name = "TOKEN", fromEnvironment = "TRIGGER_TOKEN"),
  ],
);
`;
}

// Cap'n Proto's text escapes as C does, and JSON's escapes are those, but for \u; names and flags need neither.
function q(text: string): string {
  return JSON.stringify(text);
}
