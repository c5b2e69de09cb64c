/**
 * What the attempts of a container leave on disk, and for how long: of the attempt that runs
 * everything, of the one before it its log, of older ones nothing. Kubelet keeps as much.
 */
import { rm } from 'node:fs/promises';

import { attemptLog, attemptRoot, attemptTermination, type PodPaths } from '../agent-paths.ts';
import { rotatedLog } from './pod-log.ts';

/** Call when an attempt has started: those before it have ended. Never rejects. */
export async function pruneAttempts(
  pod: PodPaths,
  container: string,
  attempt: number,
): Promise<void> {
  const [last, older] = [attempt - 1, attempt - 2];
  const paths = [
    ...(last < 0
      ? []
      : [attemptRoot(pod, container, last), attemptTermination(pod, container, last)]),
    ...(older < 0 ? [] : [attemptLog(pod, container, older)]),
    ...(older < 0 ? [] : [rotatedLog(attemptLog(pod, container, older))]),
  ];
  for (const path of paths)
    try {
      await rm(path, { recursive: true, force: true });
    } catch {
      // Goes with the pod's directory.
    }
}
