import { describe, expect, it } from "vitest";
import { at, ceph, createEstate, node, ns, of, onNode, pod, service } from "../support/extraction.ts";

const { muster, send, edges, patch, archive } = await createEstate();

describe("an edge goes with what it followed from", () => {
  it("when a pod moves", async () => {
    await send([onNode, node, { ...node, name: "n2" }]);
    await send(pod({ nodeName: "n2" }));
    expect(await edges()).toEqual(["pod runs_on n2"]);
  });

  it("when labels or a selector no longer match, and comes back when they do", async () => {
    const labelled = pod({}, { labels: { app: "web", tier: "front" } });
    await send([service, labelled]);
    await send(pod({}, { labels: { app: "web" } }));
    expect(await edges()).toEqual([]);
    await send(of("service", "web", { spec: { selector: { app: "web" } } }));
    expect(await edges()).toEqual(["web exposes pod"]);
    await send(of("service", "web", { spec: { selector: { app: "api" } } }));
    expect(await edges()).toEqual([]);
  });

  it("when a claim is unbound", async () => {
    const claim = of("persistentvolumeclaim", "pvc", { spec: { volumeName: "pv" } });
    await send([claim, of("persistentvolume", "pv", {}, null)]);
    await send({ ...claim, raw_data: { spec: {} } });
    expect(await edges()).toEqual([]);
  });

  it("but stays, with its id and first sight, while the document says it still", async () => {
    await send([onNode, node]);
    const [before] = await muster.sql("select * from relationships");
    await send({ ...onNode, raw_data: { metadata: {}, spec: { nodeName: "n1" }, status: { phase: "Failed" } } });
    await send(pod({ nodeName: "n1", volumes: [{ configMap: { name: "cm" } }] }));
    expect(await muster.sql("select * from relationships")).toEqual([before]);
  });

  it("when an end is renamed, and the next of that name takes its place", async () => {
    const [, id] = await send([onNode, node], null);
    await patch(id, { name: "n9" });
    expect(await edges()).toEqual([]);
    const [other] = await send({ ...node, name: "n3" }, null);
    await patch(other, { name: "n1" });
    expect(await edges()).toEqual(["pod runs_on n1"]);
  });

  it("when an end takes another type or namespace", async () => {
    const [, configmap] = await send([pod({ volumes: [{ configMap: { name: "cm" } }] }), of("configmap", "cm")]);
    expect(await edges()).toEqual(["pod mounts cm"]);
    await patch(configmap, { ci_type: "note" });
    expect(await edges()).toEqual([]);
    await patch(configmap, { ci_type: "kubernetes.configmap" });
    await patch(configmap, { namespace: "elsewhere" });
    expect(await edges()).toEqual([]);
    await patch(configmap, { namespace: ns });
    expect(await edges()).toEqual(["pod mounts cm"]);
  });

  it("when the item that says it takes another type or namespace", async () => {
    const [id] = await send([pod({ volumes: [{ configMap: { name: "cm" } }] }), of("configmap", "cm")]);
    await patch(id, { namespace: "elsewhere" });
    expect(await edges()).toEqual([]);
    await patch(id, { namespace: ns });
    await patch(id, { ci_type: "note" });
    expect(await edges()).toEqual([]);
  });

  it("when either end is removed for good, and what still names it waits for the next", async () => {
    const [podId, nodeId] = await send([onNode, node]);
    await muster.sql("delete from source_records where ci_id = $1", [nodeId]);
    await muster.sql("delete from configuration_items where ci_id = $1", [nodeId]);
    expect(await muster.sql("select from relationships")).toEqual([]);
    await send(node);
    expect(await edges()).toEqual(["pod runs_on n1"]);
    await muster.sql(
      "with r as (delete from source_records where ci_id = $1) delete from configuration_items where ci_id = $1",
      [podId],
    );
    expect(await muster.sql("select from relationships")).toEqual([]);
    expect(await muster.sql("select from relationship_references")).toEqual([]);
  });

  it("when it was stated by a person and an end is removed for good", async () => {
    const [one, two] = await send([at("switch", null, "a"), at("switch", null, "b")]);
    await muster.sql(
      `insert into relationships (source_ci_id, target_ci_id, first_seen, last_seen, relationship_type)
       values ($1, $2, now(), now(), 'connects_to')`,
      [one, two],
    );
    await muster.sql(
      "with r as (delete from source_records where ci_id = $1) delete from configuration_items where ci_id = $1",
      [two],
    );
    expect(await muster.sql("select from relationships")).toEqual([]);
  });
});

describe("an archived end", () => {
  it("keeps its edges, and has them when it comes back", async () => {
    const ids = await send([onNode, node]);
    const [before] = await muster.sql("select * from relationships");
    for (const id of ids) await archive(id);
    expect(await muster.sql("select * from relationships")).toEqual([before]);
    await send([onNode, node]);
    expect(await muster.sql("select * from relationships")).toEqual([before]);
    expect(await edges()).toEqual(["pod runs_on n1"]);
  });

  it("stands back behind another of its name", async () => {
    const [, first] = await send([onNode, node]);
    const [second] = await send({ ...node, name: "n2" });
    await muster.sql("update configuration_items set name = 'n1' where ci_id = $1", [second]);
    expect(await edges()).toEqual([]);
    await archive(first);
    expect(await muster.sql("select target_ci_id from relationships")).toEqual([{ target_ci_id: second }]);
    await send(node);
    expect(await edges()).toEqual([]);
  });
});

describe("whom a document means", () => {
  it("is known to the same source, or to none like it", async () => {
    await send(onNode, "a");
    await send({ ...node }, "b");
    await send(node, null);
    expect(await edges()).toEqual([]);
    await send(onNode, null);
    await send(node, "a");
    expect(await edges()).toEqual(["pod runs_on n1", "pod runs_on n1"]);
  });

  it("is a host of any source, while only one answers to the name", async () => {
    const osd = ceph("osd", "osd.0", { metadata: { hostname: "h1" } });
    await send(osd, "ceph");
    await send(at("host", null, "h1"), "puppet");
    expect(await edges()).toEqual(["osd.0 runs_on h1"]);
    const [id] = await send(at("host", "dc", "h1.example.org", { networking: { hostname: "h1" } }), "ansible");
    expect(await edges()).toEqual([]);
    await patch(id, { raw_data: { networking: { hostname: "h2" } } });
    expect(await edges()).toEqual(["osd.0 runs_on h1"]);
  });

  it("is never the item itself", async () => {
    await send(of("thing", "me", { metadata: { ownerReferences: [{ kind: "Thing", name: "me" }] } }));
    expect(await edges()).toEqual([]);
  });

  it.each([
    ["text for arrays", { metadata: { ownerReferences: "x", labels: [1] }, spec: { volumes: "x", nodeName: 5 } }],
    ["arrays for objects", { metadata: [], spec: [[{ nodeName: "n1" }]] }],
    [
      "nothing where a name is",
      { metadata: { ownerReferences: [null, 1, {}, { kind: 3, name: "x" }] }, spec: { nodeName: "" } },
    ],
    [
      "a name that nothing can have",
      { metadata: { ownerReferences: [{ kind: "K".repeat(9000), name: "n" }] }, spec: { nodeName: "n".repeat(9000) } },
    ],
    ["labels that are long", { metadata: { labels: { ["k".repeat(9000)]: "v".repeat(9000), app: 1 } } }],
  ])("is nobody for a document with %s", async (_, raw_data) => {
    await send([{ ...onNode, raw_data }, node, service]);
    await send(of("service", "bad", { spec: { selector: { app: 1 } } }));
    await send(of("service", "worse", { spec: { selector: ["app"] } }));
    expect(await edges()).toEqual([]);
  });

  it("is found by selectors longer than an index takes", async () => {
    const labels = { app: "é".repeat(3000) };
    await send(pod({}, { labels }));
    await send(of("service", "long", { spec: { selector: labels } }));
    await send(pod({}, { labels }, "later"));
    expect(await edges()).toEqual(["long exposes later", "long exposes pod"]);
  });

  it("is one of the first thousand of an array", async () => {
    const volumes = Array.from({ length: 1500 }, (_, n) => ({ configMap: { name: `cm-${n}` } }));
    await send(pod({ volumes }));
    expect(await muster.sql("select count(*)::int as n from relationship_references")).toEqual([{ n: 1000 }]);
  });
});
