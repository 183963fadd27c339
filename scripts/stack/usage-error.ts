/** The command cannot run as it was called; the message tells the user why. */
export class UsageError extends Error {}

/** A whole number of an option within its bounds. Throws UsageError, naming the option. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new UsageError(`--${option} needs a whole number from ${least} to ${most}`);
  }
  return number;
}

/** Runs a command; an error becomes a line on stderr and exit code 1, and hints at --help where the call was wrong. */
export async function runCommand(help: string, command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`See \`${help} --help\`.\n`);
    process.exitCode = 1;
  }
}
