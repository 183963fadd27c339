import { vi } from "vitest";
import { index, patch, report } from "./change-feed.ts";
import { itemsPath, type Muster } from "./muster.ts";

const dayMs = 86_400_000;

/** Makes changes of every kind: several sources, actors, instants, fields, and the last of them not in the search index yet. */
export async function makeChanges(muster: Muster, today: number): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const items = Array.from({ length: 30 }, (_, n) => ({
    name: `${["Web", "db%1", "a_b", "ärger"][n % 4]}-${n}`,
    ci_type: ["host", "kubernetes.pod", "100%"][n % 3],
    ...(n % 4 === 0 ? {} : { namespace: ["default", "Prod", "pro_d"][n % 3] }),
    ...(n % 5 === 0 ? { department: "it" } : {}),
    raw_data: { spec: { replicas: n }, "a.b": 1, status: "x", "": 0 },
  }));
  const ids: string[] = [];
  for (const [round, source] of ["", "?source=one", "?source=two"].entries()) {
    vi.setSystemTime(today - (3 - round) * dayMs + round);
    ids.push(...(await report(muster, items.slice(round * 10, round * 10 + 10), source)));
  }
  vi.setSystemTime(today - 1000);
  for (const [n, id] of ids.entries()) {
    const headers: Record<string, string> = n % 2 === 0 ? { "X-Change-Reason": `why ${n}` } : {};
    await patch(muster, id, { raw_data: { spec: { replicas: n + 1, image: `app:${n}` } } }, headers);
  }
  await index(muster);
  vi.setSystemTime(today + 5);
  for (const [n, id] of ids.entries()) {
    if (n % 3 === 0) {
      await patch(muster, id, {
        raw_data: { "a.b": n, status: `s${n}`, "": n, spec: { image: null } },
        department: "hr",
      });
    } else if (n % 3 === 1) {
      await muster.request(`${itemsPath}/${id}`, { method: "DELETE", key: muster.keys.service });
    }
  }
  await muster.sql(
    `with gone as (delete from configuration_items where status = 'archived' and name like 'Web%' returning ci_id)
     delete from source_records r using gone where r.ci_id = gone.ci_id`,
  );
  vi.useRealTimers();
}
