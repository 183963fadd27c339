import { readFileSync } from "node:fs";

/** Whether a process with this id runs now, under any user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // process.kill throws only system errors
  }
}

/**
 * What tells this process from an earlier one with the same id: containers restart with the same small ids.
 * Empty where the system has no /proc, so that there the id alone decides.
 */
export function processBirth(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  // The command name may hold spaces and brackets, so fields are counted after its last bracket.
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return startTicks === "" ? "" : `${readProc("/proc/sys/kernel/random/boot_id").trim()} ${startTicks}`;
}

/** The command line of a process, or undefined where it cannot be read. */
export function commandLine(pid: number): string | undefined {
  return readProc(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim() || undefined;
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // no /proc, or the process is gone: both mean "unknown" to the callers
  }
}
