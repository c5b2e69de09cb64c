/**
 * Ends what is in control groups of this home without asking who started it: containers whose agent
 * was killed between starting and recording them, and everything when the home goes down.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

import { type Clock, sleep } from '../../std/clock.ts';
import type { AgentPaths } from '../agent-paths.ts';
import type { ContainerRecord } from '../driver.ts';
import { sendSignal } from '../process-identity.ts';
import { type CgroupLayout, listCgroups, readCgroupPids, removeCgroup } from './cgroups.ts';

/** A group is busy until its last process has been reaped. */
const POLL_MS = 20;
const WAIT_MS_MAX = 2_000;

/** Kills all processes of the groups and removes them. Resolves with those that could not be removed. */
export async function endGroups(groups: readonly string[], clock: Clock): Promise<string[]> {
  const deadlineMs = clock.now() + WAIT_MS_MAX;
  let left = [...groups];
  for (;;) {
    // Each time: a process may have forked since the last look.
    for (const group of left) for (const pid of readCgroupPids(group)) sendSignal(pid, 'SIGKILL');
    left = left.filter((group) => !removeCgroup([group]));
    if (left.length === 0 || clock.now() >= deadlineMs) return left;
    await sleep(clock, POLL_MS);
  }
}

/**
 * For the start of an agent: ends containers that are in no state file, which nobody will ever ask
 * about, and forgets what the runtime knew of them. Resolves with the groups that it ended.
 */
export async function endStrays(options: {
  readonly layout: CgroupLayout;
  readonly paths: AgentPaths;
  readonly known: readonly ContainerRecord[];
  readonly clock: Clock;
}): Promise<string[]> {
  const { layout, paths, known, clock } = options;
  const ids = new Set(known.map(({ id }) => id));
  const groups = new Set(known.map(({ id, group = id }) => group));
  const strays = listCgroups(layout, paths.cgroupParent).filter(
    (path) => !groups.has(basename(path)),
  );
  await endGroups(strays, clock);
  for (const id of listNames(paths.runtimeState))
    if (!ids.has(id)) rmSync(join(paths.runtimeState, id), { recursive: true, force: true });
  return [...new Set(strays.map((group) => basename(group)))];
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // Never made.
  }
}
