import { sql, type SQL } from "drizzle-orm";

/** What the vault binds a source's credentials to. */
export function credentialsContext(sourceId: number): string {
  return `sources:${sourceId}:credentials`;
}

export interface SealedCredentials extends Record<string, unknown> {
  readonly id: number;
  /** JSON text as the vault gave it, but for its layout. */
  readonly credentials: string;
}

/** The next sources after an id that have credentials. */
export function selectSealedCredentials(afterId: number, limit: number): SQL {
  return sql`select s.id, s.credentials::text as credentials from sources s
    where s.credentials is not null and s.id > ${afterId}::integer order by s.id limit ${limit}::integer`;
}

/**
 * Puts the same credentials, sealed anew, in the place of those that were read; a source whose credentials changed meanwhile keeps what
 * it has. Answers the ids of the others.
 */
export function replaceSealedCredentials(
  replacements: readonly { readonly id: number; readonly before: string; readonly after: string }[],
): SQL {
  return sql`with replacement as (
      select * from unnest(${sql.param(replacements.map(({ id }) => id))}::integer[],
        ${sql.param(replacements.map(({ before }) => before))}::text[],
        ${sql.param(replacements.map(({ after }) => after))}::text[]) as r (id, before, after)),
    unchanged as (
      select s.id, r.after from sources s join replacement r on r.id = s.id
      where s.credentials = r.before::jsonb order by s.id for update of s)
    update sources s set credentials = u.after::jsonb from unchanged u where s.id = u.id returning s.id`;
}
