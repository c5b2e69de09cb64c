/** The build room with real buildah: images, failures, cancellation. Needs root and buildah. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { create } from 'tar';
import {
  makeDockerfileTaskSpec,
  makeFunctionTaskSpec,
} from '../../runtime/apis/tekton/function-task.ts';
import { taskRunKind } from '../../runtime/apis/tekton/types.ts';
import type { TaskSpec } from '../../runtime/apis/tekton/types.ts';
import { makeBuildPaths } from '../../runtime/build/build-paths.ts';
import { isDone } from '../../runtime/build/plan-task-run.ts';
import { BuildHome, conditionOf, namespace, resultOf } from './build-home.ts';

const machineBase = `knit.local/nodejs${process.versions.node.split('.')[0]}.x`;
const image = 'knit.local/shop-dev/code';

async function writeArchive(
  folder: string,
  name: string,
  files: Record<string, string>,
): Promise<void> {
  const staging = join(folder, `.${name}`);
  await execa('mkdir', ['-p', staging]);
  for (const [path, text] of Object.entries(files)) {
    await writeFile(join(staging, path), text);
    if (path === 'bootstrap') await chmod(join(staging, path), 0o755);
  }
  await create(
    { file: join(folder, name), cwd: staging, mtime: new Date(0), portable: true },
    Object.keys(files),
  );
}

const shell = (script: string, extra: Partial<TaskSpec['steps'][number]> = {}): TaskSpec => ({
  steps: [{ name: 'run', image: 'knit.local/buildah', script, ...extra }],
});

const bootstrap = `#!/usr/bin/node
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';
(async () => {
  for (;;) {
    const next = await fetch(api + 'next');
    await fetch(api + next.headers.get('lambda-runtime-aws-request-id') + '/response', { method: 'POST', body: await next.text() });
  }
})();
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilAnswered(url: string): Promise<Response> {
  for (const deadlineMs = Date.now() + 20_000; ;) {
    const answer = await fetch(url, { method: 'POST', body: '{}' }).catch((error: unknown) => {
      if (Date.now() > deadlineMs) throw error;
      return undefined;
    });
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('Builds with buildah', function () {
  this.timeout(120_000);
  let home: BuildHome;
  const buildahEnv = (): Record<string, string> => {
    const { config } = makeBuildPaths(home.home);
    return {
      CONTAINERS_STORAGE_CONF: join(config, 'storage.conf'),
      HOME: config,
      BUILDAH_ISOLATION: 'chroot',
    };
  };
  const buildah = async (...args: string[]): Promise<string> =>
    (await execa('buildah', args, { env: buildahEnv() })).stdout;

  before(async () => {
    home = await BuildHome.create('buildah');
    await writeArchive(home.source, 'code.tar', {
      'hello.js': 'exports.handler = async () => 42;\n',
    });
  });
  after(() => home.remove());

  const buildFunction = (name: string, params: Record<string, string | string[]> = {}) =>
    home.build(name, makeFunctionTaskSpec(), {
      IMAGE: image,
      BASE_IMAGE: machineBase,
      ARCHIVE: 'code.tar',
      ...params,
    });

  it('puts the archive at /var/task on an assembled base image that runs the function server', async () => {
    const run = await buildFunction('first', { CONFIG: ['--env=GREETING=hello world'] });
    assert.equal(conditionOf(run), 'True Succeeded: All Steps have completed executing');
    assert.equal(resultOf(run, 'IMAGE_URL'), image);
    assert.match(resultOf(run, 'IMAGE_DIGEST'), /^sha256:[0-9a-f]{64}$/);
    const inspected = JSON.parse(await buildah('inspect', '--type', 'image', image)) as {
      OCIv1: { config: { Entrypoint: string[]; Env: string[] }; rootfs: { diff_ids: string[] } };
    };
    assert.deepEqual(inspected.OCIv1.config.Entrypoint, ['node', '/var/runtime/node/server.mjs']);
    assert.ok(inspected.OCIv1.config.Env.includes('GREETING=hello world'));
    assert.equal(inspected.OCIv1.rootfs.diff_ids.length, 3);
    const container = await buildah('from', image);
    const output = await buildah(
      'run',
      container,
      '--',
      'sh',
      '-c',
      'node --version; cat /var/task/hello.js',
    );
    await buildah('rm', container);
    assert.equal(output, `v${process.versions.node}\nexports.handler = async () => 42;`);
  });

  it('gives the same digest for the same input, and keeps a tag by digest', async () => {
    const [one, two] = [await buildFunction('again-1'), await buildFunction('again-2')];
    const digest = resultOf(one, 'IMAGE_DIGEST');
    assert.equal(resultOf(two, 'IMAGE_DIGEST'), digest);
    const index = JSON.parse(
      await readFile(join(home.home, 'containers/storage/overlay-images/images.json'), 'utf8'),
    ) as { names?: string[]; digest: string }[];
    const tag = `${image}:${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`;
    assert.equal(index.find(({ names }) => names?.includes(tag))?.digest, digest);
  });

  const bases: [string, Record<string, string>, string][] = [
    [
      machineBase,
      { 'hello.js': 'exports.handler = async () => process.version;\n' },
      'hello.handler',
    ],
    [
      'knit.local/python3',
      { 'hello.py': 'import ssl\ndef handler(event, context):\n    return ssl.OPENSSL_VERSION\n' },
      'hello.handler',
    ],
    ['knit.local/provided', { bootstrap: bootstrap }, 'any'],
  ];
  for (const [base, files, handler] of bases)
    it(`makes an image on ${base} whose entry point serves the function`, async () => {
      await writeArchive(home.source, 'served.tar', files);
      const run = await buildFunction('served-' + base.replace(/\W/g, '-'), {
        BASE_IMAGE: base,
        ARCHIVE: 'served.tar',
      });
      assert.match(conditionOf(run), /^True Succeeded/);
      const { OCIv1 } = JSON.parse(await buildah('inspect', '--type', 'image', image)) as {
        OCIv1: { config: { Entrypoint: string[] } };
      };
      const container = await buildah('from', image);
      const port = await freePort();
      const env = [
        `PORT=${port}`,
        'HOST=127.0.0.1',
        `_HANDLER=${handler}`,
        'KNIT_RUNTIME_API_PORT=0',
      ];
      const server = execa(
        'buildah',
        [
          'run',
          ...env.flatMap((each) => ['--env', each]),
          container,
          '--',
          ...OCIv1.config.Entrypoint,
        ],
        { env: buildahEnv(), reject: false, all: true, detached: true },
      );
      try {
        const answer = await untilAnswered(`http://127.0.0.1:${port}/_knit/invoke`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('x-amz-function-error'), null, await answer.text());
      } finally {
        process.kill(-(server.pid ?? 0), 'SIGTERM');
        await server;
        await buildah('rm', container);
      }
    });

  it('leaves no working container and no scratch files behind', async () => {
    await buildFunction('tidy');
    assert.equal(await buildah('containers', '--quiet'), '');
    assert.deepEqual(await readdir(makeBuildPaths(home.home).runs), []);
    assert.deepEqual(await readdir(makeBuildPaths(home.home).processes), []);
  });

  it('builds a Dockerfile offline from an assembled base, with build arguments', async () => {
    await writeArchive(home.source, 'context.tar', {
      Dockerfile: `FROM ${machineBase}\nARG WHO=nobody\nCOPY server.js /app/server.js\nRUN echo "$WHO" > /app/who && node -e "require('/app/server.js')"\nENTRYPOINT ["node","/app/server.js"]\n`,
      'server.js': 'console.log("loaded")\n',
    });
    const run = await home.build('dockerfile', makeDockerfileTaskSpec(), {
      IMAGE: 'knit.local/shop-dev/web',
      CONTEXT_ARCHIVE: 'context.tar',
      BUILD_ARGS: ['WHO=ada lovelace; $(id)'],
    });
    assert.equal(conditionOf(run), 'True Succeeded: All Steps have completed executing');
    const container = await buildah('from', 'knit.local/shop-dev/web');
    const who = await buildah('run', container, '--', 'cat', '/app/who');
    await buildah('rm', container);
    assert.equal(who, 'ada lovelace; $(id)');
  });

  it('says which archive is missing', async () => {
    const run = await buildFunction('missing', { ARCHIVE: 'nope.tar' });
    assert.match(
      conditionOf(run),
      /^False Failed: "step-build-function" exited with code 1:\nthe archive nope.tar is missing/,
    );
    assert.equal(run.status?.steps?.[0]?.terminated?.exitCode, 1);
    assert.equal(run.status?.steps?.[0]?.terminationReason, 'Error');
  });

  it('says that the Dockerfile is missing', async () => {
    const run = await home.build('no-dockerfile', makeDockerfileTaskSpec(), {
      IMAGE: 'knit.local/shop-dev/web',
      CONTEXT_ARCHIVE: 'code.tar',
    });
    assert.match(conditionOf(run), /the build context has no file Dockerfile/);
  });

  it('quotes the last lines of a RUN that fails, and logs all of them', async () => {
    await writeArchive(home.source, 'broken.tar', {
      Dockerfile: `FROM ${machineBase}\nRUN echo "compiling the thing" && exit 7\n`,
    });
    const run = await home.build('broken', makeDockerfileTaskSpec(), {
      IMAGE: 'knit.local/shop-dev/broken',
      CONTEXT_ARCHIVE: 'broken.tar',
    });
    assert.match(conditionOf(run), /^False Failed: [^]*compiling the thing[^]*exit status 7/);
    const log = await readFile(
      join(home.home, 'logs/builds', namespace, 'broken-build-dockerfile.log'),
      'utf8',
    );
    assert.match(log, /compiling the thing/);
  });

  it('names the known base images when it does not know one', async () => {
    const run = await buildFunction('unknown-base', { BASE_IMAGE: 'knit.local/nodejs99.x' });
    assert.match(
      conditionOf(run),
      /^False UnknownBaseImage: .*"knit.local\/nodejs99.x" is none of knit.local\/nodejs20.x/,
    );
  });

  it('names a full disk as the cause', async () => {
    const run = await home.build(
      'full',
      shell('echo "write /x: no space left on device" >&2; exit 1'),
    );
    assert.match(conditionOf(run), /exited with code 1: the disk is full/);
  });

  it('goes on after a failing step with onError continue', async () => {
    const [failing] = shell('exit 3', { name: 'flaky', onError: 'continue' }).steps;
    const [after] = shell('true', { name: 'after' }).steps;
    assert.ok(failing && after);
    const run = await home.build('continued', { steps: [failing, after] });
    assert.match(conditionOf(run), /^True Succeeded/);
    assert.equal(run.status?.steps?.[0]?.terminationReason, 'Continued');
    assert.equal(run.status?.steps?.[0]?.terminated?.exitCode, 3);
  });

  it('refuses results beyond 4096 bytes', async () => {
    const spec = shell('head -c 5000 /dev/zero | tr "\\0" x > $(results.big.path)');
    const run = await home.build('big', { ...spec, results: [{ name: 'big' }] });
    assert.match(conditionOf(run), /^False TaskRunResultLargerThanAllowedLimit/);
  });

  describe('when a run is cut short', () => {
    const sleeper = shell('echo $$ > "$SOURCE/pid"; sleep 300 & echo $! >> "$SOURCE/pid"; wait', {
      env: [{ name: 'SOURCE', value: '$(workspaces.source.path)' }],
    });
    const startSleeper = async (name: string, spec: object = {}): Promise<number[]> => {
      await writeFile(join(home.source, 'pid'), '');
      await home.create(name, {
        taskSpec: { ...sleeper, workspaces: [{ name: 'source' }] },
        workspaces: [{ name: 'source', persistentVolumeClaim: { claimName: 'knit-source' } }],
        ...spec,
      });
      const path = join(home.source, 'pid');
      for (;;) {
        const pids = (await readFile(path, 'utf8')).trim().split('\n').filter(Boolean).map(Number);
        if (pids.length === 2) return pids;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const isAlive = async (pid: number): Promise<boolean> => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone) Z');
      return !/\) Z/.test(stat) && stat !== 'gone) Z';
    };
    const untilGone = async (pids: number[]): Promise<void> => {
      for (const pid of pids)
        while (await isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    };

    it('ends the whole process tree on cancellation', async () => {
      const pids = await startSleeper('cancelled');
      const taskRun = await home.until(
        'cancelled',
        ({ status }) => status?.steps?.[0]?.running !== undefined,
      );
      await home.client.update(taskRunKind, {
        ...taskRun,
        spec: { ...taskRun.spec, status: 'TaskRunCancelled', statusMessage: 'changed my mind' },
      });
      const ended = await home.until('cancelled', isDone);
      assert.equal(
        conditionOf(ended),
        'False TaskRunCancelled: TaskRun "cancelled" was cancelled. changed my mind',
      );
      assert.equal(ended.status?.steps?.[0]?.terminationReason, 'Cancelled');
      await untilGone(pids);
    });

    it('fails with TaskRunTimeout when its time is over', async () => {
      const pids = await startSleeper('slow', { timeout: '1s' });
      const ended = await home.until('slow', isDone);
      assert.equal(
        conditionOf(ended),
        'False TaskRunTimeout: TaskRun "slow" failed to finish within "1s"',
      );
      await untilGone(pids);
    });

    it('ends its processes on deletion', async () => {
      const pids = await startSleeper('deleted');
      await home.client.delete(taskRunKind, { namespace, name: 'deleted' });
      await untilGone(pids);
    });

    it('starts over what was running when the process died', async () => {
      const pids = await startSleeper('restarted');
      await home.stop();
      await untilGone(pids);
      const left = await home.client.get(taskRunKind, { namespace, name: 'restarted' });
      assert.equal(left && isDone(left), false);
      await writeFile(join(home.source, 'pid'), '');
      await home.start();
      await home.until('restarted', ({ status }) => status?.steps?.[0]?.running !== undefined);
      await home.client.delete(taskRunKind, { namespace, name: 'restarted' });
    });
  });

  describe('after control was killed', () => {
    it('ends the build processes that it left, and no others', async () => {
      await home.stop();
      const sleeper = (): ChildProcess =>
        spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
      const [left, other] = [sleeper(), sleeper()];
      const startOf = async (pid: number | undefined): Promise<string> => {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
      };
      const { processes } = makeBuildPaths(home.home);
      await writeFile(join(processes, String(left.pid)), await startOf(left.pid));
      // The number was given to another process since: its start time differs.
      await writeFile(join(processes, String(other.pid)), '1');
      const ended = once(left, 'exit');
      await home.start();
      await ended;
      assert.equal(other.exitCode ?? other.signalCode, null);
      other.kill();
      assert.deepEqual(await readdir(processes), []);
    });

    it('removes the working containers that it left before it builds', async () => {
      await home.stop();
      await buildah('from', 'scratch');
      await home.start();
      await buildFunction('after-crash');
      assert.equal(await buildah('containers', '--quiet'), '');
    });
  });
});
