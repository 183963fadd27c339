import {
  credentialsContext,
  replaceSealedCredentials,
  type SealedCredentials,
  selectSealedCredentials,
} from "../../../src/core/sources/credentials-repository.ts";
import type { Database } from "../../../src/db/client.ts";
import { type Vault, VaultError } from "../../../src/lib/vault.ts";

/** What became of the credentials of all sources. */
export interface Rotation {
  /** Sealed under the current master key now; with `dryRun` those that would be. */
  readonly resealed: number;
  /** Under the current master key before. */
  readonly current: number;
  /** Written by somebody else while they were re-sealed, and left as they are. */
  readonly changed: number;
  /** That do not open, by the id of their source. */
  readonly refused: readonly { readonly id: number; readonly problem: string }[];
}

/**
 * Seals the credentials of all sources under the vault's current master key, batch by batch. Broken off or run twice it does no harm:
 * what is under that key already stays as it is.
 */
export async function rotateCredentials(
  database: Database,
  vault: Vault,
  { dryRun, batchSize = 200 }: { readonly dryRun: boolean; readonly batchSize?: number },
): Promise<Rotation> {
  const refused: { id: number; problem: string }[] = [];
  let [resealed, current, changed, lastId] = [0, 0, 0, 0];
  for (;;) {
    const rows = await database.execute<SealedCredentials>(selectSealedCredentials(lastId, batchSize));
    const last = rows.at(-1);
    if (last === undefined) return { resealed, current, changed, refused };
    lastId = last.id;
    const results = await Promise.all(rows.map((row) => reseal(vault, row)));
    const due = results.flatMap((result) => (result.outcome === "resealed" ? [result] : []));
    refused.push(...results.flatMap((result) => (result.outcome === "refused" ? [result] : [])));
    current += results.filter(({ outcome }) => outcome === "current").length;
    const replaced = dryRun || due.length === 0 ? due : await database.execute(replaceSealedCredentials(due));
    resealed += replaced.length;
    changed += due.length - replaced.length;
  }
}

async function reseal(vault: Vault, { id, credentials }: SealedCredentials) {
  try {
    const after = await vault.rewrap(credentialsContext(id), credentials);
    return after === credentials
      ? { outcome: "current" as const }
      : { outcome: "resealed" as const, id, before: credentials, after };
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    return { outcome: "refused" as const, id, problem: error.message };
  }
}
