/**
 * Logs of pods that are gone: moved aside when a pod is removed, because whoever asks what a function
 * printed rarely asks while its instance still runs. The directories' names and times are the whole
 * index, so a killed agent has nothing to repair. Bounded by age, number and bytes; what cannot be
 * kept is dropped with a line in the log, and never holds up the removal of a pod.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';

export interface KeptLogsLimits {
  /** Time since the pod was removed. */
  readonly ageMsMax: number;
  readonly podsMax: number;
  /** So that one busy namespace leaves room for the others. */
  readonly podsPerNamespaceMax: number;
  readonly bytesMax: number;
}

/** A day of a busy machine; a pod's directory is listed for each request, which bounds the numbers. */
export const keptLogsLimits: KeptLogsLimits = {
  ageMsMax: 24 * 60 * 60 * 1000,
  podsMax: 2_000,
  podsPerNamespaceMax: 500,
  bytesMax: 512 * 1024 * 1024,
};

export interface KeptPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly path: string;
  readonly removedAtMs: number;
}

export interface KeptLogsOptions {
  /** Holds one directory per pod; made when the first is kept. */
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default keptLogsLimits */
  readonly limits?: KeptLogsLimits;
}

interface Entry extends KeptPod {
  readonly bytes: number;
}

/** What an attempt leaves under `<pod>/<container>/` and is worth keeping. */
const LOG_FILE = /^(\d+)\.log(\.1)?(\.times)?$/;

export class KeptLogs {
  private readonly options: KeptLogsOptions;
  private readonly limits: KeptLogsLimits;
  /** Oldest first. */
  private entries: Entry[];

  constructor(options: KeptLogsOptions) {
    this.options = options;
    this.limits = options.limits ?? keptLogsLimits;
    this.entries = readEntries(options.root);
    this.prune();
  }

  /** Moves the logs out of the pod's directory, which may then be removed. Never throws. */
  keep(pod: Pick<KeptPod, 'namespace' | 'name' | 'uid'>, podRoot: string): void {
    const { clock, logger } = this.options;
    const path = this.pathOf(pod);
    try {
      if (!moveLogs(podRoot, path)) return;
      const removedAtMs = clock.now();
      utimesSync(path, removedAtMs / 1000, removedAtMs / 1000);
      const others = this.entries.filter((entry) => entry.path !== path);
      const { namespace, name, uid } = pod;
      this.entries = [
        ...others,
        { namespace, name, uid, path, removedAtMs, bytes: countBytes(path) },
      ];
      this.prune();
    } catch (error) {
      logger.warn('the log of a removed pod could not be kept', {
        pod: `${pod.namespace}/${pod.name}`,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** The pod of that name that was removed last. */
  find(namespace: string, name: string): KeptPod | undefined {
    this.prune();
    return this.entries.findLast((one) => one.namespace === namespace && one.name === name);
  }

  /** The containers that printed anything, by name. */
  containersOf(pod: KeptPod): string[] {
    return listNames(pod.path).sort();
  }

  /** A container's last attempt, or the one before it; undefined where nothing of it is kept. */
  findAttempt(pod: KeptPod, container: string, previous: boolean): number | undefined {
    const attempts = listNames(join(pod.path, container)).flatMap((name) => {
      const match = LOG_FILE.exec(name);
      return match && !match[2] && !match[3] ? [Number(match[1])] : [];
    });
    const last = Math.max(...attempts);
    const wanted = previous ? last - 1 : last;
    return attempts.includes(wanted) ? wanted : undefined;
  }

  /** Where the log of an attempt lies once its pod is removed, kept or not. */
  logPath(
    pod: Pick<KeptPod, 'namespace' | 'name' | 'uid'>,
    container: string,
    attempt: number,
  ): string {
    return join(this.pathOf(pod), container, `${attempt}.log`);
  }

  /** Removes what is too old or too much, the oldest first. Never throws. */
  prune(): void {
    const excess = selectExcess(this.entries, this.limits, this.options.clock.now());
    if (excess.size === 0) return;
    this.entries = this.entries.filter((entry) => !excess.has(entry));
    for (const { path } of excess)
      try {
        rmSync(path, { recursive: true, force: true });
      } catch (error) {
        // Found again by the next agent, and removed then.
        this.options.logger.warn('the log of a removed pod could not be deleted', {
          path,
          error: error instanceof Error ? error.message : String(error),
        });
      }
  }

  private pathOf({ namespace, name, uid }: Pick<KeptPod, 'namespace' | 'name' | 'uid'>): string {
    return join(this.options.root, `${namespace}_${name}_${uid}`);
  }
}

/** Which of the entries, oldest first, have to go. */
export function selectExcess<T extends Pick<Entry, 'namespace' | 'removedAtMs' | 'bytes'>>(
  entries: readonly T[],
  limits: KeptLogsLimits,
  nowMs: number,
): Set<T> {
  const excess = new Set<T>();
  const perNamespace = new Map<string, number>();
  let pods = 0;
  let bytes = 0;
  for (const entry of [...entries].reverse()) {
    const ofNamespace = (perNamespace.get(entry.namespace) ?? 0) + 1;
    const isExcess =
      nowMs - entry.removedAtMs > limits.ageMsMax ||
      pods + 1 > limits.podsMax ||
      ofNamespace > limits.podsPerNamespaceMax ||
      bytes + entry.bytes > limits.bytesMax;
    if (isExcess) {
      excess.add(entry);
      continue;
    }
    perNamespace.set(entry.namespace, ofNamespace);
    pods++;
    bytes += entry.bytes;
  }
  return excess;
}

/** False when nothing was printed: there is nothing to keep then. */
function moveLogs(podRoot: string, keptRoot: string): boolean {
  let hasMoved = false;
  for (const container of listNames(podRoot)) {
    const from = join(podRoot, container);
    const logs = listNames(from).filter((name) => LOG_FILE.test(name));
    if (!logs.some((name) => statSync(join(from, name)).size > 0)) continue;
    const to = join(keptRoot, container);
    mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const name of logs) renameSync(join(from, name), join(to, name));
    hasMoved = true;
  }
  return hasMoved;
}

/** Neither part of a pod's name nor its namespace nor its uid can hold an underscore. */
function readEntries(root: string): Entry[] {
  const entries: Entry[] = [];
  for (const file of listNames(root)) {
    const [namespace, name, uid, ...more] = file.split('_');
    if (!namespace || !name || !uid || more.length > 0) continue;
    const path = join(root, file);
    const removedAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    entries.push({ namespace, name, uid, path, removedAtMs, bytes: countBytes(path) });
  }
  return entries.sort((a, b) => a.removedAtMs - b.removedAtMs);
}

function countBytes(keptRoot: string): number {
  let bytes = 0;
  for (const container of listNames(keptRoot))
    for (const name of listNames(join(keptRoot, container)))
      bytes += statSync(join(keptRoot, container, name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // Not there, or a file.
  }
}
