/**
 * Control groups of containers, for both hierarchies: which files to write is decided as data here,
 * the runtime's own cgroup manager stays off. Limits: memory, CPU, number of processes.
 */
import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ResourceRequirements } from '../../apis/core/types.ts';
import { parseQuantity } from '../quantity.ts';

/** Where the controllers that we use are mounted; `none` = run without limits. */
export type CgroupLayout =
  | { readonly version: 2; readonly root: string }
  | {
      readonly version: 1;
      readonly memory?: string;
      readonly cpu?: string;
      readonly pids?: string;
      /** A second, unified hierarchy beside it, with controllers: crun 1.8 refuses to run when it sees one. */
      readonly unified?: string;
    }
  | { readonly version: 'none' };

/** From the text of /proc/self/mountinfo. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout {
  const v1: { memory?: string; cpu?: string; pids?: string } = {};
  let v2: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const mountPoint = left.split(' ')[4] ?? '';
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') v2 = mountPoint;
    if (type !== 'cgroup') continue;
    const controllers = options.split(',');
    for (const controller of ['memory', 'cpu', 'pids'] as const)
      if (controllers.includes(controller)) v1[controller] = mountPoint;
  }
  if (v1.memory || v1.cpu || v1.pids)
    return { version: 1, ...v1, ...(v2 === undefined ? {} : { unified: v2 }) };
  return v2 === undefined ? { version: 'none' } : { version: 2, root: v2 };
}

export interface CgroupLimits {
  readonly memoryBytes?: number;
  /** Cores. */
  readonly cpuLimit?: number;
  readonly cpuRequest?: number;
  readonly pids: number;
}

/** A fork bomb ends here; ordinary functions have fewer than 50. */
const PIDS_MAX = 1024;
const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_US_MIN = 1_000;

export function makeCgroupLimits(resources: ResourceRequirements | undefined): CgroupLimits {
  const memoryBytes = parseQuantity(resources?.limits?.['memory']);
  const cpuLimit = parseQuantity(resources?.limits?.['cpu']);
  const cpuRequest = parseQuantity(resources?.requests?.['cpu']);
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes: Math.floor(memoryBytes) }),
    ...(cpuLimit === undefined ? {} : { cpuLimit }),
    ...(cpuRequest === undefined ? {} : { cpuRequest }),
    pids: PIDS_MAX,
  };
}

export interface CgroupPlan {
  /** Directories to make; removed when the container has ended. */
  readonly directories: readonly string[];
  readonly writes: readonly { readonly path: string; readonly value: string }[];
  /** Files into which the container's first process writes its pid before exec. */
  readonly procs: readonly string[];
  /** What the container sees under /sys/fs/cgroup, read-only. */
  readonly views: readonly { readonly source: string; readonly destination: string }[];
}

export function planCgroup(
  layout: CgroupLayout,
  options: { readonly parent: string; readonly name: string; readonly limits: CgroupLimits },
): CgroupPlan {
  const { parent, name, limits } = options;
  if (layout.version === 'none') return { directories: [], writes: [], procs: [], views: [] };
  const quota =
    limits.cpuLimit === undefined
      ? undefined
      : Math.max(CPU_QUOTA_US_MIN, Math.round(limits.cpuLimit * CPU_PERIOD_US));
  const shares =
    limits.cpuRequest === undefined ? undefined : Math.max(2, Math.round(limits.cpuRequest * 1024));
  if (layout.version === 2) {
    const path = join(layout.root, parent, name);
    const writes = [{ path: join(path, 'pids.max'), value: String(limits.pids) }];
    if (limits.memoryBytes !== undefined)
      writes.push(
        { path: join(path, 'memory.max'), value: String(limits.memoryBytes) },
        // Swapping would only hide that the limit is too low.
        { path: join(path, 'memory.swap.max'), value: '0' },
      );
    if (quota !== undefined)
      writes.push({ path: join(path, 'cpu.max'), value: `${quota} ${CPU_PERIOD_US}` });
    if (shares !== undefined)
      // The kernel's documented mapping of shares 2..262144 onto weights 1..10000.
      writes.push({
        path: join(path, 'cpu.weight'),
        value: String(Math.min(10_000, 1 + Math.floor(((shares - 2) * 9_999) / 262_142))),
      });
    const views = [{ source: path, destination: '/sys/fs/cgroup' }];
    return { directories: [path], writes, procs: [join(path, 'cgroup.procs')], views };
  }
  const at = (root: string | undefined): string | undefined =>
    root === undefined ? undefined : join(root, parent, name);
  const [memory, cpu, pids] = [at(layout.memory), at(layout.cpu), at(layout.pids)];
  const writes: { path: string; value: string }[] = [];
  if (pids) writes.push({ path: join(pids, 'pids.max'), value: String(limits.pids) });
  if (memory && limits.memoryBytes !== undefined)
    writes.push({
      path: join(memory, 'memory.limit_in_bytes'),
      value: String(limits.memoryBytes),
    });
  if (cpu && quota !== undefined)
    writes.push(
      { path: join(cpu, 'cpu.cfs_period_us'), value: String(CPU_PERIOD_US) },
      { path: join(cpu, 'cpu.cfs_quota_us'), value: String(quota) },
    );
  if (cpu && shares !== undefined)
    writes.push({ path: join(cpu, 'cpu.shares'), value: String(shares) });
  const directories = [...new Set([memory, cpu, pids])].filter((path) => path !== undefined);
  const views = [
    ...(memory ? [{ source: memory, destination: '/sys/fs/cgroup/memory' }] : []),
    ...(cpu ? [{ source: cpu, destination: '/sys/fs/cgroup/cpu' }] : []),
    ...(pids ? [{ source: pids, destination: '/sys/fs/cgroup/pids' }] : []),
  ];
  return {
    directories,
    writes,
    procs: directories.map((path) => join(path, 'cgroup.procs')),
    views,
  };
}

/** The parents of all containers' groups, and on v2 the controllers handed down to them. */
export function makeCgroupParents(layout: CgroupLayout, parent: string): void {
  if (layout.version === 'none') return;
  if (layout.version === 1) {
    for (const root of controllerRoots(layout)) mkdirSync(join(root, parent), { recursive: true });
    return;
  }
  const enable = '+memory +cpu +pids';
  writeFileSync(join(layout.root, 'cgroup.subtree_control'), enable);
  mkdirSync(join(layout.root, parent), { recursive: true });
  writeFileSync(join(layout.root, parent, 'cgroup.subtree_control'), enable);
}

/** Makes the group and writes the limits. @throws the file system's error. */
export function applyCgroup(plan: CgroupPlan): void {
  for (const directory of plan.directories) mkdirSync(directory, { recursive: true });
  for (const { path, value } of plan.writes)
    try {
      writeFileSync(path, value);
    } catch (error) {
      // Kernels without swap accounting have no such file.
      if (!path.endsWith('memory.swap.max')) throw error;
    }
}

/** Pids of everything in a container's group, processes that it left behind included. */
export function readCgroupPids(directory: string): number[] {
  try {
    const text = readFileSync(join(directory, 'cgroup.procs'), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Whether the kernel ended something in it for want of memory. */
export function wasOutOfMemory(directories: readonly string[]): boolean {
  return directories.some((directory) =>
    ['memory.events', 'memory.oom_control'].some((file) => {
      try {
        return /^oom_kill [1-9]/m.test(readFileSync(join(directory, file), 'utf8'));
      } catch {
        return false;
      }
    }),
  );
}

/** True when the group is gone; false while something in it has not been reaped yet. */
export function removeCgroup(directories: readonly string[]): boolean {
  let isGone = true;
  for (const directory of directories)
    try {
      rmdirSync(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') isGone = false;
    }
  return isGone;
}

/** Every group of this home's containers, whoever made it. */
export function listCgroups(layout: CgroupLayout, parent: string): string[] {
  const found: string[] = [];
  for (const root of controllerRoots(layout)) {
    const directory = join(root, parent);
    try {
      for (const entry of readdirSync(directory, { withFileTypes: true }))
        if (entry.isDirectory()) found.push(join(directory, entry.name));
    } catch {
      // Never made.
    }
  }
  return found;
}

/** Removes the parent from every hierarchy of /proc/self/mountinfo: runc makes groups in all of them. */
export function removeCgroupParents(mountinfo: string, parent: string): void {
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    if (right.startsWith('cgroup')) removeCgroup([join(left.split(' ')[4] ?? '', parent)]);
  }
}

export function controllerRoots(layout: CgroupLayout): string[] {
  if (layout.version === 'none') return [];
  if (layout.version === 2) return [layout.root];
  const roots = [layout.memory, layout.cpu, layout.pids].filter((root) => root !== undefined);
  return [...new Set(roots)];
}
