import assert from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { revisionKind } from '../../runtime/apis/serving/types.ts';
import { eventually, ingressSpec, namespace, World } from './world.ts';

const host = 'hello.shop-dev.localhost';
const CLIENTS = 16;
const ROUNDS = 8;

/** A pod that can be killed as a kernel does it: no more accepts, idle connections reset. */
class TestPod {
  readonly server: http.Server;
  served = 0;
  private readonly sockets = new Map<net.Socket, number>();
  private isKilled = false;

  constructor(answer: string) {
    this.server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const { socket } = request;
      this.sockets.set(socket, (this.sockets.get(socket) ?? 0) + 1);
      this.served += 1;
      setTimeout(() => {
        response.end(answer);
        this.sockets.set(socket, this.sockets.get(socket)! - 1);
        if (this.isKilled) response.once('close', () => socket.destroySoon());
      }, 2);
    });
    this.server.on('connection', (socket: net.Socket) => {
      this.sockets.set(socket, 0);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  kill(): void {
    this.isKilled = true;
    this.server.close();
    for (const [socket, busy] of this.sockets) if (busy === 0) socket.resetAndDestroy();
  }
}

describe('requests while everything around the gateway changes', () => {
  let world: World;
  let isOver: boolean;
  let failures: string[];
  let answers: Map<string, number>;
  let clients: Promise<void>[];
  let agent: http.Agent;

  beforeEach(async () => {
    world = await World.start();
    isOver = false;
    failures = [];
    answers = new Map();
    agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  });
  afterEach(async () => {
    agent.destroy();
    await world.close();
  });

  const request = (): Promise<void> =>
    new Promise((resolve) => {
      const { port } = world;
      http
        .get({ host: '127.0.0.1', port, agent, headers: { Host: host } }, (response) => {
          let body = '';
          response.on('data', (part: Buffer) => (body += part.toString()));
          response.on('error', (error) => failures.push(error.message));
          response.on('close', () => {
            if (response.statusCode === 200) answers.set(body, (answers.get(body) ?? 0) + 1);
            else failures.push(`${response.statusCode} ${body}`);
            resolve();
          });
        })
        .on('error', (error) => {
          failures.push(error.message);
          resolve();
        });
    });

  const startClients = (): void => {
    clients = Array.from({ length: CLIENTS }, async () => {
      for (;;) {
        await request();
        if (isOver) return;
      }
    });
  };

  /** Until so many more requests were answered: what changes, changes under load. */
  const more = (count: number): Promise<void> => {
    const total = (): number => [...answers.values()].reduce((sum, value) => sum + value, 0);
    const goal = total() + count;
    return eventually(() => total() >= goal || failures.length > 0);
  };

  const addPod = async (revision: string, name: string): Promise<TestPod> => {
    const pod = new TestPod(revision);
    world.addPod(revision, await world.listen(pod.server), name);
    return pod;
  };

  const finish = async (): Promise<void> => {
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
  };

  it('are all answered over deploys and rollbacks', async () => {
    world.addService('hello');
    world.api.put(revisionKind, {
      metadata: { name: 'hello-00002', namespace },
      spec: { containers: [], containerConcurrency: 0, timeoutSeconds: 300 },
    });
    let current = { revision: 'hello-00001', pod: await addPod('hello-00001', 'a') };
    await eventually(() => world.isIngressReady('hello'));
    startClients();
    for (let round = 1; round <= ROUNDS; round++) {
      const revision = round % 2 === 1 ? 'hello-00002' : 'hello-00001';
      const pod = await addPod(revision, `pod-${round}`);
      world.api.put(ingressKind, {
        metadata: { name: 'hello', namespace, generation: round + 1 },
        spec: ingressSpec('hello', revision),
      });
      await more(100);
      world.removePod(round === 1 ? 'a' : `pod-${round - 1}`);
      await more(20);
      current.pod.kill();
      current = { revision, pod };
      await more(50);
      assert.ok(pod.served > 0);
    }
    await finish();
    assert.equal(answers.size, 2);
  });

  it('are all answered while pods come, go and are killed unannounced', async () => {
    world.addService('hello', { spec: { containerConcurrency: 10 } });
    const pods = new Map<string, TestPod>();
    for (const name of ['one', 'two', 'three']) pods.set(name, await addPod('hello-00001', name));
    await eventually(() => world.isIngressReady('hello'));
    startClients();
    for (let round = 0; round < ROUNDS; round++) {
      await more(100);
      const [name, victim] = [...pods][0]!;
      pods.delete(name);
      // Every other one dies before anybody tells the gateway.
      if (round % 2 === 0) world.removePod(name);
      victim.kill();
      await more(50);
      if (round % 2 === 1) world.removePod(name);
      pods.set(`new-${round}`, await addPod('hello-00001', `new-${round}`));
    }
    await finish();
  });

  it('are all answered from the last table when the API server is gone', async () => {
    world.addService('hello');
    await addPod('hello-00001', 'a');
    await eventually(() => world.isIngressReady('hello'));
    startClients();
    await more(50);
    world.api.stop.abort();
    await more(200);
    await finish();
  });
});
