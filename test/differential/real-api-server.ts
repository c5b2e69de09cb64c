/**
 * Starts Kubernetes' own kube-apiserver with an etcd of its own, on loopback and in a temporary
 * directory, for the tests that ask it what is right. Run as a program it stays up and says how to
 * reach it: `KNIT_KUBE_CACHE=... node --import=tsx test/differential/real-api-server.ts [--controllers]`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { buildKube } from './build-kube.ts';

export interface RealApiServer {
  readonly url: string;
  /** PEM of the CA that signed the serving certificate. */
  readonly ca: string;
  /** Bearer tokens by user name; `admin` is in system:masters. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly kubeconfig: string;
  /** Of kube-apiserver, etcd and the controllers. */
  readonly pids: readonly number[];
  /** Ends all processes and removes their files. */
  close(): Promise<void>;
}

export interface RealApiServerOptions {
  /** Users beside `admin`, with their groups. */
  readonly users?: Readonly<Record<string, readonly string[]>>;
  /** Names of controllers to run, as kube-controller-manager's `--controllers` takes them. */
  readonly controllers?: readonly string[];
  /** Whether etcd flushes before it acknowledges, as in production. @default false, which is quicker */
  readonly flushes?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** The controllers whose effects a client of the API alone can see. */
export const apiControllers = [
  'namespace-controller',
  'garbage-collector-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
];

/** The real server takes 9 s on a free machine; this is for one that builds something beside it. */
const READY_WITHIN_MS = 180_000;
const POLL_MS = 200;

export async function startRealApiServer(
  options: RealApiServerOptions = {},
): Promise<RealApiServer> {
  const { users = {}, controllers = [], onProgress = () => {} } = options;
  const paths = await buildKube(onProgress);
  const directory = await mkdtemp(join(tmpdir(), 'kube-'));
  const file = (name: string): string => join(directory, name);
  const children: ChildProcess[] = [];
  const start = (command: string, args: readonly string[], log: string): ChildProcess => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: directory });
    const output = createWriteStream(file(log));
    child.stdout?.pipe(output, { end: false });
    child.stderr?.pipe(output, { end: false });
    children.push(child);
    return child;
  };
  const close = async (): Promise<void> => {
    for (const child of children.reverse()) await stop(child);
    await rm(directory, { recursive: true, force: true });
  };

  try {
    const [port, etcdPort, peerPort] = await freePorts(3);
    const pki = await makeLocalPki(file('pki'), { hosts: ['127.0.0.1', 'localhost'] });
    await writeFile(file('server.crt'), pki.cert);
    await writeFile(file('server.key'), pki.key);
    await writeFile(file('ca.crt'), pki.ca);
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    await writeFile(file('sa.key'), privateKey);
    await writeFile(file('sa.pub'), publicKey);
    const groups = { admin: ['system:masters'], ...users };
    const tokens = Object.fromEntries(
      Object.keys(groups).map((name) => [name, randomBytes(16).toString('hex')]),
    );
    const lines = Object.entries(groups).map(
      ([name, of]) => `${tokens[name] ?? ''},${name},uid-${name},"${of.join(',')}"`,
    );
    await writeFile(file('tokens.csv'), `${lines.join('\n')}\n`);
    const url = `https://127.0.0.1:${port}`;
    const kubeconfig = file('kubeconfig');
    await writeFile(kubeconfig, makeKubeconfig(url, pki.ca, tokens['admin'] ?? ''));

    await mkdir(file('etcd'), { mode: 0o700 });
    const etcdUrl = `http://127.0.0.1:${etcdPort}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    start(
      paths.etcd,
      [
        `--data-dir=${file('etcd')}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=default=${peerUrl}`,
        ...(options.flushes ? [] : ['--unsafe-no-fsync']),
      ],
      'etcd.log',
    );
    const server = start(
      paths['kube-apiserver'],
      [
        `--etcd-servers=${etcdUrl}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        `--tls-cert-file=${file('server.crt')}`,
        `--tls-private-key-file=${file('server.key')}`,
        `--client-ca-file=${file('ca.crt')}`,
        `--token-auth-file=${file('tokens.csv')}`,
        '--authorization-mode=RBAC',
        '--service-cluster-ip-range=10.0.0.0/16',
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${file('sa.pub')}`,
        `--service-account-signing-key-file=${file('sa.key')}`,
        '--allow-privileged=true',
        '--endpoint-reconciler-type=none',
      ],
      'kube-apiserver.log',
    );
    onProgress(`waiting for kube-apiserver at ${url}`);
    await waitUntilReady(url, pki.ca, server, file('kube-apiserver.log'));
    if (controllers.length > 0) {
      const [managerPort] = await freePorts(1);
      start(
        paths['kube-controller-manager'],
        [
          `--kubeconfig=${kubeconfig}`,
          `--controllers=${controllers.join(',')}`,
          '--leader-elect=false',
          '--use-service-account-credentials=false',
          `--service-account-private-key-file=${file('sa.key')}`,
          `--root-ca-file=${file('ca.crt')}`,
          '--bind-address=127.0.0.1',
          `--secure-port=${managerPort}`,
          `--cert-dir=${file('manager')}`,
        ],
        'kube-controller-manager.log',
      );
    }
    const pids = children.flatMap(({ pid }) => pid ?? []);
    return { url, ca: pki.ca, tokens, kubeconfig, pids, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Ports that were free a moment ago. The real server cannot be told to pick one itself. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer().on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function waitUntilReady(
  url: string,
  ca: string,
  server: ChildProcess,
  log: string,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    if (await answers(`${url}/readyz`, ca)) return;
    if (server.exitCode !== null || Date.now() > deadline) {
      const text = await readFile(log, 'utf8').catch(() => '');
      throw new Error(`kube-apiserver did not become ready: ${text.slice(-3_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const answers = (url: string, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const get = request(url, { ca }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    get.on('error', () => resolve(false));
    get.end();
  });

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function makeKubeconfig(server: string, ca: string, token: string): string {
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'real',
          cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
        },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'real', context: { cluster: 'real', user: 'admin' } }],
      'current-context': 'real',
    },
    undefined,
    2,
  )}\n`;
}

if (import.meta.filename === process.argv[1]) {
  const server = await startRealApiServer({
    users: { alice: [] },
    controllers: process.argv.includes('--controllers') ? apiControllers : [],
    onProgress: (line) => console.error(line),
  });
  console.log(
    JSON.stringify({ url: server.url, tokens: server.tokens, kubeconfig: server.kubeconfig }),
  );
  const end = (): void => void server.close().then(() => process.exit(0));
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}
