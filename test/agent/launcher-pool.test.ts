/** Starts prepared ahead: how many, for what, and that none is left. With real processes at the end. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeAgentPaths } from '../../runtime/agent/agent-paths.ts';
import type { ResolvedImage } from '../../runtime/agent/images/image-store.ts';
import {
  listCgroups,
  makeCgroupParents,
  parseCgroupLayout,
  removeCgroupParents,
} from '../../runtime/agent/oci/cgroups.ts';
import { Launcher } from '../../runtime/agent/oci/launcher.ts';
import {
  LauncherPool,
  LAUNCHERS_MAX,
  PREPARE_DELAY_MS,
} from '../../runtime/agent/oci/launcher-pool.ts';
import { isAlive, readStartTicks } from '../../runtime/agent/process-identity.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { eventually } from './test-machine.ts';

/** Stands in for a process: what the pool sees of one. */
class FakeLauncher {
  isReady = true;
  isDiscarded = false;
  end: () => void = () => {};
  readonly ended = new Promise<undefined>((resolve) => (this.end = () => resolve(undefined)));
  readonly group: string;
  constructor(group: string) {
    this.group = group;
  }
  discard(): Promise<void> {
    this.isDiscarded = true;
    return Promise.resolve();
  }
}

describe('the pool of launchers', () => {
  let root: string;
  let clock: FakeClock;
  let spawned: FakeLauncher[];
  let pool: LauncherPool;
  const image = (key: string): ResolvedImage => ({ imageID: key, config: {}, layers: [root], key });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'knit-pool-'));
    clock = new FakeClock();
    spawned = [];
    pool = new LauncherPool({
      root: join(root, 'launchers'),
      clock,
      logger: silentLogger,
      spawn: ({ group }) => {
        const launcher = new FakeLauncher(group);
        spawned.push(launcher);
        return launcher as unknown as Launcher;
      },
      groupPrefix: 'g',
    });
  });
  afterEach(async () => {
    await pool.close();
    rmSync(root, { recursive: true, force: true });
  });

  it('makes one a while after a start, and hands it out once', () => {
    pool.prepareLater(image('a'));
    pool.prepareLater(image('a'));
    assert.equal(spawned.length, 0);
    clock.advance(PREPARE_DELAY_MS);
    assert.equal(spawned.length, 1);
    assert.equal(pool.take(image('b')), undefined);
    assert.equal(pool.take(image('a'))?.group, spawned[0]?.group);
    assert.equal(pool.take(image('a')), undefined);
  });

  it('makes one for each image, not one for each start, and one at a time', () => {
    for (const key of ['a', 'b', 'a', 'b']) pool.prepareLater(image(key));
    clock.advance(PREPARE_DELAY_MS);
    assert.equal(pool.size, 1);
    clock.advance(PREPARE_DELAY_MS);
    pool.prepareLater(image('a'));
    clock.advance(PREPARE_DELAY_MS);
    assert.deepEqual([pool.size, spawned.length], [2, 2]);
  });

  it('hands out none that has not finished its preparations', () => {
    pool.prepareLater(image('a'));
    clock.advance(PREPARE_DELAY_MS);
    const [launcher] = spawned;
    assert.ok(launcher);
    launcher.isReady = false;
    assert.equal(pool.take(image('a')), undefined);
    launcher.isReady = true;
    assert.ok(pool.take(image('a')));
  });

  it('keeps a bounded number, those of the images used last', () => {
    const keys = Array.from({ length: LAUNCHERS_MAX + 1 }, (_one, index) => `image-${index}`);
    for (const key of keys.slice(0, LAUNCHERS_MAX)) prepare(key);
    prepare('image-0');
    prepare(keys[LAUNCHERS_MAX] ?? '');
    assert.equal(pool.size, LAUNCHERS_MAX);
    assert.deepEqual(
      spawned.map(({ isDiscarded }) => isDiscarded),
      [false, true, ...Array.from({ length: LAUNCHERS_MAX - 1 }, () => false)],
    );
  });

  it('forgets one that ended by itself, and those whose image was removed', async () => {
    prepare('a');
    spawned[0]?.end();
    await spawned[0]?.ended;
    await Promise.resolve();
    assert.equal(pool.size, 0);
    const gone = join(root, 'layer');
    mkdirSync(gone);
    pool.prepareLater({ ...image('b'), layers: [gone] });
    clock.advance(PREPARE_DELAY_MS);
    rmSync(gone, { recursive: true });
    prepare('c');
    assert.deepEqual([pool.size, spawned[1]?.isDiscarded], [1, true]);
  });

  it('ends all of them when it closes, and makes no more', async () => {
    prepare('a');
    pool.prepareLater(image('b'));
    await pool.close();
    clock.advance(PREPARE_DELAY_MS);
    assert.deepEqual([pool.size, spawned.length, spawned[0]?.isDiscarded], [0, 1, true]);
  });

  function prepare(key: string): void {
    pool.prepareLater(image(key));
    clock.advance(PREPARE_DELAY_MS);
  }
});

describe('a launcher', function () {
  this.timeout(20_000);
  let home: string;
  const mountinfo = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'knit-launcher-'));
    mkdirSync(join(home, 'layer'));
    makeCgroupParents(parseCgroupLayout(mountinfo()), makeAgentPaths(home).cgroupParent);
  });
  afterEach(() => {
    removeCgroupParents(mountinfo(), makeAgentPaths(home).cgroupParent);
    rmSync(home, { recursive: true, force: true });
  });
  const make = (layer = join(home, 'layer')): Launcher => {
    const paths = makeAgentPaths(home);
    const layout = parseCgroupLayout(mountinfo());
    const place = {
      directory: join(home, 'one'),
      logPath: join(home, 'one.log'),
      group: 'one',
      layers: [layer],
    };
    return new Launcher({ runtime: 'crun', paths, layout, clock: systemClock }, place);
  };
  const groups = (): string[] =>
    listCgroups(parseCgroupLayout(mountinfo()), makeAgentPaths(home).cgroupParent);

  it('waits with its mounts in its own namespace, and leaves nothing when it is not needed', async () => {
    const launcher = make();
    await eventually('its mounts', () => Promise.resolve(launcher.isReady));
    const mounts = readFileSync(`/proc/${launcher.pid}/mountinfo`, 'utf8');
    assert.ok(mounts.includes(`${home}/one/rootfs`));
    assert.ok(!mountinfo().includes(home));
    const ticks = readStartTicks(launcher.pid);
    await launcher.discard();
    assert.equal(isAlive(launcher.pid, ticks), false);
    assert.deepEqual(groups(), []);
    assert.ok(!existsSync(join(home, 'one')) && !existsSync(join(home, 'one.log')));
  });

  it('takes its mounts along when it is moved', async () => {
    const launcher = make();
    await eventually('its mounts', () => Promise.resolve(launcher.isReady));
    launcher.move(join(home, 'pods/two'), join(home, 'pods/two.log'));
    const mounts = readFileSync(`/proc/${launcher.pid}/mountinfo`, 'utf8');
    assert.ok(mounts.includes(`${home}/pods/two/rootfs`), mounts);
    await launcher.discard();
    assert.ok(!existsSync(join(home, 'pods/two')));
  });

  it('is not ready when its mounts failed, and says why', async () => {
    const launcher = make(join(home, 'missing'));
    assert.equal(await launcher.ended, 125);
    assert.match(readFileSync(join(home, 'one/launch-error'), 'utf8'), /mount/);
    assert.equal(launcher.isReady, false);
    await launcher.discard();
  });
});
