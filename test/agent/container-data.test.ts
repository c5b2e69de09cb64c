/** What a container is made of, as data: control groups, the OCI spec, mounts, images. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findImage } from '../../runtime/agent/images/image-store.ts';
import { resolveUser } from '../../runtime/agent/images/image-user.ts';
import {
  makeCgroupLimits,
  parseCgroupLayout,
  planCgroup,
} from '../../runtime/agent/oci/cgroups.ts';
import {
  makeFstab,
  makeLaunchCommand,
  makeLaunchInput,
} from '../../runtime/agent/oci/launch-script.ts';
import { makeArgs, makeOciSpec, type OciSpecOptions } from '../../runtime/agent/oci/oci-spec.ts';

const HYBRID = [
  '30 25 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
  '31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  '32 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '33 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
  '34 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
].join('\n');
const UNIFIED = '30 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate';

describe('the control group of a container', () => {
  const limits = makeCgroupLimits({
    limits: { memory: '256Mi', cpu: '500m' },
    requests: { cpu: '250m' },
  });
  const plan = (mountinfo: string) =>
    planCgroup(parseCgroupLayout(mountinfo), { parent: 'knit-x', name: 'p.c.0', limits });

  it('on the unified hierarchy is one directory with max files', () => {
    const root = '/sys/fs/cgroup/knit-x/p.c.0';
    const { directories, writes, procs } = plan(UNIFIED);
    assert.deepEqual(directories, [root]);
    assert.deepEqual(procs, [`${root}/cgroup.procs`]);
    assert.deepEqual(
      Object.fromEntries(writes.map(({ path, value }) => [path.slice(root.length + 1), value])),
      {
        'pids.max': '1024',
        'memory.max': '268435456',
        'memory.swap.max': '0',
        'cpu.max': '50000 100000',
        'cpu.weight': '10',
      },
    );
  });

  it('on version 1 is one directory per controller, joined ones counted once', () => {
    const { directories, writes } = plan(HYBRID);
    assert.deepEqual(directories, [
      '/sys/fs/cgroup/memory/knit-x/p.c.0',
      '/sys/fs/cgroup/cpu,cpuacct/knit-x/p.c.0',
      '/sys/fs/cgroup/pids/knit-x/p.c.0',
    ]);
    assert.deepEqual(
      writes.map(({ path, value }) => `${path.split('/').at(-1)}=${value}`),
      [
        'pids.max=1024',
        'memory.limit_in_bytes=268435456',
        'cpu.cfs_period_us=100000',
        'cpu.cfs_quota_us=50000',
        'cpu.shares=256',
      ],
    );
  });

  it('is absent where nothing is mounted', () => {
    assert.deepEqual(plan('').directories, []);
  });
});

describe('the OCI spec of a container', () => {
  const make = (change: Partial<OciSpecOptions> = {}) =>
    makeOciSpec({
      podName: 'pod-a',
      container: { name: 'user', image: 'i' },
      podSecurity: undefined,
      image: { Env: ['A=image', 'B=image'], Entrypoint: ['/serve'], WorkingDir: '/srv' },
      user: { uid: 1000, gid: 1000 },
      env: { B: 'spec', HOSTNAME: 'mine' },
      rootfs: '/r',
      netnsPath: '/run/netns/x',
      mounts: [{ source: '/s', destination: '/keys', readOnly: true }],
      cgroupViews: [],
      architecture: 'x64',
      ...change,
    }) as {
      process: {
        env: string[];
        cwd: string;
        noNewPrivileges: boolean;
        capabilities: { bounding: string[]; effective: string[] };
        rlimits?: unknown;
      };
      root: { readonly: boolean };
      mounts: { destination: string; options?: string[] }[];
      linux: {
        namespaces: { type: string; path?: string }[];
        seccomp?: { architectures: string[]; syscalls: { names: string[] }[] };
      };
    };

  it('has the environment of image and spec, the latter winning', () => {
    const { env } = make().process;
    assert.ok(env.includes('A=image') && env.includes('B=spec') && env.includes('HOSTNAME=mine'));
    assert.equal(new Set(env.map((one) => one.split('=')[0])).size, env.length);
  });

  it('gives no new privileges, and no effective capabilities to a user other than root', () => {
    const { noNewPrivileges, capabilities, rlimits } = make().process;
    assert.equal(noNewPrivileges, true);
    assert.deepEqual(capabilities.effective, []);
    assert.ok(!capabilities.bounding.includes('CAP_NET_RAW'));
    assert.ok(!capabilities.bounding.includes('CAP_SYS_ADMIN'));
    assert.equal(rlimits, undefined);
  });

  it('drops and adds capabilities as the security context says, but never all', () => {
    const securityContext = { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'ALL'] } };
    const container = { name: 'user', image: 'i', securityContext };
    const { capabilities } = make({ container, user: { uid: 0, gid: 0 } }).process;
    assert.deepEqual(capabilities.effective, ['CAP_NET_BIND_SERVICE']);
  });

  it("has its own namespaces and the pod's network", () => {
    const types = make().linux.namespaces.map(({ type, path }) =>
      path ? `${type}@${path}` : type,
    );
    assert.deepEqual(types, ['pid', 'mount', 'uts', 'ipc', 'network@/run/netns/x']);
  });

  it("blocks dangerous system calls on the machine's own ABI, and says nothing on others", () => {
    const { seccomp } = make().linux;
    assert.deepEqual(seccomp?.architectures, ['SCMP_ARCH_X86_64']);
    const names = seccomp?.syscalls.flatMap((one) => one.names) ?? [];
    for (const name of ['mount', 'bpf', 'ptrace', 'init_module', 'clone3', 'unshare'])
      assert.ok(names.includes(name), name);
    assert.equal(make({ architecture: 'riscv64' }).linux.seccomp, undefined);
  });

  it('honours readOnlyRootFilesystem and read-only mounts', () => {
    const securityContext = { readOnlyRootFilesystem: true };
    const spec = make({ container: { name: 'user', image: 'i', securityContext } });
    assert.equal(spec.root.readonly, true);
    const mount = spec.mounts.find(({ destination }) => destination === '/keys');
    assert.ok(mount?.options?.includes('ro'));
  });

  it('runs command and args as Kubernetes combines them with the image', () => {
    const image = { Entrypoint: ['/e'], Cmd: ['c'] };
    assert.deepEqual(makeArgs({}, image), ['/e', 'c']);
    assert.deepEqual(makeArgs({ args: ['x'] }, image), ['/e', 'x']);
    assert.deepEqual(makeArgs({ command: ['/x'] }, image), ['/x']);
    assert.deepEqual(makeArgs({ command: ['/x'], args: ['y'] }, image), ['/x', 'y']);
  });
});

describe('the launch of a container', () => {
  it('mounts the layers topmost first, with odd paths escaped', () => {
    const fstab = makeFstab({
      layers: ['/top', '/a:b c'],
      rootfs: '/r',
      upper: '/u',
      work: '/w',
      hidden: '/sys/fs/cgroup/unified',
    });
    assert.equal(
      fstab,
      'overlay /r overlay lowerdir=/top:/a\\134:b\\040c,upperdir=/u,workdir=/w,volatile 0 0\n' +
        'tmpfs /sys/fs/cgroup/unified tmpfs ro,size=4k 0 0\n',
    );
  });

  it('is one command that ends as the runtime', () => {
    const command = makeLaunchCommand({
      runtime: 'crun',
      runtimeState: '/state',
      fstab: '/b/fstab',
      errorFile: '/b/launch-error',
      cgroupProcs: ['/g/cgroup.procs'],
    });
    assert.equal(command[0], 'unshare');
    assert.deepEqual(command.slice(-6), [
      ...['/g/cgroup.procs', '--', 'crun', '--root', '/state', '--cgroup-manager=disabled'],
    ]);
    assert.equal(makeLaunchInput('/a b', 'c1'), '/a b\nc1\nnone\n');
    assert.throws(() => makeLaunchInput('/a\nb', 'c1'), /line break/);
  });
});

describe('an image reference', () => {
  const images = [
    { id: 'a1', digest: 'sha256:d1', names: ['knit.local/hello:latest'], layer: 'l1' },
    { id: 'b2', digest: 'sha256:d2', names: ['docker.io/library/redis:7'], layer: 'l2' },
    { id: 'c3', digest: 'sha256:d1', names: ['knit.local/other:latest'], layer: 'l3' },
  ];
  const find = (reference: string): string | undefined => findImage(images, reference)?.id;

  it('is found by name with or without tag, short or long', () => {
    assert.equal(find('knit.local/hello'), 'a1');
    assert.equal(find('redis:7'), 'b2');
    assert.equal(find('redis'), undefined);
  });

  it('is found by digest, in its own repository first', () => {
    assert.equal(find('knit.local/other@sha256:d1'), 'c3');
    assert.equal(find('anything@sha256:d2'), 'b2');
    assert.equal(find('knit.local/hello@sha256:d9'), undefined);
  });
});

describe('the user of a container', () => {
  let layer: string;
  before(() => {
    layer = mkdtempSync(join(tmpdir(), 'knit-layer-'));
    mkdirSync(join(layer, 'etc'));
    writeFileSync(join(layer, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1234:55::/:/bin/sh\n');
    writeFileSync(join(layer, 'etc/group'), 'staff:x:77:\n');
  });
  after(() => rmSync(layer, { recursive: true }));
  const resolve = (imageUser: string | undefined, security = {}) =>
    resolveUser({ imageUser, layers: [layer], security });

  it('is root by default, and looked up by name with its group', () => {
    assert.deepEqual(resolve(undefined), { uid: 0, gid: 0 });
    assert.deepEqual(resolve('app'), { uid: 1234, gid: 55 });
    assert.deepEqual(resolve('app:staff'), { uid: 1234, gid: 77 });
    assert.deepEqual(resolve('9:8'), { uid: 9, gid: 8 });
  });

  it('yields to runAsUser', () => {
    assert.deepEqual(resolve('app', { runAsUser: 5, runAsGroup: 6 }), { uid: 5, gid: 6 });
  });

  it('must exist, and must not be root under runAsNonRoot', () => {
    assert.throws(() => resolve('nobody-here'), /has no user "nobody-here"/);
    assert.throws(() => resolve('', { runAsNonRoot: true }), /runAsNonRoot/);
  });
});
