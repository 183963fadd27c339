import { stamp } from "./calendar.ts";
import { apiObject } from "./kubernetes-objects.ts";
import type { JsonValue, JsonObject } from "../../src/lib/json.ts";
import type { SampleItem } from "./model.ts";

/** A virtual machine that has joined the cluster. */
export interface NodeParts {
  readonly name: string;
  readonly vmid: number;
  /** Numbers the node's address and its pod network. */
  readonly index: number;
  readonly cores: number;
  readonly memoryGib: number;
  readonly created: Date;
}

/** The version that every kubelet runs before the upgrade. */
const kubeletVersion = "v1.33.4";

/** A node that is ready, with the conditions a kubelet reports. */
export function clusterNode(parts: NodeParts): SampleItem {
  const { name, created } = parts;
  const control = name.includes("control");
  const role = control ? "node-role.kubernetes.io/control-plane" : "node-role.kubernetes.io/worker";
  const taints: JsonValue[] = [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }];
  return apiObject({
    kind: "Node",
    namespace: null,
    name,
    created,
    labels: {
      "kubernetes.io/arch": "amd64",
      "kubernetes.io/hostname": name,
      "kubernetes.io/os": "linux",
      "topology.kubernetes.io/zone": "harbour",
      [role]: "",
    },
    annotations: { "node.alpha.kubernetes.io/ttl": "0" },
    body: {
      spec: {
        podCIDR: `10.42.${parts.index}.0/24`,
        providerID: `proxmox://harbour/${parts.vmid}`,
        ...(control ? { taints } : {}),
      },
      status: {
        addresses: [
          { type: "InternalIP", address: `10.20.4.${parts.index + 10}` },
          { type: "Hostname", address: name },
        ],
        capacity: resources(parts.cores, parts.memoryGib),
        allocatable: resources(parts.cores, parts.memoryGib - 1),
        conditions: [
          condition("MemoryPressure", "False", "KubeletHasSufficientMemory", created),
          condition("DiskPressure", "False", "KubeletHasNoDiskPressure", created),
          condition("PIDPressure", "False", "KubeletHasSufficientPID", created),
          condition("Ready", "True", "KubeletReady", created),
        ],
        nodeInfo: {
          architecture: "amd64",
          operatingSystem: "linux",
          osImage: "Debian GNU/Linux 13 (trixie)",
          kernelVersion: "6.12.41+deb13-amd64",
          containerRuntimeVersion: "containerd://2.1.4",
          kubeletVersion,
        },
      },
    },
  });
}

/** Cores and memory as a kubelet counts them. */
function resources(cores: number, memoryGib: number): JsonObject {
  return { cpu: String(cores), memory: `${memoryGib * 1024 * 1024}Ki`, pods: "110", "ephemeral-storage": "61255492Ki" };
}

function condition(type: string, status: string, reason: string, since: Date): JsonObject {
  return { type, status, reason, lastHeartbeatTime: stamp(since), lastTransitionTime: stamp(since) };
}
