/**
 * exec, attach and port-forward as people's clients ask for them: @kubernetes/client-node, a SPDY client,
 * and every kubectl that this machine has, against real containers.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { Attach, Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import { type Agent, startAgent } from '../../runtime/agent/start-agent.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { appsDefinitions } from '../../runtime/apis/apps/definitions.ts';
import { type Container, podKind } from '../../runtime/apis/core/types.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { type ApiServer, startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { SpdyClient } from './spdy-client.ts';
import { buildTestImage, removeTestImage, TEST_IMAGE } from './test-image.ts';
import { eventually } from './test-machine.ts';

const BRIDGE = { name: 'knitx', cidr: '10.91.23.0/24' };
const WAIT_MS_MAX = 30_000;

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: V1Status;
}

describe('Streams into a container', function () {
  this.timeout(120_000);
  let images: string;
  let home: string;
  let api: ApiServer;
  let agent: Agent;
  let config: KubeConfig;
  let client: KubeClient;
  const abort = new AbortController();

  before(async () => {
    images = buildTestImage();
    home = mkdtempSync(join(tmpdir(), 'knit-streams-'));
    const pki = await makeLocalPki(join(home, 'pki'), { hosts: ['127.0.0.1'] });
    api = await startApiServer({
      dataDir: join(home, 'data'),
      definitions: [...coreDefinitions, ...appsDefinitions],
      clock: systemClock,
      logger: silentLogger,
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
      token: pki.token,
      readPodLog: (request) => agent.readPodLog(request),
      podStreams: {
        exec: (request) => agent.streams.exec(request),
        attach: (request) => agent.streams.attach(request),
        connect: (target) => agent.streams.connect(target),
      },
    });
    config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        { name: 'knit', server: api.url ?? '', caData: Buffer.from(pki.ca).toString('base64') },
      ],
      users: [{ name: 'admin', token: pki.token }],
      contexts: [{ name: 'knit', cluster: 'knit', user: 'admin' }],
      currentContext: 'knit',
    });
    client = new KubeClient(api.transport);
    const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(deps);
    informers.start(abort.signal);
    agent = await startAgent(
      { ...deps, informers, signal: abort.signal },
      {
        home,
        driver: 'oci',
        nodeName: 'node-a',
        bridge: BRIDGE,
        imageStoreRoot: images,
        bundlesRoot: join(home, 'bundles'),
        functionsRoot: join(home, 'functions'),
      },
    );
    await client.create(podKind, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'target', namespace: 'default' },
      spec: {
        nodeName: 'node-a',
        containers: [
          {
            name: 'user',
            image: TEST_IMAGE,
            workingDir: '/etc',
            env: [{ name: 'GREETING', value: 'hi' }],
          },
        ],
      },
    });
    await eventually(
      'a running container',
      async () => {
        const pod = await client.get(podKind, { namespace: 'default', name: 'target' });
        return pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
      },
      WAIT_MS_MAX,
    );
  });
  after(async () => {
    await agent?.close({ stopPods: true });
    abort.abort();
    await cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
    await api?.close();
    rmSync(home, { recursive: true, force: true });
    if (images) removeTestImage(images);
  });

  const exec = async (
    command: string[],
    { stdin, tty = false }: { stdin?: Readable; tty?: boolean } = {},
  ): Promise<Ended> => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const texts = [read(stdout), read(stderr)];
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec('default', 'target', 'user', command, stdout, stderr, stdin ?? null, tty, resolve)
        .catch(reject);
    });
    const [out = '', err = ''] = await Promise.all(texts);
    return { stdout: out, stderr: err, status };
  };

  describe('exec', () => {
    it('keeps both outputs apart, and runs as the container does', async () => {
      const script = 'echo "$GREETING $FROM_IMAGE $PWD"; echo oops >&2; read x; echo "eof $?"';
      const ended = await exec(['/bin/sh', '-c', script]);
      assert.deepEqual(
        [ended.stdout, ended.stderr, ended.status.status],
        ['hi yes /etc\neof 1\n', 'oops\n', 'Success'],
      );
      const uid = await exec(['/usr/bin/node', '-p', 'process.getuid()']);
      assert.equal(uid.stdout, '1234\n');
      const limits = `for (const pid of ['1', 'self']) console.log(require('fs')
        .readFileSync('/proc/' + pid + '/status', 'utf8').split('\\n')
        .filter((line) => /^(Cap|Groups|NoNewPrivs|Seccomp:)/.test(line)).join(' '))`;
      const [ofContainer, ofCommand] = (await exec(['/usr/bin/node', '-e', limits])).stdout.split(
        '\n',
      );
      assert.match(ofContainer ?? '', /CapEff/);
      assert.equal(ofCommand, ofContainer);
    });

    it('tells the exit code as a cause', async () => {
      const { status } = await exec(['/bin/sh', '-c', 'exit 7']);
      assert.deepEqual(
        [status.status, status.reason, status.details?.causes],
        ['Failure', 'NonZeroExitCode', [{ reason: 'ExitCode', message: '7' }]],
      );
    });

    it('passes a mebibyte through unharmed, and the end of the input', async () => {
      const bytes = Buffer.alloc(1024 * 1024, 'knit ');
      const copy = 'process.stdin.pipe(process.stdout)';
      const { stdout, status } = await exec(['/usr/bin/node', '-e', copy], {
        stdin: Readable.from([bytes.subarray(0, 300_000), bytes.subarray(300_000)], {
          objectMode: false,
        }),
      });
      assert.equal(status.status, 'Success');
      assert.ok(Buffer.from(stdout).equals(bytes), `${stdout.length} bytes came back`);
    });

    it('gives a terminal that is one, in the size it is given', async () => {
      const stdout = new PassThrough() as PassThrough & { columns?: number; rows?: number };
      Object.assign(stdout, { columns: 132, rows: 43 });
      const show = "setInterval(() => console.log('' + process.stdout.getWindowSize()), 50)";
      const socket = await new Exec(config).exec(
        ...(['default', 'target', 'user'] as const),
        ['/usr/bin/node', '-e', show],
        ...([stdout, null, new PassThrough(), true] as const),
      );
      let seen = '';
      stdout.on('data', (chunk) => (seen += String(chunk)));
      await eventually('the size', () => Promise.resolve(seen.includes('132,43')), WAIT_MS_MAX);
      socket.close();
      const script = 'process.stdout.write(`${process.stdin.isTTY} ${process.stdout.isTTY}`)';
      const ended = await exec(['/usr/bin/node', '-e', script], { tty: true });
      assert.deepEqual([ended.stdout, ended.stderr], ['true true', '']);
    });

    it('ends the command when its client goes', async () => {
      const stdout = new PassThrough();
      const socket = await new Exec(config).exec(
        ...(['default', 'target', 'user'] as const),
        ['/usr/bin/node', '-e', 'console.log(process.pid); setInterval(() => {}, 1000)'],
        ...([stdout, new PassThrough(), null, false] as const),
      );
      const pid = String(await new Promise((resolve) => stdout.once('data', resolve))).trim();
      socket.close();
      await eventually(
        'the end of the command',
        async () => (await exec(['/bin/sh', '-c', `kill -0 ${pid}`])).status.status === 'Failure',
        WAIT_MS_MAX,
      );
    });

    it('says why a command cannot run', async () => {
      const { status } = await exec(['/no/such/program']);
      assert.equal(status.status, 'Failure');
    });
  });

  describe('port-forward', () => {
    it('reaches a server of the pod', async () => {
      const server = await listen((socket) => {
        const forward = new PortForward(config);
        void forward.portForward('default', 'target', [8080], socket, null, socket);
      });
      const { port } = server.address() as AddressInfo;
      const answer = await fetch(`http://127.0.0.1:${port}/env/GREETING`, {
        headers: { connection: 'close' },
      });
      assert.equal(await answer.text(), '"hi"');
      server.close();
    });

    it('reaches one that listens on the pod’s loopback address only', async () => {
      const script =
        "require('net').createServer((s) => s.end('inside')).listen(9999, '127.0.0.1', () => console.log('up'))";
      const stdout = new PassThrough();
      const socket = await new Exec(config).exec(
        ...(['default', 'target', 'user'] as const),
        ['/usr/bin/node', '-e', script],
        ...([stdout, new PassThrough(), null, false] as const),
      );
      await new Promise((resolve) => stdout.once('data', resolve));
      const server = await listen((client_) => {
        const forward = new PortForward(config);
        void forward.portForward('default', 'target', [9999], client_, null, client_);
      });
      const { port } = server.address() as AddressInfo;
      const text = await new Promise<string>((resolve, reject) => {
        const connection = createConnection(port, '127.0.0.1');
        connection.once('data', (bytes) => resolve(String(bytes)));
        connection.once('error', reject);
      });
      assert.equal(text, 'inside');
      socket.close();
      server.close();
    });
  });

  describe('over SPDY', () => {
    const ask = (path: string, protocols: string[]): Promise<SpdyClient> => {
      const cluster = config.getCurrentCluster();
      return SpdyClient.connect({
        url: `${cluster?.server}/api/v1/namespaces/default/pods/${path}`,
        ca: Buffer.from(cluster?.caData ?? '', 'base64').toString(),
        token: config.getCurrentUser()?.token ?? '',
        protocols,
      });
    };
    const execPath = (flags: string, ...command: string[]): string =>
      `target/exec?container=user&${flags}&${command.map((one) => `command=${encodeURIComponent(one)}`).join('&')}`;

    it('runs a command: input, both outputs, its end as a Status', async () => {
      const path = execPath(
        'stdin=true&stdout=true&stderr=true',
        ...['/bin/sh', '-c', 'read x; echo "got $x"; echo oops >&2; exit 7'],
      );
      const client = await ask(path, ['v4.channel.k8s.io', 'v3.channel.k8s.io']);
      assert.equal(client.protocol, 'v4.channel.k8s.io');
      const error = await client.open({ streamtype: 'error' });
      const stdin = await client.open({ streamtype: 'stdin' });
      const stdout = await client.open({ streamtype: 'stdout' });
      const stderr = await client.open({ streamtype: 'stderr' });
      for (const stream of [error, stdout, stderr]) stream.end();
      stdin.write('hello\n');
      assert.equal(String(await stdout.ended), 'got hello\n');
      assert.equal(String(await stderr.ended), 'oops\n');
      const status = JSON.parse(String(await error.ended)) as V1Status;
      assert.deepEqual(status.details?.causes, [{ reason: 'ExitCode', message: '7' }]);
      await client.whenClosed();
    });

    it('tells clients of before version 4 in words', async () => {
      const client = await ask(execPath('stdout=true', '/bin/sh', '-c', 'exit 7'), [
        'v2.channel.k8s.io',
        'channel.k8s.io',
      ]);
      const error = await client.open({ streamtype: 'error' });
      const stdout = await client.open({ streamtype: 'stdout' });
      assert.equal(String(await stdout.ended), '');
      assert.match(String(await error.ended), /non-zero exit code: exit status 7/);
      client.close();
    });

    it('passes four mebibytes through unharmed, both ways', async () => {
      const bytes = Buffer.alloc(4 * 1024 * 1024, 'knit ');
      const copy = 'process.stdin.pipe(process.stdout)';
      const client = await ask(execPath('stdin=1&stdout=1', '/usr/bin/node', '-e', copy), [
        'v4.channel.k8s.io',
      ]);
      await client.open({ streamtype: 'error' });
      const stdin = await client.open({ streamtype: 'stdin' });
      const stdout = await client.open({ streamtype: 'stdout' });
      stdin.write(bytes);
      stdin.end();
      assert.ok((await stdout.ended).equals(bytes));
      client.close();
    });

    it('takes no stream that was not asked for', async () => {
      const client = await ask(execPath('stdout=true', '/bin/sh', '-c', 'exit 0'), [
        'v4.channel.k8s.io',
      ]);
      assert.equal(await (await client.open({ streamtype: 'stdin' })).wasReset, 3);
      client.close();
    });

    it('speaks no version that it does not know', async () => {
      await assert.rejects(
        ask(execPath('stdout=true', 'ls'), ['v9.channel.k8s.io']),
        /400: .*client supports \[v9\.channel\.k8s\.io\]/,
      );
    });

    it('forwards forty connections at once, each direction ending by itself', async () => {
      const script = `require('net').createServer({ allowHalfOpen: true }, (s) => {
        let text = ''; s.on('data', (d) => (text += d)); s.on('end', () => s.end('after ' + text));
      }).listen(9998, '127.0.0.1', () => console.log('up'))`;
      const stdout = new PassThrough();
      const server = await new Exec(config).exec(
        ...(['default', 'target', 'user'] as const),
        ['/usr/bin/node', '-e', script],
        ...([stdout, new PassThrough(), null, false] as const),
      );
      await new Promise((resolve) => stdout.once('data', resolve));
      const client = await ask('target/portforward', ['portforward.k8s.io']);
      const answers = Array.from({ length: 40 }, async (_, index) => {
        const headers = { port: '9998', requestid: String(index) };
        const error = await client.open({ streamtype: 'error', ...headers });
        error.end();
        const data = await client.open({ streamtype: 'data', ...headers });
        data.write(`request ${index}`);
        data.end();
        assert.equal(String(await data.ended), `after request ${index}`);
        assert.equal(String(await error.ended), '');
      });
      await Promise.all(answers);
      const refused = { port: '9', requestid: 'x' };
      const error = await client.open({ streamtype: 'error', ...refused });
      await client.open({ streamtype: 'data', ...refused });
      assert.match(
        String(await error.ended),
        /^error forwarding port 9 to pod target_default, uid /,
      );
      client.close();
      server.close();
    });
  });

  describe('attach', () => {
    const start = async (name: string, container: Partial<Container>): Promise<void> => {
      await client.create(podKind, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: {
          nodeName: 'node-a',
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'user', image: TEST_IMAGE, ...container }],
        },
      });
      await eventually(
        'a running container',
        async () => {
          const pod = await client.get(podKind, { namespace: 'default', name });
          return pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
        },
        WAIT_MS_MAX,
      );
    };
    const exitCode = (name: string): Promise<number> =>
      eventually(
        'the end of the container',
        async () =>
          (await client.get(podKind, { namespace: 'default', name }))?.status
            ?.containerStatuses?.[0]?.state?.terminated?.exitCode,
        WAIT_MS_MAX,
      );

    it('types into the container’s own process, whose input ends with who typed first', async () => {
      const script = 'while read x; do echo "got $x"; done; echo eof; exit 3';
      const command = ['/bin/sh', '-c', script];
      await start('typed', { command, stdin: true, stdinOnce: true });
      const [stdin, stdout] = [new PassThrough(), new PassThrough()];
      let seen = '';
      stdout.on('data', (chunk) => (seen += String(chunk)));
      const socket = await new Attach(config).attach(
        ...(['default', 'typed', 'user', stdout, null, stdin, false] as const),
      );
      stdin.write('one\n');
      await eventually('the echo', () => Promise.resolve(seen.includes('got one')), WAIT_MS_MAX);
      socket.close();
      assert.equal(await exitCode('typed'), 3);
    });

    it('keeps the input open for the next who comes', async () => {
      const script = 'while read x; do [ "$x" = end ] && exit 4; echo "got $x"; done; exit 5';
      await start('open', { command: ['/bin/sh', '-c', script], stdin: true });
      for (const word of ['first', 'end']) {
        const [stdin, stdout] = [new PassThrough(), new PassThrough()];
        const socket = await new Attach(config).attach(
          ...(['default', 'open', 'user', stdout, null, stdin, false] as const),
        );
        const answered = new Promise((resolve) => stdout.once('data', resolve));
        stdin.write(`${word}\n`);
        if (word === 'first') assert.equal(String(await answered), 'got first\n');
        else assert.equal(await exitCode('open'), 4);
        socket.close();
      }
    });

    it('is a terminal where the container has one, in the client’s size', async () => {
      const show =
        'setInterval(() => console.log("" + process.stdin.isTTY + process.stdout.columns), 50)';
      await start('terminal', { command: ['/usr/bin/node', '-e', show], stdin: true, tty: true });
      const stdout = new PassThrough() as PassThrough & { columns?: number; rows?: number };
      Object.assign(stdout, { columns: 99, rows: 33 });
      let seen = '';
      stdout.on('data', (chunk) => (seen += String(chunk)));
      const socket = await new Attach(config).attach(
        ...(['default', 'terminal', 'user', stdout, null, new PassThrough(), true] as const),
      );
      await eventually('the size', () => Promise.resolve(seen.includes('true99')), WAIT_MS_MAX);
      socket.close();
      const { status } = await exec(['/bin/sh', '-c', 'exit 0']);
      assert.equal(status.status, 'Success');
    });
  });

  for (const kubectl of findKubectls())
    describe(`kubectl at ${kubectl}`, () => {
      const run = (
        args: readonly string[],
        input?: Buffer,
      ): Promise<{ code: number | null; out: Buffer }> => {
        const file = join(home, 'kubeconfig');
        writeFileSync(file, config.exportConfig(), { mode: 0o600 });
        const child = spawn(kubectl, args, { env: { ...process.env, KUBECONFIG: file } });
        const chunks: Buffer[] = [];
        child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
        child.stdin.end(input);
        return new Promise((resolve, reject) => {
          child.once('error', reject);
          child.once('close', (code) => resolve({ code, out: Buffer.concat(chunks) }));
        });
      };

      it('runs commands, with megabytes of input and output, and their exit codes', async () => {
        const bytes = Buffer.alloc(5_000_000, 'knit ');
        const copy = 'process.stdin.pipe(process.stdout)';
        const args = ['exec', '-i', 'target', '--', '/usr/bin/node', '-e', copy];
        assert.ok((await run(args, bytes)).out.equals(bytes));
        assert.equal((await run(['exec', 'target', '--', '/bin/sh', '-c', 'exit 3'])).code, 3);
      });

      it('copies a file in and out', async () => {
        const [there, back] = [join(home, 'there'), join(home, 'back')];
        writeFileSync(there, Buffer.alloc(300_000, 'file '));
        assert.equal((await run(['cp', there, 'target:/tmp/copied'])).code, 0);
        assert.equal((await run(['cp', 'target:/tmp/copied', back])).code, 0);
        assert.ok(readFileSync(back).equals(readFileSync(there)));
      });

      it('forwards a port for many connections at once', async () => {
        const file = join(home, 'kubeconfig');
        const child = spawn(kubectl, ['port-forward', 'target', ':8080'], {
          env: { ...process.env, KUBECONFIG: file },
        });
        const port = await new Promise<string>((resolve, reject) => {
          child.stdout.on('data', (text) => {
            const found = /127\.0\.0\.1:(\d+)/.exec(String(text))?.[1];
            if (found !== undefined) resolve(found);
          });
          child.once('exit', (code) => reject(new Error(`kubectl ended with ${code}`)));
        });
        const answers = await Promise.all(
          Array.from({ length: 30 }, async () => {
            const answer = await fetch(`http://127.0.0.1:${port}/env/GREETING`);
            return answer.text();
          }),
        );
        child.removeAllListeners('exit').kill();
        assert.deepEqual([...new Set(answers)], ['"hi"']);
      });
    });

  describe('a refusal', () => {
    const rows: [path: string, status: number, message: RegExp][] = [
      ['nobody/exec?command=ls&stdout=1', 404, /pods "nobody" not found/],
      ['target/exec?command=ls', 400, /at least 1 of stdin, stdout, stderr/],
      ['target/exec?stdout=1', 400, /you must specify a command/],
      [
        'target/exec?stdout=1&command=ls&container=x',
        400,
        /container x is not valid for pod target/,
      ],
      ['target/portforward?ports=0', 400, /invalid port "0"/],
    ];
    for (const [path, status, message] of rows)
      it(`answers ${path} with ${status}`, async () => {
        const { default: WebSocket } = await import('ws');
        const cluster = config.getCurrentCluster();
        const url = `${cluster?.server.replace('https', 'wss')}/api/v1/namespaces/default/pods/${path}`;
        const socket = new WebSocket(url, ['v4.channel.k8s.io'], {
          ca: Buffer.from(cluster?.caData ?? '', 'base64'),
          headers: { authorization: `Bearer ${config.getCurrentUser()?.token}` },
        });
        const [code, body] = await new Promise<[number | undefined, string]>((resolve, reject) => {
          socket.once('open', () => reject(new Error('it was accepted')));
          socket.once('error', () => undefined);
          socket.once('unexpected-response', (_request, response) => {
            read(response).then((text) => resolve([response.statusCode, text]), reject);
          });
        });
        assert.equal(code, status);
        assert.match((JSON.parse(body) as { message: string }).message, message);
      });
  });
});

async function read(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk;
  return text;
}

/** Those of this machine: on a bare one none, and then the clients above stand for them. */
function findKubectls(): string[] {
  const { PATH = '', KNIT_KUBE_CACHE = '' } = process.env;
  const paths = [...PATH.split(':'), KNIT_KUBE_CACHE]
    .filter(Boolean)
    .map((folder) => join(folder, 'kubectl'))
    .filter((path) => existsSync(path));
  return [...new Set(paths.map((path) => realpathSync(path)))];
}

function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
