/** Does `work` for every input, at most `width` at once, in their order; a failure ends the whole. Answers in the order of the inputs. */
export async function mapAtMost<Input, Result>(
  width: number,
  inputs: readonly Input[],
  work: (input: Input) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = inputs.entries();
  async function takeTurns(): Promise<void> {
    for (const [place, input] of waiting) {
      // oxlint-disable-next-line no-await-in-loop -- one at a time is what a lane is for
      results[place] = await work(input);
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, inputs.length) }, takeTurns));
  return results;
}
