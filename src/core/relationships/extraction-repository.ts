import { sql, type SQL } from "drizzle-orm";

/** Reads a batch of documents by the present declarations; `{items, finished}`. */
export function relateItems(context: string, batch: number): SQL {
  return sql`select (d.done ->> 'items')::integer as items, (d.done ->> 'finished')::boolean as finished
    from (select muster.relate_items(${context}::jsonb, ${batch}) as done offset 0) d`;
}
