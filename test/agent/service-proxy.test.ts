import assert from 'node:assert/strict';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { makeBridge, removeBridge } from '../../runtime/agent/network/bridge.ts';
import { parseAddressPlan } from '../../runtime/agent/network/address-plan.ts';
import { NetnsPool } from '../../runtime/agent/network/netns-pool.ts';
import {
  routeServiceNetwork,
  startServiceProxy,
  type ServiceProxy,
} from '../../runtime/agent/network/service-proxy.ts';
import { runCommand } from '../../runtime/agent/run-command.ts';
import { discoveryDefinitions } from '../../runtime/apis/discovery/definitions.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { startApi, testDefinitions, type Api } from '../apiserver/api-harness.ts';

const services = '/api/v1/namespaces/default/services';
const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const merge = { contentType: 'application/merge-patch+json' };

interface Backend {
  readonly name: string;
  readonly port: number;
  readonly server: Server;
}

/** Says its name to whoever has sent everything, and then what it has read. */
async function startBackend(name: string, host = '127.0.0.1'): Promise<Backend> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let read = '';
    socket.on('data', (chunk: Buffer) => (read += chunk.toString()));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end(`${name}:${read}`));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { name, server, port: (server.address() as AddressInfo).port };
}

/** What comes back after sending `text` and half-closing. @throws what connecting throws */
function ask(host: string, port: number, text = 'hello'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    let read = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => (read += chunk.toString()));
    socket.on('end', () => {
      socket.destroy();
      resolve(read);
    });
    socket.end(text);
  });
}

interface DatagramClient {
  readonly socket: DatagramSocket;
  ask(host: string, port: number, text: string): Promise<string>;
}

/** Answers each datagram with its name and what came. */
async function startDatagrams(
  name: string,
): Promise<{ name: string; port: number; socket: DatagramSocket }> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) =>
    socket.send(`${name}:${bytes.toString()}`, from.port, from.address),
  );
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { name, port: socket.address().port, socket };
}

/** Sends from one port; a datagram that is lost is sent again. */
async function openDatagrams(): Promise<DatagramClient> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  const ask = (host: string, port: number, text: string): Promise<string> =>
    new Promise((resolve) => {
      const send = (): void => socket.send(text, port, host);
      const timer = setInterval(send, 200);
      socket.on('message', function take(bytes: Buffer) {
        // Late answers to what was sent twice.
        if (!bytes.toString().endsWith(`:${text}`)) return;
        clearInterval(timer);
        socket.off('message', take);
        resolve(bytes.toString());
      });
      send();
    });
  return { socket, ask };
}

/** An error counts as seen by its text. */
async function eventually(
  look: () => Promise<string>,
  isRight: (seen: string) => boolean,
): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const seen = await look().catch(String);
    if (isRight(seen)) return seen;
    if (attempt === 600) throw new Error(`last seen: ${seen}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('The proxy of Services on a node', () => {
  let api: Api;
  let proxy: ServiceProxy;
  let stop: AbortController;
  let backends: Backend[];

  async function start(serviceCidr: string, nodeHosts: readonly string[]): Promise<void> {
    api = await startApi({
      serviceCidr,
      definitions: [...testDefinitions, ...discoveryDefinitions],
    });
    stop = new AbortController();
    const client = new KubeClient(api.server.transport);
    const common = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(common);
    proxy = startServiceProxy({ ...common, informers, signal: stop.signal }, { nodeHosts });
    informers.start(stop.signal);
    await informers.waitForSync(stop.signal);
  }
  async function end(): Promise<void> {
    await proxy.close();
    stop.abort();
    await api.close();
    for (const { server } of backends) server.close();
  }

  async function createService(spec: object = {}): Promise<{ ip: string; nodePort: number }> {
    const { status, body } = await api.request('POST', services, {
      metadata: { name: 'a' },
      spec: { ports: [{ name: 'tcp', port: 7000 }], ...spec },
    });
    assert.equal(status, 201, JSON.stringify(body));
    return { ip: body.spec.clusterIP, nodePort: body.spec.ports[0].nodePort };
  }

  /** One slice for each backend, because each has a port of its own. */
  async function publish(
    host: string,
    ...targets: readonly { name: string; port: number; protocol?: string }[]
  ): Promise<void> {
    for (const { name, port, protocol = 'TCP' } of targets) {
      const { status, body } = await api.request('POST', slices, {
        metadata: { name: `a-${name}`, labels: { 'kubernetes.io/service-name': 'a' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [host], conditions: { ready: true } }],
        ports: [{ name: protocol.toLowerCase(), port, protocol }],
      });
      assert.equal(status, 201, JSON.stringify(body));
    }
  }

  describe('on loopback, for plain processes', () => {
    beforeEach(async () => {
      backends = [await startBackend('one'), await startBackend('two')];
      await start('127.201.0.0/24', ['127.0.0.1']);
    });
    afterEach(end);

    it('shares connections among the endpoints in turn, and keeps each half of a connection', async () => {
      const { ip } = await createService();
      await publish('127.0.0.1', ...backends);
      const seen = new Set<string>();
      await eventually(
        () => ask(ip, 7000),
        (answer) => seen.add(answer).size >= 2 && answer.endsWith(':hello'),
      );
      const names: string[] = [];
      for (let i = 0; i < 6; i++) names.push((await ask(ip, 7000, `n${i}`)).slice(0, 3));
      assert.equal(names.filter((name) => name === 'one').length, 3);
      assert.equal(names.filter((name) => name === 'two').length, 3);
    });

    it('passes a megabyte each way unharmed', async () => {
      const { ip } = await createService();
      await publish('127.0.0.1', backends[0] as Backend);
      const text = 'x'.repeat(1_048_576);
      const answer = await eventually(
        () => ask(ip, 7000, text),
        (seen) => seen.startsWith('one'),
      );
      assert.equal(answer, `one:${text}`);
    });

    it('refuses connections while there is no endpoint', async () => {
      const { ip } = await createService();
      await assert.rejects(ask(ip, 7000), /ECONNREFUSED/);
      await publish('127.0.0.1', backends[0] as Backend);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen === 'one:hello',
      );
      await api.request('DELETE', `${slices}/a-one`);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen.includes('ECONNREFUSED'),
      );
    });

    it('goes on to another endpoint when one does not answer', async () => {
      const { ip } = await createService();
      const gone = await startBackend('gone');
      await new Promise((resolve) => gone.server.close(resolve));
      await publish('127.0.0.1', gone, backends[0] as Backend);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen === 'one:hello',
      );
      for (let i = 0; i < 4; i++) assert.equal(await ask(ip, 7000), 'one:hello');
    });

    it('keeps a client with its endpoint where the Service asks for it', async () => {
      const { ip } = await createService({ sessionAffinity: 'ClientIP' });
      await publish('127.0.0.1', ...backends);
      const first = await eventually(
        () => ask(ip, 7000),
        (seen) => seen.endsWith(':hello'),
      );
      for (let i = 0; i < 5; i++) assert.equal(await ask(ip, 7000), first);
    });

    it('passes datagrams on, and each client keeps its endpoint', async () => {
      const servers = await Promise.all(['one', 'two'].map((name) => startDatagrams(name)));
      const { ip } = await createService({
        ports: [{ name: 'udp', port: 7000, protocol: 'UDP' }],
      });
      await publish('127.0.0.1', ...servers.map((one) => ({ ...one, protocol: 'UDP' })));
      const names = new Set<string>();
      const clients = await Promise.all(Array.from({ length: 8 }, () => openDatagrams()));
      await eventually(
        () => (clients[0] as DatagramClient).ask(ip, 7000, 'hello'),
        (seen) => seen.endsWith(':hello'),
      );
      for (const client of clients) {
        const first = await client.ask(ip, 7000, 'a');
        names.add(first);
        for (const text of ['b', 'c'])
          assert.equal(await client.ask(ip, 7000, text), `${first.slice(0, 3)}:${text}`);
      }
      assert.deepEqual([...names].sort(), ['one:a', 'two:a']);
      // The endpoint of half of them goes: they get the other one.
      await api.request('DELETE', `${slices}/a-one`);
      for (const client of clients)
        await eventually(
          () => client.ask(ip, 7000, 'd'),
          (seen) => seen === 'two:d',
        );
      for (const { socket } of [...servers, ...clients]) socket.close();
    });

    it('answers at the node port, and nowhere once the Service is gone', async () => {
      const { ip, nodePort } = await createService({ type: 'NodePort' });
      await publish('127.0.0.1', backends[0] as Backend);
      await eventually(
        () => ask('127.0.0.1', nodePort),
        (seen) => seen === 'one:hello',
      );
      await api.request('DELETE', `${services}/a`);
      await eventually(
        () => ask('127.0.0.1', nodePort),
        (seen) => seen.includes('ECONNREFUSED'),
      );
      await assert.rejects(ask(ip, 7000), /ECONNREFUSED/);
    });

    it('lets open connections run on when their endpoint goes', async () => {
      const { ip } = await createService();
      await publish('127.0.0.1', backends[0] as Backend);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen === 'one:hello',
      );
      const socket: Socket = connect({ host: ip, port: 7000, allowHalfOpen: true });
      socket.write('first ');
      await new Promise((resolve) => socket.once('connect', resolve));
      await api.request('PATCH', `${slices}/a-one`, { endpoints: [] }, merge);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen.includes('ECONNREFUSED'),
      );
      const answer = new Promise<string>((resolve) => {
        let read = '';
        socket.on('data', (chunk: Buffer) => (read += chunk.toString()));
        socket.on('end', () => resolve(read));
      });
      socket.end('second');
      assert.equal(await answer, 'one:first second');
      socket.destroy();
    });
  });

  describe('with a bridge, for pods in network namespaces', () => {
    const bridge = 'knitsp';
    const plan = parseAddressPlan('10.211.0.0/24');
    const cidr = '10.212.0.0/24';
    let pool: NetnsPool;

    beforeEach(async () => {
      backends = [];
      await makeBridge(bridge, plan);
      await routeServiceNetwork(bridge, cidr, silentLogger);
      pool = new NetnsPool({ bridge, plan, logger: silentLogger });
      await pool.start();
      await start(cidr, ['127.0.0.1', plan.gateway]);
    });
    afterEach(async () => {
      await end();
      await pool.close();
      await removeBridge(bridge);
    });

    it('answers at the ClusterIP inside a pod and on the machine, and goes with the bridge', async () => {
      backends = [await startBackend('host', plan.gateway)];
      const { ip } = await createService();
      await publish(plan.gateway, ...backends);
      await eventually(
        () => ask(ip, 7000),
        (seen) => seen === 'host:hello',
      );
      const sandbox = await pool.acquire();
      const script = `const s=require('net').connect({host:'${ip}',port:7000,allowHalfOpen:true});s.on('data',(d)=>process.stdout.write(d));s.on('end',()=>s.destroy());s.end('pod')`;
      const { stdout, stderr } = await runCommand([
        'ip',
        'netns',
        'exec',
        sandbox.netns ?? '',
        process.execPath,
        '-e',
        script,
      ]);
      assert.equal(stdout, 'host:pod', stderr);
      pool.release(sandbox);
      await removeBridge(bridge);
      const { stdout: routes } = await runCommand(['ip', 'route', 'show', 'table', 'local']);
      assert.ok(!routes.includes('10.212.0.0'), routes);
    });
  });
});
