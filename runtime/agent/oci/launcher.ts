/**
 * A process that is about to become a container's runtime (see launch-script.ts): its namespace,
 * control group and overlay are made, or being made, before it is told what to run. It ends by itself
 * when this process dies without telling it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';

import { type Clock, sleep } from '../../std/clock.ts';
import type { AgentPaths } from '../agent-paths.ts';
import { StartError } from '../driver.ts';
import { applyCgroup, type CgroupLayout, planCgroup, removeCgroup } from './cgroups.ts';
import { type InputKind, makeFstab, makeLaunchCommand, makeLaunchInput } from './launch-script.ts';

export interface LauncherEnvironment {
  readonly runtime: 'crun' | 'runc';
  readonly paths: AgentPaths;
  readonly layout: CgroupLayout;
  readonly clock: Clock;
}

export interface LauncherPlace {
  /** Made anew; holds `rootfs` and the overlay's other directories. */
  readonly directory: string;
  readonly logPath: string;
  /** Name of the control group; nothing else has it. */
  readonly group: string;
  readonly layers: readonly string[];
}

/** mount(2) takes one page of options. */
const MOUNT_OPTIONS_BYTES_MAX = 4095;
/** What is known before there is a container: enough to stop a shell from doing harm. */
const LIMITS_BEFORE = { pids: 64 };
/** A group is busy for a moment after its last process died: until it has been reaped. */
const CGROUP_REMOVE_RETRY_MS = 20;
const CGROUP_REMOVE_ATTEMPTS_MAX = 100;

export class Launcher {
  readonly group: string;
  readonly pid: number;
  /** Exit code of the process; undefined when it was killed or never started. */
  readonly ended: Promise<number | undefined>;
  private readonly environment: LauncherEnvironment;
  private readonly child: ChildProcess;
  private place: LauncherPlace;
  private isPrepared = false;
  private hasEnded = false;

  /** Spawns it. @throws {StartError} when the image has more layers than one mount takes. */
  constructor(environment: LauncherEnvironment, place: LauncherPlace) {
    const { runtime, layout, paths } = environment;
    const { directory, group, layers } = place;
    this.environment = environment;
    this.place = place;
    this.group = group;
    const made = makeDirectories(directory);
    const hidden = runtime === 'crun' && layout.version === 1 ? layout.unified : undefined;
    const fstab = makeFstab({ layers, ...made, hidden });
    if (Buffer.byteLength(fstab) > MOUNT_OPTIONS_BYTES_MAX)
      throw new StartError(
        'CreateContainerError',
        `the image has ${layers.length} layers, more than one mount can take: squash it (\`buildah commit --squash\`)`,
      );
    writeFileSync(join(directory, 'fstab'), fstab);
    const cgroup = planCgroup(layout, {
      parent: paths.cgroupParent,
      name: group,
      limits: LIMITS_BEFORE,
    });
    applyCgroup(cgroup);
    const command = makeLaunchCommand({
      runtime,
      runtimeState: paths.runtimeState,
      fstab: join(directory, 'fstab'),
      errorFile: join(directory, 'launch-error'),
      cgroupProcs: runtime === 'crun' ? cgroup.procs : [],
    });
    const log = openSync(place.logPath, 'a', 0o600);
    this.child = spawn(command[0] ?? '', command.slice(1), {
      detached: true,
      stdio: ['pipe', log, log, 'pipe'],
    });
    closeSync(log);
    this.pid = this.child.pid ?? 0;
    // Without these the event loop would wait for a container that is meant to outlive it.
    this.child.unref();
    const [input, , , prepared] = this.child.stdio as unknown as Socket[];
    input?.unref();
    // Of a process that has ended: its exit tells more.
    input?.on('error', () => {});
    prepared?.unref();
    prepared?.on('error', () => {});
    prepared?.resume().once('end', () => (this.isPrepared = true));
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.hasEnded = true;
        resolve(code ?? undefined);
      };
      this.child.once('exit', end);
      this.child.once('error', () => end(null));
    });
  }

  /** Its mounts are made and it waits to be told what to run. */
  get isReady(): boolean {
    return this.isPrepared && !this.hasEnded;
  }

  /** Moves what belongs to it, mounts included. Only when `isReady`. @throws the file system's error. */
  move(directory: string, logPath: string): void {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    renameSync(this.place.directory, directory);
    this.place = { ...this.place, directory };
    renameSync(this.place.logPath, logPath);
    this.place = { ...this.place, logPath };
  }

  /** Becomes the runtime of the bundle in its directory. */
  launch(id: string, input: InputKind): void {
    (this.child.stdin as Socket).end(makeLaunchInput(this.place.directory, id, input));
  }

  /** Ends it unused. Resolves when nothing of it is left. */
  async discard(): Promise<void> {
    (this.child.stdin as Socket).end();
    await this.ended;
    await this.remove();
    rmSync(this.place.directory, { recursive: true, force: true });
    rmSync(this.place.logPath, { force: true });
  }

  /** Removes its control group, once all in it has ended. */
  private async remove(): Promise<void> {
    const { layout, paths, clock } = this.environment;
    const { directories } = planCgroup(layout, {
      parent: paths.cgroupParent,
      name: this.group,
      limits: LIMITS_BEFORE,
    });
    await removeGroup(directories, clock);
  }
}

/** Resolves when the group is gone, or cannot be removed. */
export async function removeGroup(directories: readonly string[], clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < CGROUP_REMOVE_ATTEMPTS_MAX; attempt++) {
    if (removeCgroup(directories)) return;
    await sleep(clock, CGROUP_REMOVE_RETRY_MS);
  }
}

export const tmpOf = (directory: string): string => join(directory, 'tmp');
export const rootfsOf = (directory: string): string => join(directory, 'rootfs');

function makeDirectories(directory: string): { rootfs: string; upper: string; work: string } {
  // A leftover of a boot ago may lie here; overlayfs refuses a volatile upper twice.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
  mkdirSync(directory, { mode: 0o700 });
  const make = (path: string): string => {
    mkdirSync(path, { mode: 0o755 });
    return path;
  };
  make(tmpOf(directory));
  return {
    rootfs: make(rootfsOf(directory)),
    upper: make(join(directory, 'upper')),
    work: make(join(directory, 'work')),
  };
}
