/**
 * What the process driver executes for a function image: container paths become paths of this machine.
 * Pure; exec probes go through the same mapping.
 */
import { join } from 'node:path';

import type { ImageConfig } from '../images/image-store.ts';

export interface ProcessRoots {
  /** The bundle's root directory, which holds `/var/task`. */
  readonly bundle: string;
  /** Where the function servers lie: `/var/runtime` in images. */
  readonly functions: string;
  /** The Node.js that runs us. */
  readonly node: string;
}

/** `/var/runtime` and paths that the bundle may hold; everything else is the machine's own. */
export function mapPath(path: string, roots: ProcessRoots): string {
  if (path === '/var/runtime' || path.startsWith('/var/runtime/'))
    return join(roots.functions, path.slice('/var/runtime'.length));
  if (path === '/var/task' || path.startsWith('/var/task/')) return join(roots.bundle, path);
  if (path === '/opt' || path.startsWith('/opt/')) return join(roots.bundle, path);
  return path;
}

/** The interpreter of the image is the machine's; every other argument is mapped where it is a path. */
export function mapCommand(command: readonly string[], roots: ProcessRoots): string[] {
  const [file = '', ...args] = command;
  const base = file.slice(file.lastIndexOf('/') + 1);
  const executable =
    base === 'node'
      ? roots.node
      : /^python3?(\.\d+)?$/.test(base)
        ? 'python3'
        : mapPath(file, roots);
  return [executable, ...args.map((arg) => mapPath(arg, roots))];
}

/** Variables that hold container paths, and those that name where to listen. */
export function makeProcessEnv(options: {
  readonly image: ImageConfig;
  readonly env: Readonly<Record<string, string>>;
  readonly roots: ProcessRoots;
  readonly machinePath: string;
  readonly hostPort: number;
  readonly podName: string;
}): Record<string, string> {
  const { image, env, roots, machinePath, hostPort, podName } = options;
  const merged: Record<string, string> = {};
  for (const entry of image.Env ?? []) {
    const equals = entry.indexOf('=');
    if (equals > 0) merged[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  Object.assign(merged, env);
  for (const [name, value] of Object.entries(merged))
    if (value.startsWith('/')) merged[name] = mapPath(value, roots);
  return {
    ...merged,
    PATH: machinePath,
    HOSTNAME: podName,
    LAMBDA_TASK_ROOT: mapPath(merged['LAMBDA_TASK_ROOT'] ?? '/var/task', roots),
    PORT: String(hostPort),
    HOST: '127.0.0.1',
  };
}
