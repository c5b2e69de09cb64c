import assert from 'node:assert/strict';
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { ZipArchive } from 'archiver';
import { list } from 'tar';
import { tarFromDirectory } from '../../../lib/package/tar-from-directory.ts';
import { nameEntries, tarFromFiles } from '../../../lib/package/tar-from-files.ts';
import { tarFromZip } from '../../../lib/package/tar-from-zip.ts';
import { parseDockerIgnore } from '../../../lib/package/docker-ignore.ts';

describe('archives', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'knit-tar-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const makeZip = async (
    name: string,
    files: readonly [path: string, content: string, mode: number][],
    date: Date,
  ): Promise<string> => {
    const file = path.join(directory, name);
    const zip = new ZipArchive({});
    const output = createWriteStream(file);
    zip.pipe(output);
    for (const [entry, content, mode] of files) zip.append(content, { name: entry, mode, date });
    await zip.finalize();
    await finished(output);
    return file;
  };

  const names = (file: string): { path: string; mode: number; type: string; mtime: number }[] => {
    const entries: { path: string; mode: number; type: string; mtime: number }[] = [];
    list({
      file,
      sync: true,
      onReadEntry: ({ path: entry, mode, type, mtime }) =>
        entries.push({ path: entry, mode: mode ?? 0, type, mtime: Number(mtime) }),
    });
    return entries;
  };

  const long = `${'deep/'.repeat(40)}naïve-${'x'.repeat(60)}.js`;

  it('of zips with the same files are the same, whatever order, time and mode bits the zips have', async () => {
    const first = await makeZip(
      'a.zip',
      [
        ['b.js', 'b', 0o644],
        ['a/run', 'a', 0o755],
        [long, 'long', 0o644],
      ],
      new Date('2001-01-01'),
    );
    const second = await makeZip(
      'b.zip',
      [
        [long, 'long', 0o600],
        ['a/run', 'a', 0o700],
        ['b.js', 'b', 0o664],
      ],
      new Date('2020-02-02'),
    );
    const one = await tarFromZip(first, path.join(directory, 'a.tar'));
    const two = await tarFromZip(second, path.join(directory, 'b.tar'));
    assert.equal(one.digest, two.digest);
    assert.deepEqual(one.files, ['a/run', 'b.js', long]);
    assert.ok(
      readFileSync(path.join(directory, 'a.tar')).equals(
        readFileSync(path.join(directory, 'b.tar')),
      ),
    );
  });

  it('are read by an independent tar implementation, long and non-ASCII names included', async () => {
    const zip = await makeZip(
      'a.zip',
      [
        ['a/run', 'a', 0o755],
        [long, 'x'.repeat(5000), 0o644],
      ],
      new Date(),
    );
    await tarFromZip(zip, path.join(directory, 'a.tar'));
    const mtime = Date.parse('1980-01-01T00:00:00Z');
    assert.deepEqual(names(path.join(directory, 'a.tar')), [
      { path: 'a/run', mode: 0o755, type: 'File', mtime },
      { path: long, mode: 0o644, type: 'File', mtime },
    ]);
  });

  it('of listed files are those that a zip of the same files becomes', async () => {
    const files: [path: string, content: string, mode: number][] = [
      ['b.js', 'b', 0o644],
      ['a/run', 'a', 0o755],
      [long, 'long', 0o644],
    ];
    for (const [file, content, mode] of files) {
      mkdirSync(path.dirname(path.join(directory, 'src', file)), { recursive: true });
      writeFileSync(path.join(directory, 'src', file), content, { mode });
    }
    const zip = await makeZip('a.zip', files, new Date());
    const names = files.map(([file]) => file);
    const fromZip = await tarFromZip(zip, path.join(directory, 'a.tar'));
    const fromFiles = await tarFromFiles(
      path.join(directory, 'src'),
      names,
      path.join(directory, 'b.tar'),
    );
    assert.deepEqual(fromFiles, fromZip);
  });

  it('name files from above the service as the hosts do', () =>
    assert.deepEqual(nameEntries(['b.js', '../shared/a.js', './src/c.js']), [
      ['b.js', 'b.js'],
      ['shared/a.js', '../shared/a.js'],
      ['src/c.js', './src/c.js'],
    ]));

  it('name the file that cannot be read', async () => {
    await assert.rejects(
      tarFromFiles(directory, ['gone.js'], path.join(directory, 'a.tar')),
      /gone\.js cannot be packaged: .* leave it out with "package\.patterns"/,
    );
  });

  it('differ when one byte differs', async () => {
    const date = new Date();
    const one = await makeZip('a.zip', [['a.js', 'a', 0o644]], date);
    const two = await makeZip('b.zip', [['a.js', 'b', 0o644]], date);
    assert.notEqual(
      (await tarFromZip(one, path.join(directory, 'a.tar'))).digest,
      (await tarFromZip(two, path.join(directory, 'b.tar'))).digest,
    );
  });

  it('are refused when the zip is damaged, naming it', async () => {
    const file = path.join(directory, 'bad.zip');
    writeFileSync(file, 'not a zip');
    await assert.rejects(tarFromZip(file, `${file}.tar`), /bad\.zip cannot be read as a zip/);
  });

  describe('of a build context', () => {
    const makeContext = (): void => {
      mkdirSync(path.join(directory, 'app/node_modules/x'), { recursive: true });
      mkdirSync(path.join(directory, 'app/.git'));
      writeFileSync(path.join(directory, 'app/Dockerfile'), 'FROM scratch');
      writeFileSync(path.join(directory, 'app/server.mjs'), 'serve');
      writeFileSync(path.join(directory, 'app/.git/HEAD'), 'ref');
      writeFileSync(path.join(directory, 'app/node_modules/x/i.js'), 'x');
      writeFileSync(path.join(directory, 'app/.dockerignore'), 'node_modules\nDockerfile\n');
      symlinkSync('server.mjs', path.join(directory, 'app/main.mjs'));
      writeFileSync(path.join(directory, 'other.Dockerfile'), 'FROM scratch');
    };
    const archive = (dockerfile: string) =>
      tarFromDirectory(
        { serviceDir: directory, context: 'app', dockerfile, where: 'function "app"' },
        path.join(directory, 'context.tar'),
      );

    it('leave out what .dockerignore names, but not the Dockerfile', async () => {
      makeContext();
      const { files, dockerfile } = await archive('app/Dockerfile');
      assert.equal(dockerfile, 'Dockerfile');
      assert.deepEqual(files, ['.dockerignore', 'Dockerfile', 'main.mjs', 'server.mjs']);
    });

    it('do not change with modification times', async () => {
      makeContext();
      const { digest } = await archive('app/Dockerfile');
      utimesSync(path.join(directory, 'app/server.mjs'), 1, 1);
      assert.equal((await archive('app/Dockerfile')).digest, digest);
    });

    it('carry a Dockerfile from outside the context', async () => {
      makeContext();
      const { dockerfile } = await archive('other.Dockerfile');
      assert.ok(
        names(path.join(directory, 'context.tar')).some((entry) => entry.path === dockerfile),
      );
    });

    it('are refused when the Dockerfile is missing, naming function and file', async () => {
      await assert.rejects(archive('app/Nofile'), /function "app": the Dockerfile "app\/Nofile"/);
    });
  });
});

describe('.dockerignore', () => {
  const isIgnored = parseDockerIgnore('# comment\n*.log\n**/*.tmp\ndist/\n!dist/keep.js\n/a?c\n');
  const rows: [path: string, expected: boolean][] = [
    ['x.log', true],
    ['sub/x.log', false],
    ['sub/deep/x.tmp', true],
    ['x.tmp', true],
    ['dist/a.js', true],
    ['dist/keep.js', false],
    ['abc', true],
    ['abbc', false],
    ['src/a.js', false],
  ];
  for (const [file, expected] of rows)
    it(`${expected ? 'leaves out' : 'keeps'} ${file}`, () =>
      assert.equal(isIgnored(file), expected));
});
