/** A build on a disk that is really full: a small tmpfs holds the home. Needs root and buildah. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { makeFunctionTaskSpec } from '../../runtime/apis/tekton/function-task.ts';
import { makeBuildPaths } from '../../runtime/build/build-paths.ts';
import { BuildHome, conditionOf } from './build-home.ts';

describe('Builds on a full disk', function () {
  this.timeout(60_000);
  let mount = '';
  let home: BuildHome;
  before(async () => {
    mount = await mkdtemp(join(tmpdir(), 'knit-full-'));
    // Smaller than a Node.js executable.
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', mount]);
    home = await BuildHome.create('buildah', mount);
  });
  after(async () => {
    await home.remove();
    await execa('umount', [mount]);
    await rmdir(mount);
  });

  it('say so, name the remedy, and leave nothing half-made', async () => {
    await writeFile(join(home.source, 'code.tar'), Buffer.alloc(1024));
    const run = await home.build('full', makeFunctionTaskSpec(), {
      IMAGE: 'knit.local/shop-dev/code',
      BASE_IMAGE: `knit.local/nodejs${process.versions.node.split('.')[0]}.x`,
      ARCHIVE: 'code.tar',
    });
    assert.match(conditionOf(run), /^False DiskFull: the disk is full.*free some space/s);
    const { config } = makeBuildPaths(home.home);
    const env = { CONTAINERS_STORAGE_CONF: join(config, 'storage.conf'), HOME: config };
    assert.equal((await execa('buildah', ['containers', '--quiet'], { env })).stdout, '');
    assert.deepEqual(await readdir(makeBuildPaths(home.home).runs), []);
  });
});
