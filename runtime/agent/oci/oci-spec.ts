/** The OCI bundle's config.json of a container, as a pure function. No hooks, no rlimits. */
import type { Container, SecurityContext } from '../../apis/core/types.ts';
import type { BindMount } from '../driver.ts';
import type { ImageConfig } from '../images/image-store.ts';
import type { ContainerUser } from '../images/image-user.ts';
import { makeSeccompProfile } from './seccomp-profile.ts';

/** What container engines leave to a container's root, less raw sockets, device nodes and audit. */
const DEFAULT_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];
const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HOSTNAME_LENGTH_MAX = 63;

export interface OciSpecOptions {
  readonly podName: string;
  readonly container: Container;
  readonly podSecurity: SecurityContext | undefined;
  readonly image: ImageConfig;
  readonly user: ContainerUser;
  readonly env: Readonly<Record<string, string>>;
  readonly rootfs: string;
  readonly netnsPath: string;
  readonly mounts: readonly BindMount[];
  readonly cgroupViews: readonly { readonly source: string; readonly destination: string }[];
  /** For a runtime that insists on joining the group by itself (runc). */
  readonly cgroupsPath?: string | undefined;
  readonly architecture: string;
}

export function makeOciSpec(options: OciSpecOptions): object {
  const { container, image, user } = options;
  const security = { ...options.podSecurity, ...container.securityContext };
  const capabilities = makeCapabilities(security);
  // A user other than root starts without effective capabilities, as after an ordinary setuid.
  const active = user.uid === 0 ? capabilities : [];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: container.tty === true,
      user: { uid: user.uid, gid: user.gid, additionalGids: makeGroups(security) },
      args: makeArgs(container, image),
      env: makeEnv(options),
      cwd: container.workingDir || image.WorkingDir || '/',
      noNewPrivileges: true,
      capabilities: { bounding: capabilities, effective: active, permitted: active },
    },
    root: { path: options.rootfs, readonly: security.readOnlyRootFilesystem === true },
    hostname: options.podName.slice(0, HOSTNAME_LENGTH_MAX),
    mounts: [
      ...SYSTEM_MOUNTS,
      ...makeCgroupMounts(options.cgroupViews),
      ...options.mounts.map(({ source, destination, readOnly }) => ({
        destination,
        source,
        type: 'bind',
        options: ['rbind', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw'],
      })),
    ],
    linux: {
      namespaces: [
        ...['pid', 'mount', 'uts', 'ipc'].map((type) => ({ type })),
        { type: 'network', path: options.netnsPath },
        ...(options.cgroupViews.length > 0 ? [{ type: 'cgroup' }] : []),
      ],
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: makeSeccompProfile(options.architecture),
      ...(options.cgroupsPath === undefined ? {} : { cgroupsPath: options.cgroupsPath }),
    },
  };
}

/** command replaces the image's entrypoint and, where args are missing, its cmd too. */
export function makeArgs(
  container: Pick<Container, 'command' | 'args'>,
  image: Pick<ImageConfig, 'Entrypoint' | 'Cmd'>,
): string[] {
  if (container.command && container.command.length > 0)
    return [...container.command, ...(container.args ?? [])];
  const args = container.args && container.args.length > 0 ? container.args : (image.Cmd ?? []);
  return [...(image.Entrypoint ?? []), ...args];
}

function makeEnv({ image, env, podName }: OciSpecOptions): string[] {
  const merged = new Map<string, string>([
    ['PATH', PATH_DEFAULT],
    ['HOSTNAME', podName],
    ['HOME', '/'],
  ]);
  for (const entry of image.Env ?? []) {
    const equals = entry.indexOf('=');
    if (equals > 0) merged.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  for (const [name, value] of Object.entries(env)) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

/** Groups beside its own: those that the pod names, and the one that owns its volumes. */
function makeGroups({ fsGroup, supplementalGroups = [] }: SecurityContext): number[] {
  return [...new Set([...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])])];
}

function makeCapabilities(security: SecurityContext): string[] {
  const name = (capability: string): string =>
    capability.startsWith('CAP_') ? capability : `CAP_${capability}`;
  const drop = new Set(security.capabilities?.drop?.map((one) => one.toUpperCase()) ?? []);
  const kept = drop.has('ALL')
    ? []
    : DEFAULT_CAPABILITIES.filter((one) => !drop.has(one) && !drop.has(one.slice(4)));
  // ALL would hand out the machine; only single capabilities can be added.
  const added = (security.capabilities?.add ?? []).filter((one) => one.toUpperCase() !== 'ALL');
  return [...new Set([...kept, ...added.map((one) => name(one.toUpperCase()))])];
}

function makeCgroupMounts(views: OciSpecOptions['cgroupViews']): object[] {
  const isSingle = views.some(({ destination }) => destination === '/sys/fs/cgroup');
  const binds = views.map(({ source, destination }) => ({
    destination,
    source,
    type: 'bind',
    options: ['bind', 'ro', 'nosuid', 'noexec', 'nodev'],
  }));
  if (isSingle || views.length === 0) return binds;
  const base = {
    destination: '/sys/fs/cgroup',
    source: 'tmpfs',
    type: 'tmpfs',
    options: ['nosuid', 'noexec', 'nodev', 'mode=755', 'size=64k'],
  };
  return [base, ...binds];
}

const SYSTEM_MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  {
    destination: '/dev/mqueue',
    type: 'mqueue',
    source: 'mqueue',
    options: ['nosuid', 'noexec', 'nodev'],
  },
  {
    destination: '/sys',
    type: 'sysfs',
    source: 'sysfs',
    options: ['nosuid', 'noexec', 'nodev', 'ro'],
  },
];

const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
