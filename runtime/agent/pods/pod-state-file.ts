/**
 * What must survive this process to find a pod's containers again: written after each start, without
 * waiting for the disk, because a machine that loses power loses the containers too.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type AgentPaths, makePodPaths } from '../agent-paths.ts';
import type { ContainerRecord, Sandbox } from '../driver.ts';

export interface PodState {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly startTime: string;
  readonly sandbox: Sandbox | undefined;
  readonly containers: readonly {
    readonly record: ContainerRecord;
    readonly restartCount: number;
  }[];
}

export function writePodState(paths: AgentPaths, state: PodState): void {
  const { root, state: path } = makePodPaths(paths, state.uid);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Every state that can be read; directories without one are leftovers and are removed. */
export function readPodStates(paths: AgentPaths): PodState[] {
  const states: PodState[] = [];
  let uids: string[];
  try {
    uids = readdirSync(paths.pods);
  } catch {
    return states;
  }
  for (const uid of uids) {
    try {
      states.push(
        JSON.parse(readFileSync(join(paths.pods, uid, 'state.json'), 'utf8')) as PodState,
      );
    } catch {
      // Made, and killed before the first start: nothing runs.
      rmSync(join(paths.pods, uid), { recursive: true, force: true });
    }
  }
  return states;
}

export function removePodDirectory(paths: AgentPaths, uid: string): void {
  rmSync(makePodPaths(paths, uid).root, { recursive: true, force: true });
}
