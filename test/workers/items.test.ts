import { beforeAll, describe, expect, it } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster, type Row } from "../support/muster.ts";

const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const uuid = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;
const itemShape = {
  ci_id: expect.stringMatching(uuid),
  name: expect.any(String),
  ci_type: expect.any(String),
  status_updated_at: null,
  last_seen: expect.stringMatching(instant),
  created_at: expect.stringMatching(instant),
  updated_at: expect.stringMatching(instant),
  department: null,
  source_id: null,
  version: 1,
  raw_data: {},
};

interface List {
  items: Row[];
  total: number;
}

let muster: Muster;

async function list(query: string): Promise<string[]> {
  const { items, total } = await body<List>(await muster.request(`${itemsPath}${query}`));
  expect(total).toBe(items.length);
  return items.map((item) => String(item["name"])).toSorted();
}

async function create(content: Row, key?: string): Promise<Row> {
  return body(await muster.request(itemsPath, { body: content, ...(key ? { key } : {}) }), 201);
}

describe("the examples of the reference", () => {
  beforeAll(async () => {
    muster = await createMuster();
    const pods = [
      { name: "nginx-1", namespace: "default", ci_type: "kubernetes.pod" },
      { name: "redis", namespace: "default", ci_type: "kubernetes.pod", raw_data: { spec: { nodeName: "n1" } } },
      { name: "my-nginx", namespace: "prod-eu", ci_type: "kubernetes.service" },
      { name: "NGINX-big", namespace: "kube-system", ci_type: "kubernetes.pod" },
      { name: "node-1", ci_type: "kubernetes.node" },
      { name: "sleeper", namespace: "default", ci_type: "kubernetes.pod" },
      { name: "gone-nginx", namespace: "default", ci_type: "kubernetes.pod" },
    ];
    await body(await muster.request(bulkPath, { body: pods }));
    await muster.sql("update configuration_items set status = 'inactive' where name = 'sleeper'");
    await muster.sql("update configuration_items set status = 'archived' where name = 'gone-nginx'");
  });

  const active = ["NGINX-big", "my-nginx", "nginx-1", "node-1", "redis"];
  it.each([
    ["", active],
    ["?status=all", [...active, "sleeper", "gone-nginx"]],
    ["?status=inactive", ["sleeper"]],
    ["?status=archived", ["gone-nginx"]],
    ["?status=active&filter=ci_type:eq:kubernetes.pod&filter=namespace:eq:default", ["nginx-1", "redis"]],
    ["?status=all&filter=name:like:nginx", ["gone-nginx", "my-nginx", "nginx-1"]],
    ["?status=all&filter=namespace:eq:default", ["gone-nginx", "nginx-1", "redis", "sleeper"]],
    ["?filter=namespace:eq:default", ["nginx-1", "redis"]],
    ["?filter=status:ne:archived", [...active, "sleeper"]],
    ["?filter=created_at:gt:2024-01-01", active],
    ["?filter=last_seen:lt:2024-06-01", []],
    ["?filter=name:like:nginx", ["my-nginx", "nginx-1"]],
    ["?filter=name:ilike:NGINX", ["NGINX-big", "my-nginx", "nginx-1"]],
    ["?filter=namespace:startswith:prod-", ["my-nginx"]],
    ["?filter=ci_type:in:kubernetes.pod,kubernetes.service", ["NGINX-big", "my-nginx", "nginx-1", "redis"]],
    ["?filter=namespace:nin:kube-system,default", ["my-nginx", "node-1"]],
    ["?filter=namespace:null", ["node-1"]],
    ["?filter=raw_data:notnull", active],
  ])("list %s answers what it says", async (query, names) => {
    expect(await list(query)).toEqual(names.toSorted());
  });

  it("answer a list in the documented shape", async () => {
    const page = await body(await muster.request(`${itemsPath}?filter=name:eq:nginx-1`));
    expect(page).toEqual({
      items: [{ ...itemShape, name: "nginx-1", namespace: "default", status: "active" }],
      total: 1,
      offset: 0,
      limit: 50,
      next_cursor: null,
    });
  });

  it("show the document only when asked: whole, or the paths that were named", async () => {
    const show = async (query: string) =>
      (await body<List>(await muster.request(`${itemsPath}?filter=name:eq:redis${query}`))).items[0]?.["raw_data"];
    expect(await show("")).toEqual({});
    expect(await show("&include_raw_data=true")).toEqual({ spec: { nodeName: "n1" } });
    expect(await show("&include_attributes=spec.nodeName,spec.absent")).toEqual({ spec: { nodeName: "n1" } });
    expect(await show("&include_attributes=metadata&include_attributes=spec")).toEqual({ spec: { nodeName: "n1" } });
  });

  it("load the data of PostgreSQL tables, metrics included, in the documented shape", async () => {
    const table = {
      name: "users",
      namespace: "mydb.public",
      ci_type: "postgresql.table",
      raw_data: {
        schema_name: "public",
        kind: "r",
        metrics: { total_size_bytes: 8192, estimated_row_count: 100, idx_scan: 50, seq_scan: 10 },
      },
    };
    const { ci_id } = await create(table);
    await create({ ...table, namespace: "otherdb.public" });
    const query =
      "filter=ci_type:eq:postgresql.table&filter=namespace:startswith:mydb.&include_type_data=true&limit=1000";
    const page = await body(await muster.request(`${itemsPath}?${query}`));
    expect(page).toEqual({
      items: [
        {
          id: ci_id,
          type: "postgresql.table",
          attributes: expect.objectContaining({
            name: "users",
            namespace: "mydb.public",
            postgresql_table: expect.objectContaining({
              schema_name: "public",
              kind: "r",
              metrics: expect.objectContaining({
                total_size_bytes: 8192,
                estimated_row_count: 100,
                idx_scan: 50,
                seq_scan: 10,
              }),
            }),
          }),
        },
      ],
      total: 1,
      has_more: false,
      next_cursor: null,
    });
  });

  it("ignore include_type_data without a filter on ci_type, and take one with several types", async () => {
    const plain = await body<List>(await muster.request(`${itemsPath}?include_type_data=true`));
    expect(plain.items[0]).toHaveProperty("ci_id");
    const query = "filter=ci_type:in:kubernetes.pod,kubernetes.service&include_type_data=true&limit=1&sort_by=name";
    const page = await body<List & { has_more: boolean }>(await muster.request(`${itemsPath}?${query}`));
    expect(page).toMatchObject({ total: 4, has_more: true, items: [{ attributes: { kubernetes_pod: {} } }] });
  });
});

describe("one item", () => {
  const content = {
    name: "new-service",
    namespace: "production",
    ci_type: "kubernetes.service",
    raw_data: { spec: { type: "ClusterIP", ports: [80, 443], selector: { app: "x" } }, kept: null },
  };

  beforeAll(async () => {
    muster = await createMuster();
  });

  it("is created once (201 and Location), then rediscovered (200)", async () => {
    const response = await muster.request(itemsPath, { body: content });
    const item = await body(response, 201);
    expect(item).toEqual({ ...itemShape, ...content, status: "active" });
    expect(response.headers.get("Location")).toBe(`${itemsPath}/${String(item["ci_id"])}`);
    expect(await body(await muster.request(response.headers.get("Location") ?? ""))).toEqual(item);
    const again = await body(await muster.request(itemsPath, { body: content }));
    expect(again).toMatchObject({ ci_id: item["ci_id"], version: 1 });
    const changed = await body(await muster.request(itemsPath, { body: { ...content, raw_data: { a: 1 } } }));
    expect(changed).toMatchObject({ ci_id: item["ci_id"], version: 2, raw_data: { a: 1 } });
  });

  it("is one item whether its namespace is absent, null or empty", async () => {
    const { ci_id } = await create({ name: "node", ci_type: "host" });
    for (const namespace of [null, ""]) {
      const again = await muster.request(itemsPath, { body: { name: "node", ci_type: "host", namespace } });
      expect(await body(again)).toMatchObject({ ci_id, namespace: null });
    }
  });

  it("is replaced by PUT: what is left out goes, department and source stay", async () => {
    const made = await body(
      await muster.request(`${itemsPath}?source=cluster-1`, { body: { ...content, name: "put", department: "it" } }),
      201,
    );
    const replacement = { name: "put-2", ci_type: "kubernetes.service" };
    const put = await muster.request(`${itemsPath}/${String(made["ci_id"])}`, { method: "PUT", body: replacement });
    expect(await body(put)).toMatchObject({
      ci_id: made["ci_id"],
      name: "put-2",
      namespace: null,
      department: "it",
      source_id: made["source_id"],
      version: 2,
      raw_data: {},
    });
  });

  it.each(["application/json", "application/merge-patch+json"])(
    "is patched as RFC 7396 says, as %s",
    async (contentType) => {
      const { ci_id } = await create({ ...content, name: contentType });
      const patch = { department: "it", raw_data: { spec: { ports: [8080], selector: { app: null, tier: "web" } } } };
      const response = await muster.request(`${itemsPath}/${String(ci_id)}`, {
        method: "PATCH",
        body: patch,
        headers: { "Content-Type": contentType },
      });
      expect(await body(response)).toMatchObject({
        namespace: "production",
        department: "it",
        version: 2,
        raw_data: { spec: { type: "ClusterIP", ports: [8080], selector: { tier: "web" } }, kept: null },
      });
    },
  );

  it("is archived by DELETE, stays readable, and comes back active when it is reported", async () => {
    const { ci_id } = await create({ ...content, name: "deleted" });
    const deleted = await body(await muster.request(`${itemsPath}/${String(ci_id)}`, { method: "DELETE" }));
    expect(deleted).toEqual({
      message: "Configuration item marked as archived",
      ci_id,
      status: "archived",
      status_updated_at: expect.stringMatching(instant),
    });
    const again = await body(await muster.request(`${itemsPath}/${String(ci_id)}`, { method: "DELETE" }));
    expect(again).toEqual(deleted);
    expect(await list("?filter=name:eq:deleted")).toEqual([]);
    expect(await body(await muster.request(`${itemsPath}/${String(ci_id)}`))).toMatchObject({ status: "archived" });
    const back = await body(await muster.request(itemsPath, { body: { ...content, name: "deleted" } }));
    expect(back).toMatchObject({ ci_id, status: "active" });
  });

  it("cannot take the identity of another: 409, and nothing changed", async () => {
    await create({ name: "first", ci_type: "host" });
    const { ci_id } = await create({ name: "second", ci_type: "host" });
    const path = `${itemsPath}/${String(ci_id)}`;
    const response = await muster.request(path, { method: "PATCH", body: { name: "first" } });
    expect(await body(response, 409)).toMatchObject({ type: "ConflictError", status_code: 409 });
    expect(await body(await muster.request(path))).toMatchObject({ name: "second", version: 1 });
  });
});

describe("errors", () => {
  const absent = `${itemsPath}/00000000-0000-0000-0000-000000000001`;

  it.each([
    [404, "NotFoundError", absent, {}],
    [404, "NotFoundError", absent, { method: "DELETE" }],
    [404, "NotFoundError", absent, { method: "PUT", body: { name: "a", ci_type: "b" } }],
    [404, "NotFoundError", absent, { method: "PATCH", body: {} }],
    [404, "NotFoundError", "/api/v1/ci-changes/00000000-0000-0000-0000-000000000001", {}],
    [404, "NotFoundError", "/api/v1/nothing", {}],
    [400, "BadRequestError", `${itemsPath}/not-a-uuid`, {}],
    [400, "BadRequestError", `${itemsPath}?colour=red`, {}],
    [422, "ValidationError", `${itemsPath}?status=sleeping`, {}],
    [422, "ValidationError", itemsPath, { body: { name: "a" } }],
    [422, "ValidationError", itemsPath, { body: { name: "a", ci_type: "b", colour: "red" } }],
    [422, "ValidationError", itemsPath, { body: { name: "a", ci_type: "b", raw_data: [] } }],
    [422, "ValidationError", absent, { method: "PUT", body: { name: "a", ci_type: "b", department: "c" } }],
    [401, "AuthenticationError", itemsPath, { key: null }],
  ])("%d %s at %s in one shape", async (status, type, path, options) => {
    const error = await body(await muster.request(path, options), status);
    expect(error).toEqual({ detail: expect.any(String), status_code: status, type });
  });
});
