/**
 * Every name that the agent makes on the machine, derived from the home directory and the bridge, so
 * that two homes never meet and `cleanupAgent` finds everything without asking a process.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface AgentPaths {
  readonly pods: string;
  readonly volumes: string;
  /** Logs of pods that are gone (pods/kept-logs.ts). */
  readonly keptLogs: string;
  /** State of the OCI runtime (its `--root`). */
  readonly runtimeState: string;
  /** What waits to become a container (oci/launcher-pool.ts). */
  readonly launchers: string;
  /** Name of the cgroup under which every container of this home has its own. */
  readonly cgroupParent: string;
}

export function makeAgentPaths(home: string): AgentPaths {
  const id = createHash('sha256').update(home).digest('hex').slice(0, 8);
  return {
    pods: join(home, 'pods'),
    volumes: join(home, 'volumes'),
    keptLogs: join(home, 'logs', 'pods'),
    runtimeState: join(home, 'run', 'oci'),
    launchers: join(home, 'run', 'launchers'),
    cgroupParent: `knit-${id}`,
  };
}

export interface PodPaths {
  readonly root: string;
  readonly state: string;
  readonly volumes: string;
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
}

export function makePodPaths(paths: AgentPaths, uid: string): PodPaths {
  const root = join(paths.pods, uid);
  return {
    root,
    state: join(root, 'state.json'),
    volumes: join(root, 'volumes'),
    resolvConf: join(root, 'resolv.conf'),
    hosts: join(root, 'hosts'),
    hostname: join(root, 'hostname'),
  };
}

/** Where one attempt of a container keeps its bundle; its log lies beside it. */
export const attemptRoot = (pod: PodPaths, container: string, attempt: number): string =>
  join(pod.root, container, String(attempt));
export const attemptLog = (pod: PodPaths, container: string, attempt: number): string =>
  join(pod.root, container, `${attempt}.log`);
/** What the container may leave as its last words (terminationMessagePath). */
export const attemptTermination = (pod: PodPaths, container: string, attempt: number): string =>
  join(pod.root, container, `${attempt}.termination`);
