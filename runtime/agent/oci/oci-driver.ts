/**
 * Runs containers with crun or runc: one spawn from request to process (see launch-script.ts). The
 * runtime stays as the container's small foreground parent, detached from us, so that the exit code
 * is its own and the container outlives this process.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { type Clock, sleep } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { type AgentPaths, attemptLog, attemptRoot, type PodPaths } from '../agent-paths.ts';
import {
  type BindMount,
  type ContainerExit,
  type ContainerRecord,
  type Driver,
  type RunningContainer,
  type Sandbox,
  StartError,
  type StartRequest,
  TERMINATION_PATH_DEFAULT,
} from '../driver.ts';
import { ExitWatch } from '../exit-watch.ts';
import { ImageStore } from '../images/image-store.ts';
import { resolveUser } from '../images/image-user.ts';
import { netnsPath, type NetnsPool } from '../network/netns-pool.ts';
import { isAlive, readStartTicks, sendSignal } from '../process-identity.ts';
import { runCommand } from '../run-command.ts';
import {
  applyCgroup,
  type CgroupLayout,
  type CgroupPlan,
  makeCgroupLimits,
  makeCgroupParents,
  parseCgroupLayout,
  planCgroup,
  readCgroupPids,
  removeCgroup,
  wasOutOfMemory,
} from './cgroups.ts';
import { makeFstab, makeLaunchCommand } from './launch-script.ts';
import { makeArgs, makeOciSpec } from './oci-spec.ts';
import { endStrays } from './stray-groups.ts';

export interface OciDriverOptions {
  readonly runtime: 'crun' | 'runc';
  readonly paths: AgentPaths;
  readonly imageStoreRoot: string;
  readonly pool: NetnsPool;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Of an exec that comes before the container is created. */
const CREATED_POLL_MS = 5;
/** A group is busy for a moment after its last process died: until it has been reaped. */
const CGROUP_REMOVE_RETRY_MS = 20;
const CGROUP_REMOVE_ATTEMPTS_MAX = 100;
/** mount(2) takes one page of options. */
const MOUNT_OPTIONS_BYTES_MAX = 4095;
const SIGKILL_EXIT_CODE = 137;

export class OciDriver implements Driver {
  readonly name = 'oci';
  private readonly options: OciDriverOptions;
  private readonly images: ImageStore;
  private readonly exits: ExitWatch;
  private readonly layout: CgroupLayout;

  constructor(options: OciDriverOptions) {
    this.options = options;
    this.images = new ImageStore(options.imageStoreRoot);
    this.exits = new ExitWatch(options.clock);
    this.layout = this.prepareCgroups();
    mkdirSync(options.paths.runtimeState, { recursive: true, mode: 0o700 });
  }

  acquireSandbox(): Sandbox | Promise<Sandbox> {
    return this.options.pool.acquire();
  }

  adoptSandbox(sandbox: Sandbox): boolean {
    return this.options.pool.adopt(sandbox);
  }

  releaseSandbox(sandbox: Sandbox): void {
    this.options.pool.release(sandbox);
  }

  start(request: StartRequest): RunningContainer {
    const { container, podPaths, attempt, sandbox, podSecurity } = request;
    const { paths, runtime } = this.options;
    const image = this.images.resolve(container.image);
    if (makeArgs(container, image.config).length === 0)
      throw new StartError(
        'CreateContainerConfigError',
        `image ${container.image} has neither entrypoint nor command: set command`,
      );
    const security = { ...podSecurity, ...container.securityContext };
    const user = resolveUser({ imageUser: image.config.User, layers: image.layers, security });
    const id = `${request.pod.uid}.${container.name}.${attempt}`;
    const bundle = attemptRoot(podPaths, container.name, attempt);
    const cgroup = this.planCgroup(id, request);
    const directories = makeBundleDirectories(bundle);
    const spec = makeOciSpec({
      podName: request.pod.name,
      container,
      podSecurity,
      image: image.config,
      user,
      env: request.env,
      rootfs: directories.rootfs,
      netnsPath: netnsPath(sandbox.netns ?? ''),
      mounts: [
        ...makeFileMounts(podPaths),
        ...withTmp(request.mounts, directories.tmp),
        // Last: it may lie in one of the others.
        makeTerminationMount(request),
      ],
      cgroupViews: runtime === 'crun' ? cgroup.views : [],
      cgroupsPath: runtime === 'runc' ? `/${paths.cgroupParent}/${id}` : undefined,
      architecture: process.arch,
    });
    const fstab = makeFstab({
      layers: image.layers,
      rootfs: directories.rootfs,
      upper: directories.upper,
      work: directories.work,
      hidden: runtime === 'crun' && this.layout.version === 1 ? this.layout.unified : undefined,
    });
    if (Buffer.byteLength(fstab) > MOUNT_OPTIONS_BYTES_MAX)
      throw new StartError(
        'CreateContainerError',
        `image ${container.image} has ${image.layers.length} layers, more than one mount can take: squash it (\`buildah commit --squash\`)`,
      );
    // The spec holds environment from Secrets: for the owner's eyes only.
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
    writeFileSync(join(bundle, 'fstab'), fstab);
    applyCgroup(cgroup);
    const command = makeLaunchCommand({
      runtime,
      runtimeState: paths.runtimeState,
      bundle,
      id,
      cgroupProcs: runtime === 'crun' ? cgroup.procs : [],
    });
    const log = openSync(attemptLog(podPaths, container.name, attempt), 'a', 0o600);
    const child = spawn(command[0] ?? '', command.slice(1), {
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    // Without this the event loop would wait for a container that is meant to outlive it.
    child.unref();
    const pid = child.pid ?? 0;
    const record: ContainerRecord = {
      id,
      name: container.name,
      attempt,
      imageID: image.imageID,
      pid,
      startTicks: readStartTicks(pid),
      startedAtMs: this.options.clock.now(),
    };
    const ended = new Promise<number | undefined>((resolve) => {
      child.on('exit', (code) => resolve(code ?? undefined));
      child.on('error', () => resolve(undefined));
    });
    return this.makeRunning(record, { bundle, ended, directories: cgroup.directories });
  }

  adopt(record: ContainerRecord, podPaths: PodPaths): RunningContainer | undefined {
    if (!isAlive(record.pid, record.startTicks)) return undefined;
    const ended = new Promise<undefined>((resolve) => {
      const { pid, startTicks } = record;
      this.exits.add({ pid, startTicks, onGone: () => resolve(undefined) });
    });
    const bundle = attemptRoot(podPaths, record.name, record.attempt);
    return this.makeRunning(record, {
      bundle,
      ended,
      directories: this.cgroupDirectories(record.id),
    });
  }

  /** Ends containers of this home that are not among those. Call once, before the first start. */
  async endStrays(knownIds: ReadonlySet<string>): Promise<void> {
    const { clock, logger, paths } = this.options;
    const ended = await endStrays({ layout: this.layout, paths, knownIds, clock });
    if (ended.length > 0) logger.info('ended containers that nobody knows', { ids: ended });
  }

  close(): Promise<void> {
    this.exits.close();
    return this.options.pool.close();
  }

  private prepareCgroups(): CgroupLayout {
    const { logger, paths } = this.options;
    const layout = parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'));
    try {
      makeCgroupParents(layout, paths.cgroupParent);
      return layout;
    } catch (error) {
      logger.warn('cgroups cannot be used: containers run without memory and CPU limits', {
        error,
      });
      return { version: 'none' };
    }
  }

  private planCgroup(name: string, { container }: StartRequest): CgroupPlan {
    const limits = makeCgroupLimits(container.resources);
    return planCgroup(this.layout, { parent: this.options.paths.cgroupParent, name, limits });
  }

  private cgroupDirectories(name: string): readonly string[] {
    const { cgroupParent: parent } = this.options.paths;
    return planCgroup(this.layout, { parent, name, limits: { pids: 1 } }).directories;
  }

  private makeRunning(
    record: ContainerRecord,
    life: {
      readonly bundle: string;
      readonly ended: Promise<number | undefined>;
      readonly directories: readonly string[];
    },
  ): RunningContainer {
    const { bundle, ended, directories } = life;
    const { runtime, paths } = this.options;
    const initPid = (): number | undefined => readPid(join(bundle, 'pid'));
    const kill = (): void => {
      const init = initPid();
      // The kernel ends the whole pid namespace with its first process.
      if (init !== undefined) sendSignal(init, 'SIGKILL');
      else sendSignal(-record.pid, 'SIGKILL');
      for (const directory of directories.slice(0, 1))
        for (const pid of readCgroupPids(directory))
          if (pid !== record.pid) sendSignal(pid, 'SIGKILL');
    };
    const exited = ended.then(async (code): Promise<ContainerExit> => {
      const exit = describeExit(code, { bundle, directories });
      // Where the runtime itself was killed, the container may still run.
      for (const directory of directories.slice(0, 1))
        for (const pid of readCgroupPids(directory)) sendSignal(pid, 'SIGKILL');
      rmSync(join(paths.runtimeState, record.id), { recursive: true, force: true });
      await this.removeCgroup(directories);
      return exit;
    });
    return {
      record,
      exited,
      terminate: () => {
        const init = initPid();
        // Not started far enough to have anything to finish.
        if (init === undefined) kill();
        else sendSignal(init, 'SIGTERM');
      },
      kill,
      exec: async (command, timeoutMs) => {
        // The runtime knows the container from the moment it writes the pid file.
        for (let waitedMs = 0; initPid() === undefined; waitedMs += CREATED_POLL_MS) {
          if (waitedMs >= timeoutMs) throw new Error('the container has not been created yet');
          await sleep(this.options.clock, CREATED_POLL_MS);
        }
        const args = ['--root', paths.runtimeState, 'exec', record.id, ...command];
        if (runtime === 'crun') args.unshift('--cgroup-manager=disabled');
        const inNamespace = [
          'nsenter',
          `--mount=/proc/${record.pid}/ns/mnt`,
          '--',
          runtime,
          ...args,
        ];
        return (await runCommand(inNamespace, { timeoutMs })).exitCode;
      },
    };
  }

  private removeCgroup(directories: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const attempt = (left: number): void => {
        if (removeCgroup(directories) || left === 0) resolve();
        else this.options.clock.after(CGROUP_REMOVE_RETRY_MS, () => attempt(left - 1));
      };
      attempt(CGROUP_REMOVE_ATTEMPTS_MAX);
    });
  }
}

function makeBundleDirectories(bundle: string): {
  rootfs: string;
  upper: string;
  work: string;
  tmp: string;
} {
  // A leftover of a boot ago may lie here; overlayfs refuses a volatile upper twice.
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(dirname(bundle), { recursive: true, mode: 0o700 });
  mkdirSync(bundle, { mode: 0o700 });
  const make = (name: string): string => {
    const path = join(bundle, name);
    mkdirSync(path, { mode: 0o755 });
    return path;
  };
  return { rootfs: make('rootfs'), upper: make('upper'), work: make('work'), tmp: make('tmp') };
}

/** /tmp on disk and writable for everyone, unless the pod mounts something there. */
function withTmp(mounts: StartRequest['mounts'], tmp: string): StartRequest['mounts'] {
  if (mounts.some(({ destination }) => destination === '/tmp')) return mounts;
  // Not through mkdir's mode, which the umask would cut.
  chmodSync(tmp, 0o1777);
  return [{ source: tmp, destination: '/tmp', readOnly: false }, ...mounts];
}

function makeTerminationMount({ container, terminationFile }: StartRequest): BindMount {
  const destination = container.terminationMessagePath || TERMINATION_PATH_DEFAULT;
  return { source: terminationFile, destination, readOnly: false };
}

function makeFileMounts(podPaths: PodPaths): StartRequest['mounts'] {
  return [
    { source: podPaths.resolvConf, destination: '/etc/resolv.conf', readOnly: true },
    { source: podPaths.hosts, destination: '/etc/hosts', readOnly: true },
    { source: podPaths.hostname, destination: '/etc/hostname', readOnly: true },
  ];
}

function describeExit(
  code: number | undefined,
  { bundle, directories }: { bundle: string; directories: readonly string[] },
): ContainerExit {
  if (!existsSync(join(bundle, 'pid'))) {
    const message = readErrors(bundle);
    return { exitCode: 128, reason: 'StartError', ...(message === '' ? {} : { message }) };
  }
  if (wasOutOfMemory(directories)) return { exitCode: SIGKILL_EXIT_CODE, reason: 'OOMKilled' };
  if (code === undefined)
    return {
      exitCode: SIGKILL_EXIT_CODE,
      reason: 'ContainerStatusUnknown',
      message: 'the container ended while the agent was not watching, or its runtime was killed',
    };
  return { exitCode: code, reason: code === 0 ? 'Completed' : 'Error' };
}

function readErrors(bundle: string): string {
  const texts = ['launch-error', 'runtime-error'].map((file) => {
    try {
      return readFileSync(join(bundle, file), 'utf8').trim();
    } catch {
      return '';
    }
  });
  return texts.filter(Boolean).join('\n').slice(0, 1_000);
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
