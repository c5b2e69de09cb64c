/**
 * Runs containers with crun or runc. The runtime stays as the container's small foreground parent,
 * detached from us, so that the exit code is its own and the container outlives this process. What a
 * start needs of the machine is prepared ahead where an image ran before (launcher-pool.ts).
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { type AgentPaths, attemptLog, attemptRoot, type PodPaths } from '../agent-paths.ts';
import {
  type BindMount,
  type ContainerRecord,
  type Driver,
  type RunningContainer,
  type Sandbox,
  StartError,
  type StartRequest,
  TERMINATION_PATH_DEFAULT,
} from '../driver.ts';
import { ExitWatch } from '../exit-watch.ts';
import { ImageStore, type ResolvedImage } from '../images/image-store.ts';
import { resolveUser } from '../images/image-user.ts';
import { netnsPath, type NetnsPool } from '../network/netns-pool.ts';
import { isAlive, readStartTicks } from '../process-identity.ts';
import {
  applyCgroup,
  type CgroupLayout,
  type CgroupPlan,
  makeCgroupLimits,
  makeCgroupParents,
  parseCgroupLayout,
  planCgroup,
} from './cgroups.ts';
import { prepareInput } from './container-input.ts';
import { Launcher, rootfsOf, tmpOf } from './launcher.ts';
import { LauncherPool } from './launcher-pool.ts';
import { makeRunningContainer } from './oci-container.ts';
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

export class OciDriver implements Driver {
  readonly name = 'oci';
  private readonly options: OciDriverOptions;
  private readonly images: ImageStore;
  private readonly exits: ExitWatch;
  private readonly layout: CgroupLayout;
  private readonly launchers: LauncherPool;

  constructor(options: OciDriverOptions) {
    const { clock, logger, paths } = options;
    this.options = options;
    this.images = new ImageStore(options.imageStoreRoot);
    this.exits = new ExitWatch(clock);
    this.layout = this.prepareCgroups();
    mkdirSync(paths.runtimeState, { recursive: true, mode: 0o700 });
    this.launchers = new LauncherPool({
      root: paths.launchers,
      clock,
      logger,
      spawn: (place) => new Launcher({ ...options, layout: this.layout }, place),
      groupPrefix: clock.now().toString(36),
    });
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
    const { container, podPaths, attempt, podSecurity } = request;
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
    const launcher = this.takeLauncher(
      image,
      bundle,
      attemptLog(podPaths, container.name, attempt),
    );
    try {
      const cgroup = this.planCgroup(launcher.group, request);
      applyCgroup(cgroup);
      const spec = this.makeSpec(request, { image, user, bundle, cgroup, group: launcher.group });
      // The spec holds environment from Secrets: for the owner's eyes only.
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
      launcher.launch(id, prepareInput(bundle, container));
      const record: ContainerRecord = {
        id,
        name: container.name,
        attempt,
        imageID: image.imageID,
        pid: launcher.pid,
        startTicks: readStartTicks(launcher.pid),
        startedAtMs: this.options.clock.now(),
        group: launcher.group,
      };
      this.launchers.prepareLater(image);
      return this.makeRunning(record, podPaths, launcher.ended);
    } catch (error) {
      void launcher.discard();
      throw error;
    }
  }

  adopt(record: ContainerRecord, podPaths: PodPaths): RunningContainer | undefined {
    const { pid, startTicks } = record;
    if (!isAlive(pid, startTicks)) return undefined;
    const ended = new Promise<undefined>((resolve) => {
      this.exits.add({ pid, startTicks, onGone: () => resolve(undefined) });
    });
    return this.makeRunning(record, podPaths, ended);
  }

  /** Ends containers of this home that are not among those. Call once, before the first start. */
  async endStrays(known: readonly ContainerRecord[]): Promise<void> {
    const { clock, logger, paths } = this.options;
    const ended = await endStrays({ layout: this.layout, paths, known, clock });
    if (ended.length > 0) logger.info('ended what a killed agent had left', { groups: ended });
  }

  async close(): Promise<void> {
    this.exits.close();
    await this.launchers.close();
    await this.options.pool.close();
  }

  /** One that waits for this image, or a new one; in the container's place either way. */
  private takeLauncher(image: ResolvedImage, directory: string, logPath: string): Launcher {
    const waiting = this.launchers.take(image);
    if (waiting)
      try {
        waiting.move(directory, logPath);
        return waiting;
      } catch (error) {
        void waiting.discard();
        this.options.logger.debug('failed to use a prepared launcher', { error });
      }
    const group = this.launchers.nextGroup();
    const environment = { ...this.options, layout: this.layout };
    return new Launcher(environment, { directory, logPath, group, layers: image.layers });
  }

  private makeSpec(
    request: StartRequest,
    found: {
      readonly image: ResolvedImage;
      readonly user: ReturnType<typeof resolveUser>;
      readonly bundle: string;
      readonly cgroup: CgroupPlan;
      readonly group: string;
    },
  ): object {
    const { runtime, paths } = this.options;
    const { image, user, bundle, cgroup, group } = found;
    return makeOciSpec({
      podName: request.pod.hostname,
      container: request.container,
      podSecurity: request.podSecurity,
      image: image.config,
      user,
      env: request.env,
      rootfs: rootfsOf(bundle),
      netnsPath: netnsPath(request.sandbox.netns ?? ''),
      mounts: [
        ...makeFileMounts(request.podPaths),
        ...withTmp(request.mounts, tmpOf(bundle)),
        // Last: it may lie in one of the others.
        makeTerminationMount(request),
      ],
      cgroupViews: runtime === 'crun' ? cgroup.views : [],
      cgroupsPath: runtime === 'runc' ? `/${paths.cgroupParent}/${group}` : undefined,
      architecture: process.arch,
    });
  }

  private makeRunning(
    record: ContainerRecord,
    podPaths: PodPaths,
    ended: Promise<number | undefined>,
  ): RunningContainer {
    const { runtime, paths, clock } = this.options;
    const { cgroupParent: parent, runtimeState } = paths;
    const name = record.group ?? record.id;
    const { directories } = planCgroup(this.layout, { parent, name, limits: { pids: 1 } });
    const bundle = attemptRoot(podPaths, record.name, record.attempt);
    return makeRunningContainer({
      record,
      bundle,
      ended,
      directories,
      runtime,
      runtimeState,
      clock,
      exits: this.exits,
    });
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
