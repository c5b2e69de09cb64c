/** exec and port-forward as people's clients ask for them : @kubernetes/client-node against a real container. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
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
import { Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import { type Agent, startAgent } from '../../runtime/agent/start-agent.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { appsDefinitions } from '../../runtime/apis/apps/definitions.ts';
import { podKind } from '../../runtime/apis/core/types.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { type ApiServer, startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
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

function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
