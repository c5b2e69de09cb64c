/**
 * Which processes descend from one of ours, and which of them are inside a container: read from /proc,
 * at that moment. Where there is no /proc nothing is found.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface TreeProcess {
  readonly pid: number;
  /** It runs in another pid namespace than this process. */
  readonly isContained: boolean;
}

/** All that descend from `root`, without it; those that ended but are not reaped are left out. */
export function listDescendants(root: number): TreeProcess[] {
  const children = readChildren();
  const own = readPidNamespace('self');
  const found: TreeProcess[] = [];
  const queue = [root];
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    for (const pid of children.get(next) ?? []) {
      queue.push(pid);
      found.push({ pid, isContained: readPidNamespace(String(pid)) !== own });
    }
  return found;
}

function readChildren(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of listProc()) {
    if (!/^\d+$/.test(name)) continue;
    const parent = readParent(name);
    if (parent === undefined) continue;
    const siblings = children.get(parent) ?? [];
    siblings.push(Number(name));
    children.set(parent, siblings);
  }
  return children;
}

function listProc(): string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}

/** Undefined for a process that has ended. */
function readParent(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything: count from its end.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

function readPidNamespace(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}
