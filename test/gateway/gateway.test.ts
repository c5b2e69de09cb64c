import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { createHash } from 'node:crypto';
import { httpRouteKind } from '../../runtime/apis/gateway/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { seededRandom } from '../../runtime/std/random.ts';
import type { RawClient } from './world.ts';
import { eventually, fetchText, namespace, World } from './world.ts';

const host = 'hello.shop-dev.localhost';
const revision = 'hello-00001';

/** Answers with what it was sent, as JSON. */
const echo: http.RequestListener = (request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts).toString();
    response.setHeader('Content-Type', 'application/json');
    response.end(
      JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }),
    );
  });
};

interface Echoed {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

const echoed = (body: string): Echoed => JSON.parse(body) as Echoed;

describe('gateway', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.close());

  const serve = async (
    handler: http.RequestListener,
    options: Parameters<World['addService']>[1] = {},
  ): Promise<void> => {
    world.addService('hello', options);
    world.addPod(revision, await world.upstream(handler));
    await eventually(() => isIngressReady());
  };

  const isIngressReady = (): boolean =>
    world.api
      .get(ingressKind, namespace, 'hello')
      ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false;

  describe('a request for a service', () => {
    it('reaches the pod with its host, method, path and body', async () => {
      await serve(echo);
      const answer = await fetchText(world.port, {
        headers: { Host: `${host}:8080` },
        method: 'POST',
        path: '/a/b?c=d',
        body: 'ping',
      });
      assert.equal(answer.status, 200);
      const seen = echoed(answer.body);
      assert.equal(seen.method, 'POST');
      assert.equal(seen.url, '/a/b?c=d');
      assert.equal(seen.body, 'ping');
      assert.equal(seen.headers['host'], `${host}:8080`);
    });

    it('carries forwarding fields and a request id, and no hop-by-hop or data-plane field', async () => {
      await serve(echo);
      const answer = await fetchText(world.port, {
        headers: {
          Host: host,
          'X-Forwarded-For': '192.0.2.7',
          Connection: 'X-Private',
          'X-Private': '1',
          'Knative-Serving-Revision': 'other',
        },
      });
      const { headers } = echoed(answer.body);
      assert.equal(headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1');
      assert.equal(headers['x-forwarded-proto'], 'http');
      assert.equal(headers['x-forwarded-host'], host);
      assert.equal(headers['forwarded'], `for=192.0.2.7;host=${host};proto=http, for=127.0.0.1`);
      assert.match(headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(headers['x-private'], undefined);
      assert.equal(headers['knative-serving-revision'], undefined);
    });

    it('cannot set what only the gateway may say, however the name is spelt', async () => {
      await serve(echo);
      const answer = await fetchText(world.port, {
        headers: {
          Host: host,
          'Knit-Event-Source': 'http',
          Knit_Route_Key: 'x',
          'K-Anything': '1',
        },
      });
      const names = Object.keys(echoed(answer.body).headers);
      assert.deepEqual(
        names.filter((name) => name.startsWith('k')),
        [],
      );
    });

    it('streams large bodies both ways unchanged', async () => {
      await serve((request, response) => void request.pipe(response));
      const body = Buffer.alloc(5 * 1024 * 1024);
      for (let at = 0; at < body.length; at++) body[at] = (at * 7919) >> 8;
      const hash = createHash('sha256').update(body.toString()).digest('hex');
      for (const headers of [
        { 'Content-Length': body.length },
        { 'Transfer-Encoding': 'chunked' },
      ]) {
        const answer = await fetchText(world.port, {
          method: 'POST',
          headers: { Host: host, ...headers },
          body,
        });
        assert.equal(createHash('sha256').update(answer.body).digest('hex'), hash);
      }
    });

    it('gets parts of a response as they are written', async () => {
      let finish = (): void => undefined;
      await serve((_, response) => {
        response.write('first');
        finish = () => response.end('second');
      });
      const client = await world.connect();
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await client.until((text) => text.includes('first'));
      finish();
      assert.match(await client.until((text) => text.endsWith('0\r\n\r\n')), /second/);
    });

    it('passes 100-continue through', async () => {
      await serve(echo);
      const client = await world.connect();
      client.send(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
      );
      await client.until((text) => text.startsWith('HTTP/1.1 100 '));
      client.send('ok');
      assert.match(await client.until((text) => text.includes('"body"')), /"body":"ok"/);
    });

    it('has no body in answers to HEAD and in 204 and 304', async () => {
      await serve((request, response) => {
        if (request.method === 'HEAD') response.setHeader('Content-Length', '1000');
        else response.statusCode = request.url === '/204' ? 204 : 304;
        response.end();
      });
      const client = await world.connect();
      for (const [method, path] of [
        ['HEAD', '/'],
        ['GET', '/204'],
        ['GET', '/304'],
      ] as const) {
        client.text = '';
        client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        const text = await client.until((seen) => seen.includes('\r\n\r\n'));
        assert.ok(text.endsWith('\r\n\r\n'), text);
      }
    });

    it('is answered in the order of a pipeline', async () => {
      await serve((request, response) => {
        setTimeout(() => response.end(`<${request.url}>`), request.url === '/1' ? 30 : 0);
      });
      const client = await world.connect();
      client.send(
        ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join(''),
      );
      const text = await client.until((seen) => seen.includes('</3>'));
      assert.deepEqual(text.match(/<\/\d>/g), ['</1>', '</2>', '</3>']);
    });

    it('is answered without chunks and closed for an HTTP/1.0 client', async () => {
      await serve((_, response) => {
        response.write('one ');
        response.end('two');
      });
      const client = await world.connect();
      client.send(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
      const text = await client.untilClosed();
      assert.match(text, /Connection: close\r\n(?:[^]*\r\n)?\r\none two$/);
      assert.doesNotMatch(text, /chunked/i);
    });

    it('reuses one connection to the pod for requests one after the other', async () => {
      const ports = new Set<number>();
      await serve((request, response) => {
        ports.add(request.socket.remotePort ?? 0);
        response.end();
      });
      for (let count = 0; count < 5; count++)
        await fetchText(world.port, { headers: { Host: host } });
      assert.equal(ports.size, 1);
    });

    it('turns a body that ends with the connection into chunks', async () => {
      world.addService('hello');
      const port = await world.listen(
        net.createServer((socket) => {
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
        }),
      );
      world.addPod(revision, port);
      await eventually(isIngressReady);
      const answer = await fetchText(world.port, { headers: { Host: host } });
      assert.equal(answer.headers['transfer-encoding'], 'chunked');
      assert.equal(answer.body, 'all of it');
    });
  });

  describe('an upgrade', () => {
    it('is passed through both ways until either side closes', async () => {
      world.addService('hello');
      const server = http.createServer();
      server.on('upgrade', (_, socket, head: Buffer) => {
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
        );
        if (head.length > 0) socket.write(head);
        socket.on('data', (bytes) => socket.write(bytes));
      });
      world.addPod(revision, await world.listen(server));
      await eventually(isIngressReady);
      const client = await world.connect();
      client.send(
        `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly`,
      );
      await client.until((text) => /101[^]*Upgrade: echo[^]*early$/.test(text));
      client.send('-late');
      await client.until((text) => text.endsWith('early-late'));
      await eventually(() =>
        world.stats.some(({ stats }) => (stats[0]?.averageConcurrentRequests ?? 0) > 0),
      );
      client.socket.end();
      await client.untilClosed();
    });
  });

  describe('with no pod', () => {
    it('pokes the autoscaler at once and answers when a pod gets ready', async () => {
      world.addService('hello');
      await eventually(isIngressReady);
      const pending = fetchText(world.port, { headers: { Host: host }, method: 'POST', body: 'x' });
      await eventually(() => world.stats.some(({ poke }) => poke));
      const poke = world.stats.find((message) => message.poke);
      assert.equal(poke?.gateway, 'gateway-1');
      assert.equal(poke.stats[0]?.key, `${namespace}/${revision}`);
      assert.equal(poke.stats[0].queued, 1);
      world.addPod(revision, await world.upstream(echo));
      assert.equal(echoed((await pending).body).body, 'x');
    });

    it("answers 504 when the revision's time is over", async () => {
      world.addService('hello', { spec: { timeoutSeconds: 1 } });
      await eventually(isIngressReady);
      const answer = await fetchText(world.port, {
        headers: { Host: host, Accept: 'application/json' },
      });
      assert.equal(answer.status, 504);
      assert.equal(answer.headers['knit-error'], `request-timeout; revision=${revision}`);
      assert.deepEqual(JSON.parse(answer.body), {
        error: 'request-timeout',
        message: 'request timeout',
        revision,
      });
    });

    it('tells an autoscaler that comes back what waits', async () => {
      await world.close();
      world = new World();
      const placeholder = net.createServer();
      const port = await world.listen(placeholder);
      placeholder.close();
      const other = await World.start({ autoscaler: { host: '127.0.0.1', port } });
      other.addService('hello');
      await eventually(() => other.api.get(ingressKind, namespace, 'hello')?.status !== undefined);
      const client = await other.connect();
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      let told = '';
      const late = http.createServer((request) => {
        request.on('error', () => undefined);
        request.on('data', (bytes: Buffer) => (told += bytes.toString()));
      });
      late.listen(port, '127.0.0.1');
      await eventually(() => told.includes('"queued":1'));
      client.socket.destroy();
      late.closeAllConnections();
      late.closeAllConnections();
      late.close();
      world = other;
    });
  });

  describe('when things break', () => {
    it("aborts the pod's request when the client leaves", async () => {
      let isAborted = false;
      let isSeen = false;
      await serve((request, response) => {
        isSeen = true;
        response.on('close', () => (isAborted = !response.writableFinished));
        request.resume();
      });
      const client = await world.connect();
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await eventually(() => isSeen);
      client.socket.destroy();
      await eventually(() => isAborted);
    });

    it('answers 502 when the pod closes without a response', async () => {
      await serve((request) => request.socket.destroy());
      const answer = await fetchText(world.port, {
        method: 'POST',
        headers: { Host: host },
        body: 'x',
      });
      assert.equal(answer.status, 502);
      assert.equal(answer.headers['knit-error'], `upstream-failed; revision=${revision}`);
    });

    it('answers 502 when the pod speaks no HTTP', async () => {
      world.addService('hello');
      const server = net.createServer((socket) =>
        socket.once('data', () => socket.write('ouch\r\n\r\n')),
      );
      world.addPod(revision, await world.listen(server));
      await eventually(isIngressReady);
      assert.equal((await fetchText(world.port, { headers: { Host: host } })).status, 502);
    });

    it('cuts the response when the pod dies within it', async () => {
      await serve((request, response) => {
        response.writeHead(200, { 'Content-Length': '100' });
        response.write('some', () => request.socket.destroy());
      });
      await assert.rejects(
        fetchText(world.port, { headers: { Host: host } }),
        /aborted|ECONNRESET/,
      );
    });

    it('ends a response of open length with the reason when the time is over, as Knative does', async () => {
      await serve((_, response) => void response.write('some '), { spec: { timeoutSeconds: 1 } });
      const answer = await fetchText(world.port, { headers: { Host: host } });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, 'some request timeout');
    });

    it('cuts a response of announced length when the time is over within it', async () => {
      await serve(
        (_, response) => {
          response.writeHead(200, { 'Content-Length': 100 });
          response.write('some');
        },
        { spec: { timeoutSeconds: 1 } },
      );
      await assert.rejects(
        fetchText(world.port, { headers: { Host: host } }),
        /aborted|ECONNRESET/,
      );
    });

    it('drops an upgraded connection whose pod says nothing until the response start timeout', async () => {
      world.addService('hello', { spec: { responseStartTimeoutSeconds: 1 } });
      const pod = http.createServer();
      pod.on('upgrade', (request, socket) => {
        socket.on('error', () => undefined);
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        );
        if (request.url === '/talks') socket.write('hello');
      });
      world.addPod(revision, await world.listen(pod));
      await eventually(isIngressReady);
      const open = async (path: string): Promise<RawClient> => {
        const client = await world.connect();
        client.send(
          `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`,
        );
        await client.until((text) => text.includes('\r\n\r\n'));
        return client;
      };
      const talking = await open('/talks');
      const silent = await open('/');
      await silent.untilClosed();
      assert.equal(talking.isClosed, false);
    });

    it('passes on an answer that comes before the request was read, and closes', async () => {
      await serve((request, response) => {
        response.writeHead(413, { 'Content-Length': 4, Connection: 'close' });
        response.end('full');
        request.socket.destroySoon();
      });
      const client = await world.connect();
      client.send(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000)}`,
      );
      const text = await client.untilClosed();
      assert.match(text, /^HTTP\/1\.1 413 [^]*full$/);
    });

    it('answers 502 to every kind of garbage, and the next request is served', async () => {
      let bytes = '';
      const pod = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(bytes, 'latin1'));
      });
      world.addService('hello');
      world.addPod(revision, await world.listen(pod));
      await eventually(isIngressReady);
      const ok = 'HTTP/1.1 200 OK\r\n';
      for (const garbage of [
        '',
        '\0\0\0',
        'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
        `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
        `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `${ok}Transfer-Encoding: gzip\r\n\r\n`,
        `${ok}A: b\r\n c\r\n\r\n`,
        `${ok}A${': b'.repeat(20_000)}\r\n\r\n`,
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        'SSH-2.0-OpenSSH_9\r\n\r\n',
      ]) {
        bytes = garbage;
        const answer = await fetchText(world.port, { headers: { Host: host } });
        assert.equal(answer.status, 502, JSON.stringify(garbage.slice(0, 60)));
      }
      bytes = `${ok}Content-Length: 2\r\n\r\nok`;
      assert.equal((await fetchText(world.port, { headers: { Host: host } })).body, 'ok');
    });

    it('repeats a GET once whose new connection was reset, and never a POST', async () => {
      const seen: string[] = [];
      const pod = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (bytes: Buffer) => {
          seen.push(bytes.toString().split(' ')[0]!);
          socket.resetAndDestroy();
        });
      });
      world.addService('hello');
      world.addPod(revision, await world.listen(pod));
      await eventually(isIngressReady);
      for (const method of ['GET', 'POST']) {
        const answer = await fetchText(world.port, { method, headers: { Host: host } });
        assert.equal(answer.status, 502);
      }
      assert.deepEqual(seen, ['GET', 'GET', 'POST']);
    });

    it('goes to another pod when one refuses the connection', async () => {
      await serve(echo, { spec: { containerConcurrency: 1 } });
      const placeholder = net.createServer();
      const dead = await world.listen(placeholder);
      placeholder.close();
      world.addPod(revision, dead, `${revision}-b`);
      for (let count = 0; count < 4; count++)
        assert.equal((await fetchText(world.port, { headers: { Host: host } })).status, 200);
    });

    it('repeats a GET on a new connection when the pod has closed the kept one', async () => {
      world.addService('hello');
      let connections = 0;
      const server = net.createServer((socket) => {
        connections += 1;
        let requests = 0;
        socket.on('data', () => {
          requests += 1;
          // The second request on a connection is answered by closing it, as if it had been idle too long.
          if (requests > 1) socket.destroy();
          else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        });
      });
      world.addPod(revision, await world.listen(server));
      await eventually(isIngressReady);
      for (let count = 0; count < 3; count++)
        assert.equal((await fetchText(world.port, { headers: { Host: host } })).body, 'ok');
      assert.equal(connections, 3);
    });

    it('finishes what is in flight when it closes', async () => {
      let response: http.ServerResponse | undefined;
      await serve((_, started) => (response = started));
      const pending = fetchText(world.port, { headers: { Host: host } });
      await eventually(() => response !== undefined);
      const closed = world.gateway.close();
      response?.end('done');
      assert.equal((await pending).body, 'done');
      await closed;
    });
  });

  describe('with containerConcurrency 1', () => {
    it('never has two requests in a pod', async () => {
      let active = 0;
      let most = 0;
      await serve(
        (_, response) => {
          active += 1;
          most = Math.max(most, active);
          setTimeout(() => {
            active -= 1;
            response.end();
          }, 5);
        },
        { spec: { containerConcurrency: 1 } },
      );
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => fetchText(world.port, { headers: { Host: host } })),
      );
      assert.ok(answers.every(({ status }) => status === 200));
      assert.equal(most, 1);
    });
  });

  describe('which hosts are served where', () => {
    it('serves cluster-local names on internal listeners only', async () => {
      await serve(echo);
      const local = { headers: { Host: 'hello.shop-dev.svc.cluster.local' } };
      assert.equal((await fetchText(world.gateway.internalPorts[0]!, local)).status, 200);
      const outside = await fetchText(world.port, local);
      assert.equal(outside.status, 404);
      assert.match(outside.body, /no service answers at host "hello.shop-dev.svc.cluster.local"/);
      assert.match(outside.body, /sls info/);
    });

    it('keeps internal paths from clients outside', async () => {
      await serve(echo);
      for (const path of [
        '/_knit/invoke',
        '/%5fknit/invoke',
        '//_knit/x',
        '/a/../_knit/x',
        '/_knit',
      ]) {
        const answer = await fetchText(world.port, { path, headers: { Host: host } });
        assert.equal(answer.status, 404, path);
      }
      const inside = { path: '/_knit/invoke', headers: { Host: 'hello.shop-dev' } };
      assert.equal((await fetchText(world.gateway.internalPorts[0]!, inside)).status, 200);
    });

    it("hands the broker's host to the broker on internal listeners", async () => {
      await world.close();
      const ingress = http.createServer(echo);
      const port = await world.listen(ingress);
      world = await World.start({ brokerIngress: { host: '127.0.0.1', port } });
      const broker = { Host: 'broker-ingress.knative-eventing.svc.cluster.local' };
      const options = { method: 'POST', path: '/shop-dev/default', headers: broker, body: '{}' };
      const answer = await fetchText(world.gateway.internalPorts[0]!, options);
      assert.equal(echoed(answer.body).url, '/shop-dev/default');
      assert.equal((await fetchText(world.port, options)).status, 404);
      ingress.closeAllConnections();
      ingress.close();
    });
  });

  describe('an HTTPRoute', () => {
    it("leads to the Route's revision with the fields of its filter", async () => {
      await serve(echo);
      world.api.put(httpRouteKind, {
        metadata: { name: 'shop', namespace },
        spec: {
          hostnames: ['shop-dev.localhost'],
          rules: [
            {
              matches: [
                { path: { type: 'RegularExpression', value: '/hello/[^/]+' }, method: 'GET' },
              ],
              filters: [
                {
                  type: 'RequestHeaderModifier',
                  requestHeaderModifier: {
                    set: [
                      { name: 'Knit-Event-Source', value: 'httpApi' },
                      { name: 'Knit-Route-Key', value: 'GET /hello/{name}' },
                    ],
                  },
                },
              ],
              backendRefs: [{ name: 'hello', port: 80 }],
            },
          ],
        },
      });
      const call = (method: string, path: string): ReturnType<typeof fetchText> =>
        fetchText(world.port, { method, path, headers: { Host: 'shop-dev.localhost:8080' } });
      await eventuallyStatus(() => call('GET', '/hello/ada'), 200);
      const seen = echoed((await call('GET', '/hello/ada')).body);
      assert.equal(seen.headers['knit-event-source'], 'httpApi');
      assert.equal(seen.headers['knit-route-key'], 'GET /hello/{name}');
      assert.equal((await call('POST', '/hello/ada')).status, 404);
      assert.equal((await call('GET', '/hello/ada/x')).status, 404);
    });
  });

  describe("Lambda's Invoke API", () => {
    const invoke = (
      name: string,
      headers: Record<string, string> = {},
    ): ReturnType<typeof fetchText> =>
      fetchText(world.port, {
        method: 'POST',
        path: `/2015-03-31/functions/${name}/invocations`,
        headers: { Host: '127.0.0.1:8080', ...headers },
        body: '{"a":1}',
      });
    const annotations = {
      'knit.dev/runtime': 'nodejs22.x',
      'knit.dev/function-name': 'shop-dev-hi',
    };

    it('calls the function by annotation, namespace and name, ARN, tag and revision', async () => {
      await serve(echo, { annotations });
      for (const name of [
        'shop-dev-hi',
        'shop-dev-hello',
        'shop-dev%2Fhello',
        'arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-hi',
        'shop-dev-hi:blue',
        `shop-dev-hi:${revision}`,
        'shop-dev-hi:$LATEST',
      ]) {
        const answer = await invoke(name, { 'X-Amz-Client-Context': 'e30=' });
        assert.equal(answer.status, 200, name);
        const seen = echoed(answer.body);
        assert.equal(seen.url, '/_knit/invoke');
        assert.equal(seen.body, '{"a":1}');
        assert.equal(seen.headers['x-amz-client-context'], 'e30=');
      }
    });

    it('says ResourceNotFoundException for a name that is not there', async () => {
      const answer = await invoke('nobody');
      assert.equal(answer.status, 404);
      assert.equal(answer.headers['x-amzn-errortype'], 'ResourceNotFoundException');
      assert.match((JSON.parse(answer.body) as { Message: string }).Message, /nobody/);
    });

    it('answers an Event with 202 and delivers it afterwards', async () => {
      let seen = '';
      await serve(
        (request, response) => {
          request.on('data', (part: Buffer) => (seen += part.toString()));
          request.on('end', () => response.end('null'));
        },
        { annotations },
      );
      const answer = await invoke('shop-dev-hello', { 'X-Amz-Invocation-Type': 'Event' });
      assert.equal(answer.status, 202);
      await eventually(() => seen === '{"a":1}');
    });

    it('answers a DryRun with 204 and calls nothing', async () => {
      let calls = 0;
      await serve((_, response) => void response.end(String(++calls)), { annotations });
      const answer = await invoke('shop-dev-hello', { 'X-Amz-Invocation-Type': 'DryRun' });
      assert.equal(answer.status, 204);
      assert.equal(calls, 0);
    });
  });

  describe('what is refused', () => {
    const refuse = async (text: string): Promise<string> => {
      const client = await world.connect();
      client.send(text);
      return client.untilClosed();
    };

    it('answers 400 to ambiguous framing and closes', async () => {
      await serve(echo);
      for (const fields of [
        'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
        'Content-Length: 3\r\nContent-Length: 4\r\n',
        'Content-Length: +3\r\n',
        'Transfer-Encoding: xchunked\r\n',
        'Host: other\r\n',
        'A: b\r\n c\r\n',
        'A : b\r\n',
      ]) {
        const text = await refuse(`POST / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\nabc`);
        assert.match(text, /^HTTP\/1\.1 400 [^]*Connection: close/, fields);
      }
      assert.match(await refuse(`GET / HTTP/1.1\nHost: ${host}\n\n`), /^HTTP\/1\.1 400 /);
    });

    it('answers 400 to a bad chunk and never a second response', async () => {
      await serve(echo);
      const text = await refuse(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET /admin HTTP/1.1\r\n\r\n`,
      );
      assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1);
      assert.match(text, /^HTTP\/1\.1 400 /);
    });

    it('answers 431 to a head of more than 32 KiB', async () => {
      const text = await refuse(
        `GET / HTTP/1.1\r\nHost: ${host}\r\nA: ${'x'.repeat(33_000)}\r\n\r\n`,
      );
      assert.match(text, /^HTTP\/1\.1 431 /);
    });

    it('answers 413 to a body beyond the limit', async () => {
      await world.close();
      world = await World.start({ bodyBytesMax: 10 });
      await serve(echo);
      const answer = await fetchText(world.port, {
        method: 'POST',
        headers: { Host: host },
        body: 'x'.repeat(11),
      });
      assert.equal(answer.status, 413);
      const text = await refuse(
        `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`,
      );
      assert.match(text, /^HTTP\/1\.1 413 /);
    });

    it('goes on serving others, whatever bytes it gets', async () => {
      // With one slot: a request that leaked its slot would block the last one.
      await serve(echo, { spec: { containerConcurrency: 1 } });
      const random = seededRandom(11);
      const pieces = [
        `GET / HTTP/1.1\r\nHost: ${host}\r\n`,
        'Content-Length: 4\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Connection: upgrade\r\nUpgrade: x\r\n',
        'Expect: 100-continue\r\n',
        '\r\n',
        '3\r\nabc\r\n',
        '0\r\n\r\n',
        '\n',
        'PRI * HTTP/2.0\r\n',
        '\0\xff',
        'body',
      ];
      const clients = [];
      for (let count = 0; count < 150; count++) {
        const client = await world.connect();
        for (let part = 0; part < 8; part++)
          client.send(pieces[Math.floor(random() * pieces.length)] ?? '');
        if (random() < 0.5) client.socket.end();
        clients.push(client);
      }
      for (const client of clients) client.socket.destroy();
      const answer = await fetchText(world.port, { headers: { Host: host } });
      assert.equal(answer.status, 200);
    });
  });
});

async function eventuallyStatus(
  call: () => ReturnType<typeof fetchText>,
  status: number,
): Promise<void> {
  while ((await call()).status !== status) await new Promise((resolve) => setTimeout(resolve, 5));
}
