import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { eventually, fetchText, World } from './world.ts';

const host = 'hello.shop-dev.localhost';
const revision = 'hello-00001';
/** A revision whose port is named h2c. */
const h2cSpec = {
  spec: {
    containers: [{ name: 'user', image: 'x', ports: [{ name: 'h2c', containerPort: 8080 }] }],
  },
};

interface H2Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly trailers: http2.IncomingHttpHeaders | undefined;
  readonly body: string;
}

describe('gateway over HTTP/2', () => {
  let world: World;
  let sessions: http2.ClientHttp2Session[] = [];
  beforeEach(async () => {
    world = await World.start();
    sessions = [];
  });
  afterEach(async () => {
    for (const session of sessions) session.destroy();
    await world.close();
  });

  const connect = (): http2.ClientHttp2Session => {
    const session = http2.connect(`http://127.0.0.1:${world.port}`);
    session.on('error', () => undefined);
    sessions.push(session);
    return session;
  };

  const fetch2 = async (
    headers: http2.OutgoingHttpHeaders,
    body?: string,
    session = connect(),
  ): Promise<H2Answer> => {
    const stream = session.request(
      { ':authority': host, ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    return answerOf(stream);
  };

  const servePod = async (
    listener: http.RequestListener,
    options: Parameters<World['addService']>[1] = {},
  ): Promise<void> => {
    world.addService('hello', options);
    world.addPod(revision, await world.upstream(listener));
    await eventually(() => world.isIngressReady('hello'));
  };

  const serveHttp2Pod = async (
    listener: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  ): Promise<void> => {
    const pod = http2.createServer();
    pod.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
      stream.on('error', () => undefined);
      listener(stream, headers);
    });
    world.addService('hello', h2cSpec);
    world.addPod(revision, await world.listen(pod));
    await eventually(() => world.isIngressReady('hello'));
  };

  describe('to a pod that speaks HTTP/1.1', () => {
    it('carries method, path, fields and body of a request, and the answer back', async () => {
      await servePod((request, response) => {
        const { method, url, headers } = request;
        response.writeHead(201, { 'X-Seen': 'yes', 'Set-Cookie': ['a=1', 'b=2'] });
        readAll(request, (body) => response.end(JSON.stringify({ method, url, headers, body })));
      });
      const answer = await fetch2(
        { ':method': 'POST', ':path': '/a?b=c', 'x-own': '1', cookie: ['u=1', 'v=2'] },
        'ping',
      );
      assert.equal(answer.headers[':status'], 201);
      assert.equal(answer.headers['x-seen'], 'yes');
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
      const seen = JSON.parse(answer.body) as {
        method: string;
        url: string;
        headers: Record<string, string>;
        body: string;
      };
      assert.equal(seen.method, 'POST');
      assert.equal(seen.url, '/a?b=c');
      assert.equal(seen.body, 'ping');
      assert.equal(seen.headers['host'], host);
      assert.equal(seen.headers['x-own'], '1');
      assert.equal(seen.headers['cookie'], 'u=1; v=2');
      assert.equal(seen.headers['transfer-encoding'], 'chunked');
      assert.equal(seen.headers['x-forwarded-host'], host);
    });

    it('streams large bodies both ways unchanged', async () => {
      await servePod((request, response) => void request.pipe(response));
      const body = 'abcdefg'.repeat(300_000);
      for (const headers of [{}, { 'content-length': body.length }]) {
        const answer = await fetch2({ ':method': 'POST', ':path': '/', ...headers }, body);
        assert.equal(answer.body.length, body.length);
        assert.ok(answer.body === body);
      }
    });

    it('answers many streams of one connection at once', async () => {
      let inside = 0;
      let most = 0;
      await servePod((request, response) => {
        most = Math.max(most, ++inside);
        setTimeout(() => {
          inside -= 1;
          response.end(request.url);
        }, 20);
      });
      const session = connect();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          fetch2({ ':path': `/${index}` }, undefined, session),
        ),
      );
      answers.forEach(({ body }, index) => assert.equal(body, `/${index}`));
      assert.ok(most > 10, `${most} at once`);
    });

    it('gets the answers of the gateway itself', async () => {
      const answer = await fetch2({ ':path': '/', ':authority': 'nobody.localhost' });
      assert.equal(answer.headers[':status'], 404);
      assert.equal(answer.headers['knit-error'], 'host-not-found');
      assert.match(answer.body, /no service answers/);
      await servePod((_, response) => void response.end());
      const head = await fetch2({ ':method': 'HEAD', ':path': '/_knit/x' });
      assert.equal(head.headers[':status'], 404);
      assert.equal(head.body, '');
    });

    it('is told with a reset when the body of a response is cut', async () => {
      await servePod((_, response) => {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('half');
        setTimeout(() => response.destroy(), 20);
      });
      const stream = connect().request({ ':path': '/', ':authority': host });
      stream.resume();
      const [error] = (await once(stream, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR');
    });

    it('frees the slot of a request that the client cancels', async () => {
      let arrived = 0;
      await servePod(
        (request, response) => {
          arrived += 1;
          if (request.url === '/fast') response.end('done');
        },
        { spec: { containerConcurrency: 1 } },
      );
      const session = connect();
      const slow = session.request({ ':path': '/slow', ':authority': host });
      slow.on('error', () => undefined);
      await eventually(() => arrived === 1);
      slow.close(http2.constants.NGHTTP2_CANCEL);
      assert.equal((await fetch2({ ':path': '/fast' }, undefined, session)).body, 'done');
    });

    it('opens a WebSocket by extended CONNECT', async () => {
      world.addService('hello');
      const pod = http.createServer();
      pod.on('upgrade', (request, socket) => {
        assert.match(String(request.headers['sec-websocket-key']), /^[\w+/]{22}==$/);
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            'Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n',
        );
        socket.pipe(socket);
      });
      world.addPod(revision, await world.listen(pod));
      await eventually(() => world.isIngressReady('hello'));
      const session = connect();
      await once(session, 'remoteSettings');
      assert.equal(session.remoteSettings.enableConnectProtocol, true);
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/chat',
        ':authority': host,
        'sec-websocket-version': '13',
      });
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      assert.equal(headers[':status'], 200);
      assert.equal(headers['sec-websocket-protocol'], 'chat');
      assert.equal(headers['sec-websocket-accept'], undefined);
      stream.write('frame');
      const [echo] = (await once(stream, 'data')) as [Buffer];
      assert.equal(echo.toString(), 'frame');
    });
  });

  describe('to a pod whose port is named h2c', () => {
    it('carries requests of HTTP/1.1 clients', async () => {
      await serveHttp2Pod((stream, headers) =>
        readAll(stream, (body) => {
          stream.respond({ ':status': 200, 'x-path': headers[':path'] });
          stream.end(`${headers[':method']} ${headers[':authority']} ${body}`);
        }),
      );
      for (const extra of [{}, { 'Transfer-Encoding': 'chunked' }]) {
        const answer = await fetchText(world.port, {
          method: 'POST',
          path: '/x?y',
          headers: { Host: host, ...extra },
          body: 'ping',
        });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-path'], '/x?y');
        assert.equal(answer.body, `POST ${host} ping`);
      }
    });

    it('carries gRPC: messages both ways as they come, and trailers', async () => {
      await serveHttp2Pod((stream, headers) => {
        assert.equal(headers['te'], 'trailers');
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc' },
          { waitForTrailers: true },
        );
        stream.on('data', (bytes: Buffer) => stream.write(`<${bytes.toString()}>`));
        stream.on('end', () => stream.end());
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }),
        );
      });
      const stream = connect().request({
        ':method': 'POST',
        ':path': '/shop.Cart/Watch',
        ':authority': host,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let received = '';
      stream.on('data', (bytes: Buffer) => (received += bytes.toString()));
      let trailers: http2.IncomingHttpHeaders | undefined;
      stream.on('trailers', (fields) => (trailers = fields));
      for (const message of ['one', 'two', 'three']) {
        stream.write(message);
        await eventually(() => received.endsWith(`<${message}>`));
      }
      stream.end();
      await once(stream, 'close');
      assert.equal(received, '<one><two><three>');
      assert.equal(trailers?.['grpc-status'], '0');
      assert.equal(trailers?.['grpc-message'], 'fine');
    });

    it('ends the stream with the head when the pod does, as gRPC errors are told', async () => {
      await serveHttp2Pod((stream) =>
        stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true }),
      );
      const stream = connect().request({ ':method': 'POST', ':path': '/', ':authority': host });
      stream.end();
      const [headers, flags] = (await once(stream, 'response')) as [
        http2.IncomingHttpHeaders,
        number,
      ];
      assert.equal(headers['grpc-status'], '12');
      assert.equal(flags & http2.constants.NGHTTP2_FLAG_END_STREAM, 1);
    });

    it('carries a body that comes whole while the connection to the pod is being made', async () => {
      await serveHttp2Pod((stream) =>
        readAll(stream, (body) => {
          stream.respond({ ':status': 200 });
          stream.end(`<${body}>`);
        }),
      );
      for (const body of ['first', 'second'])
        assert.equal((await fetch2({ ':method': 'POST', ':path': '/' }, body)).body, `<${body}>`);
    });

    it('uses one connection for many requests', async () => {
      const sockets = new Set<unknown>();
      await serveHttp2Pod((stream) => {
        sockets.add(stream.session);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
      const session = connect();
      await Promise.all(
        Array.from({ length: 50 }, () => fetch2({ ':path': '/' }, undefined, session)),
      );
      assert.equal(sockets.size, 1);
    });

    it('answers 502 when nobody listens, and goes to a pod that does', async () => {
      const free = net.createServer();
      const port = await world.listen(free);
      free.close();
      world.addService('hello', h2cSpec);
      world.addPod(revision, port);
      await eventually(() => world.isIngressReady('hello'));
      const waiting = fetch2({ ':path': '/' });
      const pod = http2.createServer();
      pod.on('stream', (stream: http2.ServerHttp2Stream) => {
        stream.respond({ ':status': 200 });
        stream.end('second');
      });
      world.addPod(revision, await world.listen(pod), 'other');
      assert.equal((await waiting).body, 'second');
    });

    it('answers 502 when the pod ends the stream without a response', async () => {
      await serveHttp2Pod((stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
      const answer = await fetch2({ ':path': '/' });
      assert.equal(answer.headers[':status'], 502);
    });

    it('sends a refused stream again', async () => {
      let count = 0;
      await serveHttp2Pod((stream) => {
        if (++count === 1) {
          stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
          return;
        }
        stream.respond({ ':status': 200 });
        stream.end('again');
      });
      assert.equal((await fetch2({ ':path': '/' })).body, 'again');
    });
  });

  it('finishes the streams in flight when it closes, and says goodbye', async () => {
    let release: (() => void) | undefined;
    await servePod((_, response) => {
      release = () => response.end('late');
    });
    const session = connect();
    const waiting = fetch2({ ':path': '/' }, undefined, session);
    await eventually(() => release !== undefined);
    const goodbye = once(session, 'goaway');
    const closed = world.gateway.close();
    await goodbye;
    release?.();
    assert.equal((await waiting).body, 'late');
    await closed;
  });
});

function readAll(stream: NodeJS.ReadableStream, onEnd: (body: string) => void): void {
  let body = '';
  stream.on('data', (part: Buffer) => (body += part.toString()));
  stream.on('end', () => onEnd(body));
}

function answerOf(stream: http2.ClientHttp2Stream): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    let headers: H2Answer['headers'] = {};
    let trailers: H2Answer['trailers'];
    const parts: Buffer[] = [];
    stream.on('response', (fields) => (headers = fields));
    stream.on('trailers', (fields) => (trailers = fields));
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('end', () => resolve({ headers, trailers, body: Buffer.concat(parts).toString() }));
  });
}
