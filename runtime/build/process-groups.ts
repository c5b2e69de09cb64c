/**
 * The process groups of running build steps, each named by a file, so that the next control process
 * ends what a killed one left behind.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes down a group that has been started. @returns how to forget it once it is gone. */
export async function recordGroup(processes: string, pid: number): Promise<() => Promise<void>> {
  const file = join(processes, String(pid));
  await mkdir(processes, { recursive: true });
  await writeFile(file, (await startTimeOf(pid)) ?? '');
  return () => rm(file, { force: true });
}

/** Ends groups that an earlier control process started and did not live to end. */
export async function endLeftoverProcesses(processes: string): Promise<number> {
  const names = await readdir(processes).catch(() => []);
  let ended = 0;
  for (const name of names) {
    const pid = Number(name);
    const recorded = await readFile(join(processes, name), 'utf8').catch(() => '');
    // The start time tells the process from a later one with its number.
    if (recorded !== '' && recorded === (await startTimeOf(pid))) {
      killGroup(pid, 'SIGKILL');
      ended += 1;
    }
    await rm(join(processes, name), { force: true });
  }
  return ended;
}

export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

/** Field 22 of /proc/<pid>/stat; undefined where there is no such process or no /proc. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in field 2 may hold spaces and parentheses: count from its end.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
