import { type Ctx, run } from "../context.ts";
import { DomainError } from "../errors.ts";
import { ping } from "./repository.ts";

/** Whether the database answers and its schema is there. */
export async function pingDatabase(ctx: Pick<Ctx, "db">): Promise<boolean> {
  try {
    await run(ctx, ping());
    return true;
  } catch (error) {
    if (error instanceof DomainError) {
      return false;
    }
    throw error;
  }
}
