import { z } from "zod";
import { utf8Length } from "../../lib/bytes.ts";
import { type JsonObject, type JsonValue, toDouble } from "../../lib/json.ts";
import { itemDocument, itemType } from "../configuration-items/fields.ts";

/** Bytes of JSON that properties, and evidence, may have. */
const maxContentBytes = 64 * 1024;

/** A printable name without blanks around it, 1 to 128 bytes of UTF-8; commas separate names in queries. */
export function relationshipType() {
  return z
    .string()
    .trim()
    .pipe(itemType())
    .refine((text) => !/[\p{Cc}\p{Zl}\p{Zp},]/u.test(text), "must not hold commas or control characters");
}

export function relationshipProperties() {
  return itemDocument().refine(fits, `must be at most ${maxContentBytes} bytes of JSON`);
}

/** Why someone thinks that the relationship is there: any JSON. */
export function relationshipEvidence() {
  return z.custom<JsonValue>((value) => value !== undefined && fits(value), {
    error: `must be at most ${maxContentBytes} bytes of JSON`,
  });
}

/** From 0 to 1, kept in single precision. */
export function relationshipConfidence() {
  return z.preprocess(toDouble, z.number().min(0).max(1).transform(Math.fround));
}

/** What is said about a relationship, ids in lower case; of a known one the absent parts keep their value. */
export interface RelationshipStatement {
  readonly source_ci_id: string;
  readonly target_ci_id: string;
  readonly relationship_type: string;
  readonly properties?: JsonObject | undefined;
  readonly confidence?: number | undefined;
  /** null for none. */
  readonly evidence?: JsonValue | undefined;
}

/** What tells one relationship that a source states from another. */
export function identityOf(statement: RelationshipStatement): string {
  const { source_ci_id, target_ci_id, relationship_type } = statement;
  return JSON.stringify([source_ci_id, target_ci_id, relationship_type]);
}

function fits(value: unknown): boolean {
  return utf8Length(JSON.stringify(value)) <= maxContentBytes;
}
