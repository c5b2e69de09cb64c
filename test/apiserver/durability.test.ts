import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { testDefinitions } from './api-harness.ts';

const RUNS = 5;
const child = fileURLToPath(
  new URL(`./write-until-killed${extname(import.meta.url)}`, import.meta.url),
);
/** The child is TypeScript when this test is. */
const loader = extname(import.meta.url) === '.ts' ? ['--import=tsx'] : [];

interface Acknowledged {
  readonly live: Map<string, 'created' | 'patched'>;
  readonly deleted: Set<string>;
  version: number;
}

describe('API server killed while it writes', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-kill-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  async function writeAndKill(run: number, acknowledged: Acknowledged): Promise<void> {
    const writer = spawn(process.execPath, [...loader, child, directory, String(run)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    let writes = 0;
    // Each run is killed at another point of its life.
    const enough = 60 + run * 37;
    writer.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      writes = text.split('\n').length - 1;
      if (writes >= enough) writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    assert.ok(writes >= enough, `the child ended by itself after ${writes} writes`);
    for (const line of text.split('\n').slice(0, -1)) {
      const [what = '', name = '', version] = line.split(' ');
      if (what === 'deleted') {
        acknowledged.live.delete(name);
        acknowledged.deleted.add(name);
      } else acknowledged.live.set(name, what as 'created' | 'patched');
      acknowledged.version = Math.max(acknowledged.version, Number(version));
    }
  }

  it(`loses no acknowledged write and hands out no resourceVersion twice, ${RUNS} times in a row`, async function () {
    this.timeout(60_000);
    const acknowledged: Acknowledged = { live: new Map(), deleted: new Set(), version: 0 };
    for (let run = 0; run < RUNS; run++) {
      await writeAndKill(run, acknowledged);
      const server = await startApiServer({
        dataDir: directory,
        definitions: testDefinitions,
        clock: systemClock,
        logger: silentLogger,
      });
      const { body } = await server.transport.request({
        method: 'GET',
        path: '/api/v1/configmaps',
      });
      const { items, metadata } = body as {
        items: (KubeObject & { data: Record<string, string> })[];
        metadata: { resourceVersion: string };
      };
      await server.close();
      const found = new Map(items.map((item) => [item.metadata.name, item]));
      for (const [name, what] of acknowledged.live) {
        // A delete may have been committed and killed before it was acknowledged.
        if (!found.has(name) && isLastOfItsWriter(name, acknowledged)) continue;
        assert.ok(found.has(name), `${name} was acknowledged and is gone`);
        if (what === 'patched') assert.equal(found.get(name)?.data['patched'], 'yes');
      }
      for (const name of acknowledged.deleted) assert.ok(!found.has(name), `${name} came back`);
      for (const { metadata: meta } of items)
        assert.ok(Number(meta.resourceVersion) < Number(metadata.resourceVersion));
      assert.ok(Number(metadata.resourceVersion) > acknowledged.version);
      for (const name of acknowledged.live.keys())
        if (!found.has(name)) acknowledged.live.delete(name);
    }
  });
});

describe('API server on a full disk', () => {
  const run = promisify(execFile);
  const start = (dataDir: string): ReturnType<typeof startApiServer> =>
    startApiServer({
      dataDir,
      definitions: testDefinitions,
      clock: systemClock,
      logger: silentLogger,
    });
  let mountPoint: string;
  before(async () => {
    mountPoint = await mkdtemp(join(tmpdir(), 'knit-full-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mountPoint]);
  });
  after(async () => {
    await run('umount', [mountPoint]);
    await rm(mountPoint, { recursive: true });
  });

  it('refuses writes, has the same in memory and on disk, and goes on when there is room', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const data = { filler: 'x'.repeat(100_000) };
    const ballast = join(mountPoint, 'ballast');
    let server = await start(join(mountPoint, 'data'));
    const create = (name: string) =>
      server.transport.request({ method: 'POST', path, body: { metadata: { name }, data } });
    const names = async (): Promise<string[]> => {
      const { body } = await server.transport.request({ method: 'GET', path });
      return (body as { items: KubeObject[] }).items.map(({ metadata }) => metadata.name);
    };
    await writeFile(ballast, Buffer.alloc(1024 * 1024));
    const acknowledged: string[] = [];
    let refusal: unknown;
    for (let i = 0; i < 100 && !refusal; i++) {
      const name = `c${String(i).padStart(3, '0')}`;
      const { status, body } = await create(name);
      if (status === 201) acknowledged.push(name);
      else refusal = body;
    }
    const { code, message } = refusal as { code: number; message: string };
    assert.equal(code, 500);
    assert.match(message, /not stored and has been undone: no space left on the disk/);
    assert.deepEqual(await names(), acknowledged);
    await rm(ballast);
    assert.equal((await create('d')).status, 201);
    await server.close();
    server = await start(join(mountPoint, 'data'));
    assert.deepEqual(await names(), [...acknowledged, 'd']);
    await server.close();
  });
});

/** The writer deletes the object two before its newest one: only that one's fate can be open. */
function isLastOfItsWriter(name: string, { live }: Acknowledged): boolean {
  const [, prefix = '', index = ''] = /^(.*-)(\d+)$/.exec(name) ?? [];
  return !live.has(`${prefix}${Number(index) + 3}`);
}
