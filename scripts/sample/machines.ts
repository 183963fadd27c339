import type { JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";
import { between, hex } from "./random.ts";
import type { World } from "./world.ts";
import { sources } from "./world.ts";

const mib = 1024 ** 2;

const hosts: readonly (readonly [string, string, string, string, number])[] = [
  ["nas-1", "10.20.0.41", "Supermicro SSG-540P", "Platform", 65_536],
  ["backup-1", "10.20.0.42", "Dell PowerEdge R350", "Platform", 32_768],
  ["vpn-1", "10.20.0.43", "Protectli VP2420", "Platform", 8_192],
  ["till-1", "10.30.1.21", "Elo PayPoint i5", "Stores", 8_192],
  ["till-2", "10.30.1.22", "Elo PayPoint i5", "Stores", 8_192],
  ["till-3", "10.30.1.23", "Elo PayPoint i5", "Stores", 8_192],
  ["warehouse-scanner-hub", "10.30.2.11", "Advantech UNO-2271G", "Stores", 4_096],
];

const switches: readonly (readonly [string, string, string, number])[] = [
  ["sw-core-1", "10.20.0.2", "Aruba CX 8325-48Y8C", 56],
  ["sw-core-2", "10.20.0.3", "Aruba CX 8325-48Y8C", 56],
  ["sw-store-1", "10.30.1.2", "Aruba CX 6100 24G", 28],
];

/** Fills in the machines that nothing virtualises, and the network between them, which has no built-in type. */
export function buildMachines(world: World): void {
  for (const [name, ip, product, department, memoryMib] of hosts) {
    const raw_data = facts(name, ip, product, memoryMib * mib);
    world.put(sources.hosts, { name: fqdn(name), namespace: null, ci_type: "host", department, raw_data });
  }
  for (const [name, ip, model, ports] of switches) {
    const interfaces = Array.from({ length: 4 }, (_, index) => ({
      name: `1/1/${index + 1}`,
      state: "up",
      vlan: 20 + index,
    }));
    const raw_data: JsonObject = {
      hostname: name,
      management_ip: ip,
      vendor: "HPE",
      model,
      ports,
      firmware: "10.13.1080",
      interfaces,
    };
    world.put(sources.network, { name, namespace: null, ci_type: "network.switch", department: "Platform", raw_data });
  }
}

/** The name under which a host reports itself. */
function fqdn(name: string): string {
  return `${name}.harbourandpine.example`;
}

/** The live host of that short name. */
export function hostNamed(world: World, name: string): SampleItem {
  return world.find(sources.hosts, "host", null, fqdn(name));
}

function facts(name: string, ip: string, product: string, memory: number): JsonObject {
  const [manufacturer = "", ...model] = product.split(" ");
  const mac = `02:42:${hex(`mac/${name}`, 8).match(/../g)?.join(":") ?? ""}`;
  return {
    networking: { hostname: name, fqdn: fqdn(name), ip, mac },
    os: {
      name: "Debian",
      family: "Debian",
      architecture: "amd64",
      release: { full: "12.11", major: "12", minor: "11" },
    },
    kernel: "Linux",
    kernelrelease: "6.1.0-37-amd64",
    is_virtual: false,
    virtual: "physical",
    timezone: "UTC",
    dmi: {
      manufacturer,
      product: { name: model.join(" "), serial_number: hex(`serial/${name}`, 8).toUpperCase() },
      bios: { vendor: "American Megatrends", version: "3.4" },
    },
    processors: {
      count: between(`cpu/${name}`, 1, 4) * 4,
      models: ["Intel(R) Xeon(R) E-2336 CPU @ 2.90GHz"],
      speed: "2.90 GHz",
    },
    memory: { system: { total_bytes: memory, used_bytes: Math.round(memory * 0.4) } },
    system_uptime: { seconds: between(`up/${name}`, 1e6, 8e6) },
    load_averages: { "1m": 0.42, "5m": 0.38, "15m": 0.31 },
  };
}
