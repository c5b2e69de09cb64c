import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBroker, makeTrigger, BrokerHarness, Subscriber } from './broker-harness.ts';

const quick = { retry: 2, backoffPolicy: 'exponential', backoffDelay: 'PT0.01S' } as const;

describe('the broker', () => {
  let broker: BrokerHarness;
  let subscriber: Subscriber;
  let sink: Subscriber;

  beforeEach(async () => {
    broker = new BrokerHarness();
    subscriber = new Subscriber();
    sink = new Subscriber();
    await Promise.all([broker.start(), subscriber.listen(), sink.listen()]);
  });
  afterEach(async () => {
    await broker.remove();
    await Promise.all([subscriber.close(), sink.close()]);
  });

  describe('the ingress', () => {
    beforeEach(async () => broker.set(makeBroker()));

    it('answers 202 to an event in either mode', async () => {
      assert.equal((await broker.send('1')).status, 202);
      const structured = await fetch(broker.url('/shop/default'), {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify({ specversion: '1.0', id: '2', source: '/s', type: 't', data: 1 }),
      });
      assert.equal(structured.status, 202);
    });
    it('answers 400 with the reason to what is no event', async () => {
      const response = await fetch(broker.url('/shop/default'), { method: 'POST', body: 'x' });
      assert.equal(response.status, 400);
      assert.match(await response.text(), /not a CloudEvent/);
    });
    it('answers 404 for an unknown broker, 400 for half a path, 405 to GET', async () => {
      const post = (pathname: string): Promise<Response> =>
        fetch(broker.url(pathname), { method: 'POST' });
      assert.equal((await post('/shop/other')).status, 404);
      assert.equal((await post('/')).status, 404);
      assert.equal((await post('/shop')).status, 400);
      assert.equal((await post('/shop/default/x')).status, 400);
      const get = await fetch(broker.url('/shop/default'));
      assert.equal(get.status, 405);
      assert.equal(get.headers.get('allow'), 'POST, OPTIONS');
    });
    it('answers the web hook handshake', async () => {
      const response = await fetch(broker.url('/shop/default'), { method: 'OPTIONS' });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('allow'), 'POST, OPTIONS');
      assert.equal(response.headers.get('webhook-allowed-rate'), '*');
    });
    it('answers 413 to an event that is too large', async () => {
      const response = await broker
        .send('1', {}, 'x'.repeat(9 * 1024 * 1024))
        .catch(() => undefined);
      if (response) assert.equal(response.status, 413);
    });
    it('answers 400 to an event that goes in a circle', async () => {
      assert.equal((await broker.send('1', { 'ce-knativebrokerttl': '1' })).status, 400);
      assert.equal((await broker.send('1', { 'ce-knativebrokerttl': '2' })).status, 202);
    });
  });

  describe('delivery', () => {
    it('sends matching events, and only those, to each trigger', async () => {
      await broker.set(
        makeBroker(),
        makeTrigger('all', subscriber.url('/all')),
        makeTrigger('some', subscriber.url('/some'), {
          spec: { filters: [{ cesql: 'total > 100' }] },
        }),
      );
      await broker.send('1', { 'ce-total': '50' });
      await broker.send('2', { 'ce-total': '150' }, '{"a":1}');
      await subscriber.count(3);
      const some = subscriber.received.filter((request) => request.path === '/some');
      assert.equal(some.length, 1);
      const [request] = some;
      assert.equal(request?.headers['ce-id'], '2');
      assert.equal(request?.body, '{"a":1}');
      assert.equal(request?.headers['prefer'], 'reply');
      assert.equal(request?.headers['kn-namespace'], 'shop');
      assert.equal(request?.headers['ce-knativebrokerttl'], undefined);
      assert.match(String(request?.headers['ce-knativearrivaltime']), /^\d{4}-.*Z$/);
    });
    it('forwards whitelisted headers and no others', async () => {
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      await broker.send('1', {
        'x-request-id': 'r1',
        'Knative-Foo': 'k',
        authorization: 'Bearer x',
        'x-other': '1',
      });
      await subscriber.count(1);
      const headers = subscriber.received[0]?.headers;
      assert.equal(headers?.['x-request-id'], 'r1');
      assert.equal(headers?.['knative-foo'], 'k');
      assert.equal(headers?.authorization, undefined);
      assert.equal(headers?.['x-other'], undefined);
    });
    it('sends the structured mode where the trigger asks for it', async () => {
      await broker.set(
        makeBroker(),
        makeTrigger('a', subscriber.url(), { spec: { delivery: { format: 'json' } } }),
      );
      await broker.send('1', {}, '{"a":1}');
      await subscriber.count(1);
      const event = JSON.parse(subscriber.received[0]?.body ?? '') as Record<string, unknown>;
      assert.deepEqual(event['data'], { a: 1 });
    });
    it('holds events for a trigger whose subscriber is not known yet', async () => {
      await broker.set(makeBroker(), makeTrigger('a', undefined));
      await broker.send('1');
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      await subscriber.count(1);
    });
    it('gives a new trigger only what is accepted from then on', async () => {
      await broker.set(makeBroker());
      await broker.send('before');
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      await broker.send('after');
      await subscriber.count(1);
      assert.deepEqual(subscriber.ids(), ['after']);
    });
    it('dials cluster hosts at the gateway with their own Host header', async () => {
      await broker.stop();
      await broker.start({ clusterLocalGateway: { host: '127.0.0.1', port: subscriber.port } });
      await broker.set(makeBroker(), makeTrigger('a', 'http://hello.shop.svc.cluster.local/path'));
      await broker.send('1');
      await subscriber.count(1);
      assert.equal(subscriber.received[0]?.headers.host, 'hello.shop.svc.cluster.local');
      assert.equal(subscriber.received[0]?.path, '/path');
    });
  });

  describe('replies', () => {
    it('go back into the broker with the TTL counted down', async () => {
      subscriber.respond = (_request, response) =>
        void response
          .writeHead(200, {
            'ce-specversion': '1.0',
            'ce-id': 'reply',
            'ce-source': '/f',
            'ce-type': 'test.reply',
          })
          .end();
      await broker.set(
        makeBroker(),
        makeTrigger('a', subscriber.url(), {
          spec: { filter: { attributes: { type: 'test.event' } } },
        }),
        makeTrigger('b', sink.url(), { spec: { filter: { attributes: { type: 'test.reply' } } } }),
      );
      await broker.send('1');
      await sink.count(1);
      assert.deepEqual(sink.ids(), ['reply']);
      const listed = await (await fetch(broker.url('/shop/default/events'))).text();
      const ttls = listed
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { knativebrokerttl: number }).knativebrokerttl);
      assert.deepEqual(ttls, [255, 254]);
    });
    it('that answer themselves come to an end', async () => {
      subscriber.respond = (_request, response) =>
        void response
          .writeHead(200, {
            'ce-specversion': '1.0',
            'ce-id': 'again',
            'ce-source': '/f',
            'ce-type': 'test.event',
          })
          .end();
      await broker.set(
        makeBroker(),
        makeTrigger('a', subscriber.url(), { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1', { 'ce-knativebrokerttl': '4' });
      await sink.count(1);
      assert.equal(subscriber.received.length, 3);
      assert.equal(sink.received[0]?.headers['ce-knativeerrorcode'], '400');
    });
    it('of 202 are none, whatever they carry', async () => {
      subscriber.respond = (_request, response) => void response.writeHead(202).end('accepted');
      await broker.set(
        makeBroker(),
        makeTrigger('a', subscriber.url(), { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1');
      await broker.send('2');
      await subscriber.count(2);
      assert.equal(sink.received.length, 0);
    });
    it('that are no event count as failure 502', async () => {
      subscriber.respond = (_request, response) => void response.writeHead(200).end('hello');
      const trigger = makeTrigger('a', subscriber.url(), {
        deadLetterSinkUri: sink.url(),
        spec: { delivery: { retry: 0 } },
      });
      await broker.set(makeBroker(), trigger);
      await broker.send('1');
      await sink.count(1);
      assert.equal(sink.received[0]?.headers['ce-knativeerrorcode'], '502');
    });
  });

  describe('failures', () => {
    it('of 503 are retried until they pass', async () => {
      subscriber.respond = (_request, response) =>
        void response.writeHead(subscriber.received.length < 3 ? 503 : 204).end();
      await broker.set(
        makeBroker({ delivery: quick }),
        makeTrigger('a', subscriber.url(), { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1');
      await subscriber.count(3);
      assert.equal(sink.received.length, 0);
    });
    it('end at the dead letter sink with what went wrong', async () => {
      subscriber.respond = (_request, response) =>
        void response.writeHead(500).end('b\u00e4d'.repeat(1000));
      await broker.set(
        makeBroker({ delivery: quick }),
        makeTrigger('a', subscriber.url('/x'), { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1', { 'ce-ext': 'kept' }, '{"n":1}');
      await sink.count(1);
      assert.equal(subscriber.received.length, 3);
      const [dead] = sink.received;
      assert.equal(dead?.body, '{"n":1}');
      assert.equal(dead?.headers['ce-ext'], 'kept');
      assert.equal(dead?.headers['ce-knativeerrordest'], subscriber.url('/x'));
      assert.equal(dead?.headers['ce-knativeerrorcode'], '500');
      const data = Buffer.from(String(dead?.headers['ce-knativeerrordata']), 'base64');
      assert.equal(data.length, 1024);
      assert.equal(dead?.headers['prefer'], undefined);
    });
    it('of 400 go there at once', async () => {
      subscriber.respond = (_request, response) => void response.writeHead(400).end();
      await broker.set(
        makeBroker({ delivery: quick, deadLetterSinkUri: sink.url() }),
        makeTrigger('a', subscriber.url()),
      );
      await broker.send('1');
      await sink.count(1);
      assert.equal(subscriber.received.length, 1);
    });
    it('without any answer are retried and end as 500', async () => {
      const closed = new Subscriber();
      await closed.listen();
      const url = closed.url();
      await closed.close();
      await broker.set(
        makeBroker({ delivery: quick }),
        makeTrigger('a', url, { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1');
      await sink.count(1);
      assert.equal(sink.received[0]?.headers['ce-knativeerrorcode'], '500');
      const reason = Buffer.from(
        String(sink.received[0]?.headers['ce-knativeerrordata']),
        'base64',
      ).toString();
      assert.match(reason, /ECONNREFUSED/);
    });
    it('by time-out count as no answer', async () => {
      subscriber.respond = () => undefined;
      const delivery = { retry: 0, timeout: 'PT0.05S' };
      await broker.set(
        makeBroker({ delivery }),
        makeTrigger('a', subscriber.url(), { deadLetterSinkUri: sink.url() }),
      );
      await broker.send('1');
      await sink.count(1);
      assert.equal(sink.received[0]?.headers['ce-knativeerrorcode'], '500');
    });
    it('of one event hold no other event up', async () => {
      subscriber.respond = ({ headers }, response) =>
        void response.writeHead(headers['ce-id'] === 'bad' ? 503 : 204).end();
      const delivery = { retry: 5, backoffPolicy: 'exponential', backoffDelay: 'PT10S' } as const;
      await broker.set(makeBroker({ delivery }), makeTrigger('a', subscriber.url()));
      await broker.send('bad');
      await broker.send('good');
      await subscriber.count(2);
      assert.deepEqual(subscriber.ids(), ['bad', 'good']);
    });
  });

  describe('after a restart', () => {
    it('delivers what was accepted and not delivered, and nothing twice', async () => {
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      await broker.send('1');
      await subscriber.count(1);
      await broker.set(makeBroker(), makeTrigger('a', undefined));
      await broker.send('2');
      await broker.stop();
      broker.triggers.objects = [makeTrigger('a', subscriber.url())];
      await broker.start();
      await subscriber.count(2);
      await broker.send('3');
      await subscriber.count(3);
      assert.deepEqual(subscriber.ids(), ['1', '2', '3']);
    });
    it('goes on with an event that was waiting for its retry', async () => {
      subscriber.respond = (_request, response) => void response.writeHead(503).end();
      const delivery = { retry: 3, backoffPolicy: 'linear', backoffDelay: 'PT0.05S' } as const;
      const trigger = makeTrigger('a', subscriber.url(), { deadLetterSinkUri: sink.url() });
      await broker.set(makeBroker({ delivery }), trigger);
      await broker.send('1');
      await subscriber.count(2);
      await broker.stop();
      await broker.start();
      await sink.count(1);
      // One attempt may have been cut off by the stop.
      assert(subscriber.received.length >= 4 && subscriber.received.length <= 5);
    });
    it('works with the objects it knew while the API is away', async () => {
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      await broker.stop();
      broker.brokers.hasSynced = false;
      broker.brokers.objects = [];
      broker.triggers.objects = [];
      await broker.start();
      assert.equal((await broker.send('1')).status, 202);
      await subscriber.count(1);
    });
    it('forgets the events of a broker that was deleted and made anew', async () => {
      await broker.set(makeBroker(), makeTrigger('a', undefined));
      await broker.send('old');
      await broker.set(makeBroker({ uid: 'b-2' }), makeTrigger('a', subscriber.url()));
      await broker.send('new');
      await subscriber.count(1);
      assert.deepEqual(subscriber.ids(), ['new']);
    });
  });

  it('delivers every acknowledged event when its process is killed again and again', async function () {
    this.timeout(30_000);
    await broker.set(makeBroker({ delivery: quick }), makeTrigger('a', subscriber.url()));
    await broker.stop();
    const child = fileURLToPath(
      new URL(`./broker-until-killed${path.extname(import.meta.url)}`, import.meta.url),
    );
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const args = [...process.execArgv, child, broker.dataDir];
      const killed = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [port] = (await once(killed.stdout, 'data')) as [Buffer];
      const url = `http://127.0.0.1:${port.toString().trim()}/shop/default`;
      const send = async (worker: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const id = `${round}-${worker}-${i}`;
          const headers = {
            'ce-specversion': '1.0',
            'ce-id': id,
            'ce-source': '/s',
            'ce-type': 't',
          };
          const response = await fetch(url, { method: 'POST', headers }).catch(() => undefined);
          if (response?.status !== 202) return;
          acknowledged.push(id);
          if (acknowledged.length === (round + 1) * 60) killed.kill('SIGKILL');
        }
      };
      await Promise.all([once(killed, 'exit'), ...[0, 1, 2, 3].map(send)]);
    }
    await broker.start();
    const missing = (): string[] => {
      const got = new Set(subscriber.ids());
      return acknowledged.filter((id) => !got.has(id));
    };
    while (missing().length > 0) await subscriber.count(subscriber.received.length + 1);
    assert(acknowledged.length >= 180);
  });

  describe('for tools on this machine', () => {
    it('follows a broker line by line', async () => {
      await broker.set(makeBroker());
      await broker.send('before');
      const call = request(broker.url('/shop/default/events?follow=true'));
      call.end();
      const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream];
      await broker.send('now', {}, '{"n":1}');
      const [line] = (await once(response, 'data')) as [Buffer];
      const event = JSON.parse(line.toString().split('\n')[0] ?? '') as Record<string, unknown>;
      assert.equal(event['id'], 'now');
      assert.deepEqual(event['data'], { n: 1 });
      call.destroy();
    });
    it('replays a trigger from a time', async () => {
      await broker.set(makeBroker(), makeTrigger('a', subscriber.url()));
      const from = new Date().toISOString();
      await broker.send('1');
      await broker.send('2');
      await subscriber.count(2);
      const url = broker.url(`/shop/default/triggers/a/replay?from=${from}`);
      const response = await fetch(url, { method: 'POST' });
      assert.equal(response.status, 202);
      await subscriber.count(4);
      assert.deepEqual(subscriber.ids(), ['1', '1', '2', '2']);
    });
    it('refuses both to who comes through the gateway', async () => {
      await broker.set(makeBroker());
      const call = request(broker.url('/shop/default/events'), {
        headers: { host: 'broker-ingress.knative-eventing.svc.cluster.local' },
      });
      call.end();
      const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      assert.equal(response.statusCode, 403);
    });
  });
});
