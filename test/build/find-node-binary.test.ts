/** Where a base image's Node.js comes from when the registry cannot be reached. */
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNodeBinary } from '../../runtime/build/base-images/find-node-binary.ts';
import type { Logger } from '../../runtime/std/logger.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

describe('Node.js of a base image', function () {
  this.timeout(20_000);
  let cache = '';
  const warnings: Record<string, unknown>[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_message, fields = {}) => warnings.push(fields),
  };
  const find = (major: number | undefined) =>
    findNodeBinary(major, { cache, logger, signal: new AbortController().signal });
  const registry = process.env['npm_config_registry'];
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'knit-cache-'));
    // Nothing listens there.
    process.env['npm_config_registry'] = 'http://127.0.0.1:9/';
  });
  after(async () => {
    if (registry === undefined) delete process.env['npm_config_registry'];
    else process.env['npm_config_registry'] = registry;
    await rm(cache, { recursive: true, force: true });
  });

  it('is the machine’s own where that has the wanted major version', async () => {
    const major = Number(process.versions.node.split('.')[0]);
    assert.deepEqual(await find(major), {
      path: process.execPath,
      version: process.versions.node,
      isFallback: false,
    });
    assert.equal(warnings.length, 0);
  });

  it('falls back to the machine’s with a warning that names both versions', async () => {
    const found = await find(99);
    assert.deepEqual([found.path, found.isFallback], [process.execPath, true]);
    assert.deepEqual(
      [warnings[0]?.['wanted'], warnings[0]?.['used']],
      ['99.x', process.versions.node],
    );
    assert.deepEqual(await readdir(join(cache, 'node')), [], 'leaves no half of a download');
  });

  it('is the one fetched earlier, without asking the registry', async () => {
    const folder = join(cache, 'node', '98');
    await mkdir(join(folder, 'bin'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{"version":"98.1.0"}');
    await writeFile(join(folder, 'bin', 'node'), '');
    await chmod(join(folder, 'bin', 'node'), 0o755);
    assert.deepEqual(await find(98), {
      path: join(folder, 'bin', 'node'),
      version: '98.1.0',
      isFallback: false,
    });
  });
});
