import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { body, bulkPath, createMuster, itemsPath, type Muster } from "../support/muster.ts";

let muster: Muster;

beforeAll(async () => {
  muster = await createMuster();
});

describe("totals", () => {
  it("from the counts equal count(*) after any writes and folds", async () => {
    const name = fc.constantFrom("a", "b", "c");
    const namespace = fc.option(fc.constantFrom("x", "y"));
    const ci_type = fc.constantFrom("host", "thing");
    const item = fc.record({ name, namespace, ci_type, department: fc.constantFrom("it", null) });
    const anyItem = "(select ci_id from configuration_items order by hashtext(ci_id::text || $1) limit 1)";
    const step = fc.oneof(
      fc.tuple(fc.constant("bulk"), fc.array(item, { maxLength: 4 })),
      fc.tuple(fc.constant("state"), fc.constantFrom("active", "inactive", "archived")),
      fc.tuple(fc.constant("rename"), namespace),
      fc.tuple(fc.constant("delete"), fc.constant(null)),
      fc.tuple(fc.constant("fold"), fc.constant(null)),
    );
    const filters = [
      "",
      "&filter=namespace:ne:x",
      "&filter=status:in:active,archived&filter=ci_type:eq:host",
      "&filter=department:null",
      "&filter=source_id:notnull&filter=namespace:null",
    ];
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const [kind, value] of steps) {
          n += 1;
          if (kind === "bulk") {
            await body(await muster.request(`${bulkPath}${n % 2 ? "?source=s" : ""}`, { body: value }));
          } else if (kind === "fold") {
            await muster.cron("*/15 * * * *", new Date());
          } else if (kind === "delete") {
            await muster.sql(
              `with gone as (delete from configuration_items where ci_id = ${anyItem} returning ci_id)
              delete from source_records r using gone where r.ci_id = gone.ci_id`,
              [n],
            );
          } else {
            const column = kind === "state" ? "status" : "namespace";
            await muster.sql(`update configuration_items set ${column} = $2 where ci_id = ${anyItem}`, [n, value]);
          }
        }
        for (const filter of filters) {
          const query = `${itemsPath}?status=all${filter}`;
          // A filter that the counts do not know makes the total a count of rows.
          const [fast, slow] = await Promise.all(
            [query, `${query}&filter=version:notnull`].map(async (path) =>
              body<{ total: number }>(await muster.request(path)),
            ),
          );
          expect({ filter, total: fast?.total }).toEqual({ filter, total: slow?.total });
        }
      }),
      { numRuns: 25 },
    );
  });
});
