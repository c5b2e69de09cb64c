/** The build room without buildah: the function Task makes a directory for the process driver. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, Header } from 'tar';
import {
  makeDockerfileTaskSpec,
  makeFunctionTaskSpec,
} from '../../runtime/apis/tekton/function-task.ts';
import { BuildHome, conditionOf, resultOf } from './build-home.ts';

const image = 'knit.local/shop-dev/code';

describe('Builds as bundles', function () {
  this.timeout(20_000);
  let home: BuildHome;
  before(async () => {
    home = await BuildHome.create('bundle');
    const staging = join(home.home, 'staging');
    await mkdir(join(staging, 'src'), { recursive: true });
    await writeFile(join(staging, 'src/hello.js'), 'exports.handler = 1;\n');
    await create(
      { file: join(home.source, 'code.tar'), cwd: staging, portable: true, mtime: new Date(0) },
      ['src'],
    );
  });
  after(() => home.remove());

  const build = (name: string, params: Record<string, string | string[]> = {}) =>
    home.build(name, makeFunctionTaskSpec(), {
      IMAGE: image,
      BASE_IMAGE: 'knit.local/nodejs22.x',
      ARCHIVE: 'code.tar',
      ...params,
    });
  const bundles = (...path: string[]): string => join(home.home, 'bundles', ...path);

  it('unpacks the archive and writes an OCI-like configuration', async () => {
    const run = await build('first', { CONFIG: ['--env=A=1=2', '--label=x=y'] });
    assert.match(conditionOf(run), /^True Succeeded/);
    const hex = resultOf(run, 'IMAGE_DIGEST').replace('sha256:', '');
    assert.equal(
      await readFile(bundles(hex, 'root/var/task/src/hello.js'), 'utf8'),
      'exports.handler = 1;\n',
    );
    const config = JSON.parse(await readFile(bundles(hex, 'config.json'), 'utf8')) as {
      Env: string[];
      Entrypoint: string[];
      WorkingDir: string;
      Labels: Record<string, string>;
    };
    assert.deepEqual(config.Entrypoint, ['node', '/var/runtime/node/server.mjs']);
    assert.equal(config.WorkingDir, '/var/task');
    assert.ok(config.Env.includes('A=1=2'));
    assert.deepEqual(config.Labels, { 'knit.dev/runtime': 'nodejs22.x', x: 'y' });
  });

  it('can be found by name, tag and digest', async () => {
    const run = await build('named');
    const digest = resultOf(run, 'IMAGE_DIGEST');
    const hex = digest.replace('sha256:', '');
    for (const name of [
      image,
      `${image}:latest`,
      `${image}:${hex.slice(0, 12)}`,
      `${image}@${digest}`,
    ])
      assert.equal(await readFile(bundles('refs', encodeURIComponent(name)), 'utf8'), hex);
  });

  it('gives the same digest for the same input and leaves no half-written files', async () => {
    const [one, two] = await Promise.all([build('again-1'), build('again-2')]);
    assert.equal(resultOf(one, 'IMAGE_DIGEST'), resultOf(two, 'IMAGE_DIGEST'));
    const names = [...(await readdir(bundles())), ...(await readdir(bundles('refs')))];
    assert.deepEqual(
      names.filter((name) => name.startsWith('.')),
      [],
    );
  });

  const escapes: [string, ConstructorParameters<typeof Header>[0]][] = [
    ['a path with ..', { path: '../evil', type: 'File', size: 0 }],
    ['an absolute path', { path: '/tmp/knit-evil', type: 'File', size: 0 }],
    [
      'a link that leaves the archive',
      { path: 'link', type: 'SymbolicLink', linkpath: '../../../../../etc/passwd' },
    ],
    ['an absolute link', { path: 'link', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
  ];
  for (const [title, fields] of escapes)
    it(`refuses an archive with ${title}`, async () => {
      const header = new Header({ mode: 0o644, ...(fields as object) });
      header.encode();
      await writeFile(
        join(home.source, 'evil.tar'),
        Buffer.concat([header.block ?? Buffer.alloc(0), Buffer.alloc(1024)]),
      );
      const run = await build(`evil-${escapes.findIndex(([each]) => each === title)}`, {
        ARCHIVE: 'evil.tar',
      });
      assert.match(conditionOf(run), /^False ArchiveInvalid: .*evil\.tar cannot be unpacked/);
      await assert.rejects(stat('/tmp/knit-evil'));
    });

  it('names the archive that is missing', async () => {
    assert.match(
      conditionOf(await build('missing', { ARCHIVE: 'nope.tar' })),
      /^False ArchiveMissing: the archive .*nope\.tar is missing/,
    );
  });

  it('names the base images that it knows', async () => {
    assert.match(
      conditionOf(await build('base', { BASE_IMAGE: 'alpine' })),
      /^False UnknownBaseImage: the base image "alpine" is none of/,
    );
  });

  it('says how to get buildah when a Dockerfile is asked for', async () => {
    const run = await home.build('dockerfile', makeDockerfileTaskSpec(), {
      IMAGE: image,
      CONTEXT_ARCHIVE: 'code.tar',
    });
    assert.match(
      conditionOf(run),
      /^False BuildahMissing: .*run apt-get install -y --no-install-recommends buildah crun/,
    );
  });
});
