/**
 * Ends everything that an agent of this home left on the machine, without talking to it: containers,
 * processes, namespaces, the bridge, control groups. For `knit down`, also after a SIGKILL of control.
 * Mounts need no work: they live in the containers' own namespaces. What the pods printed is kept.
 */
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

import type { Clock } from '../std/clock.ts';
import { sleep } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { attemptRoot, makeAgentPaths, makePodPaths } from './agent-paths.ts';
import type { ContainerRecord } from './driver.ts';
import { parseAddressPlan } from './network/address-plan.ts';
import { forbidOutbound, removeBridge } from './network/bridge.ts';
import { listNamespaces, removeNamespaces } from './network/netns-pool.ts';
import {
  type CgroupLayout,
  listCgroups,
  parseCgroupLayout,
  removeCgroupParents,
} from './oci/cgroups.ts';
import { endGroups } from './oci/stray-groups.ts';
import { KeptLogs } from './pods/kept-logs.ts';
import { readPodStates } from './pods/pod-state-file.ts';
import { isAlive, sendSignal } from './process-identity.ts';

export interface CleanupOptions {
  readonly home: string;
  readonly bridge?: { readonly name: string; readonly cidr: string };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between SIGTERM and SIGKILL. @default 3 s */
  readonly graceMs?: number;
}

const GRACE_MS_DEFAULT = 3_000;
const POLL_MS = 20;
/** One command takes some 50 ms for all the namespaces of a batch; they appear one by one. */
const QUIET_LOOKS = 4;
const LOOKS_MAX = 50;

/** Resolves when nothing is left; whatever cannot be removed is logged. */
export async function cleanupAgent(options: CleanupOptions): Promise<void> {
  const { home, bridge, clock, logger } = options;
  const paths = makeAgentPaths(home);
  const states = readPodStates(paths);
  const records = states.flatMap(({ uid, containers }) =>
    containers.map(({ record }) => ({
      record,
      pidFile: join(attemptRoot(makePodPaths(paths, uid), record.name, record.attempt), 'pid'),
      isContainer: states.find((state) => state.uid === uid)?.sandbox?.netns !== undefined,
    })),
  );
  const layout = readLayout();
  for (const one of records) signalContainer(one, 'SIGTERM');
  const deadlineMs = clock.now() + (options.graceMs ?? GRACE_MS_DEFAULT);
  while (records.some(({ record }) => isRecordAlive(record)) && clock.now() < deadlineMs)
    await sleep(clock, POLL_MS);
  for (const one of records) signalContainer(one, 'SIGKILL');
  // Also what was spawned and never recorded.
  const left = await endGroups(listCgroups(layout, paths.cgroupParent), clock);
  removeCgroupParents(readText('/proc/self/mountinfo'), paths.cgroupParent);
  if (left.length > 0)
    logger.warn('control groups could not be removed', {
      groups: left.map((one) => basename(one)),
    });
  if (bridge && process.platform === 'linux') {
    await removeAllNamespaces(bridge.name, clock);
    await removeBridge(bridge.name);
    await forbidOutbound(bridge.name, parseAddressPlan(bridge.cidr));
  }
  rmSync(paths.launchers, { recursive: true, force: true });
  rmSync(paths.runtimeState, { recursive: true, force: true });
  const keptLogs = new KeptLogs({ root: paths.keptLogs, clock, logger });
  for (const state of states) keptLogs.keep(state, makePodPaths(paths, state.uid).root);
  rmSync(paths.pods, { recursive: true, force: true });
}

/** Looks again until nothing appears: an `ip` of the killed agent may be making namespaces still. */
async function removeAllNamespaces(bridge: string, clock: Clock): Promise<void> {
  for (let quiet = 0, looks = 0; quiet < QUIET_LOOKS && looks < LOOKS_MAX; looks++) {
    const slots = listNamespaces(bridge);
    quiet = slots.length === 0 ? quiet + 1 : 0;
    await removeNamespaces(bridge, slots);
    await sleep(clock, POLL_MS);
  }
}

interface Found {
  readonly record: ContainerRecord;
  readonly pidFile: string;
  readonly isContainer: boolean;
}

function signalContainer({ record, pidFile, isContainer }: Found, signal: NodeJS.Signals): void {
  if (!isRecordAlive(record)) return;
  if (!isContainer) {
    sendSignal(-record.pid, signal);
    return;
  }
  const init = Number(readText(pidFile).trim());
  // The runtime is alive, so its child's pid cannot have been used again.
  if (init > 0) sendSignal(init, signal);
  else sendSignal(-record.pid, 'SIGKILL');
}

const isRecordAlive = ({ pid, startTicks }: ContainerRecord): boolean =>
  pid > 0 && isAlive(pid, startTicks);

function readLayout(): CgroupLayout {
  const text = readText('/proc/self/mountinfo');
  return text === '' ? { version: 'none' } : parseCgroupLayout(text);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
