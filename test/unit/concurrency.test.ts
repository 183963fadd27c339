import { expect, it } from "vitest";
import { mapAtMost } from "../../src/lib/concurrency.ts";

it("does the work for every input, at most so many at once, and answers in their order", async () => {
  let open = 0;
  let most = 0;
  const started: number[] = [];
  const results = await mapAtMost(
    3,
    Array.from({ length: 10 }, (_, n) => n),
    async (n) => {
      started.push(n);
      open += 1;
      most = Math.max(most, open);
      await Promise.resolve();
      open -= 1;
      return n * 2;
    },
  );
  expect(results).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(3);
});

it("has nothing to do for no input, and fails as a whole when one fails", async () => {
  expect(await mapAtMost(3, [], async () => 1)).toEqual([]);
  await expect(mapAtMost(2, [1, 2, 3], async (n) => (n === 2 ? Promise.reject(new Error("two")) : n))).rejects.toThrow(
    "two",
  );
});
