import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError, ApiUnreachable } from '../../runtime/kube/api-error.ts';
import type { HttpTransportOptions } from '../../runtime/kube/http-transport.ts';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import type { KubeTransport, WatchEvent } from '../../runtime/kube/transport.ts';

describe('The HTTP transport', () => {
  let server: Server;
  let transport: KubeTransport | undefined;
  afterEach(async () => {
    await transport?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function serve(
    listener: RequestListener,
    options: Partial<HttpTransportOptions> = {},
  ): Promise<KubeTransport> {
    server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    transport = makeHttpTransport({ server: `http://127.0.0.1:${port}`, ...options });
    return transport;
  }

  it('sends path, query, token, content type and JSON', async () => {
    let seen: { url?: string | undefined; headers: IncomingMessage['headers']; body: string };
    const client = await serve(
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          seen = {
            url: request.url,
            headers: request.headers,
            body: String(Buffer.concat(chunks)),
          };
          response.end('{"kind":"Pod"}');
        });
      },
      { token: 'secret' },
    );
    const answer = await client.request({
      method: 'PATCH',
      path: '/api/v1/pods/a',
      query: { fieldManager: 'knit', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { text: 'schön' },
    });
    assert.deepEqual(answer, { status: 200, body: { kind: 'Pod' } });
    assert.equal(seen!.url, '/api/v1/pods/a?fieldManager=knit&force=true');
    assert.equal(seen!.headers['authorization'], 'Bearer secret');
    assert.equal(seen!.headers['content-type'], 'application/apply-patch+yaml');
    assert.equal(seen!.body, '{"text":"schön"}');
  });

  it("keeps a path prefix of the server's URL", async () => {
    await serve((request, response) => response.end(JSON.stringify(request.url)));
    const { port } = server.address() as AddressInfo;
    const client = makeHttpTransport({ server: `http://127.0.0.1:${port}/k8s/clusters/a/` });
    const { body } = await client.request({ method: 'GET', path: '/api/v1/pods' });
    await client.close();
    assert.equal(body, '/k8s/clusters/a/api/v1/pods');
  });

  it('hands back every status, and text that is not JSON as text', async () => {
    const client = await serve((_request, response) => {
      response.writeHead(502).end('<h1>Bad Gateway</h1>');
    });
    assert.deepEqual(await client.request({ method: 'GET', path: '/' }), {
      status: 502,
      body: '<h1>Bad Gateway</h1>',
    });
  });

  it('names the server and the reason when nobody listens', async () => {
    const client = await serve(() => undefined);
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await assert.rejects(client.request({ method: 'GET', path: '/' }), (error: Error) => {
      assert.ok(error instanceof ApiUnreachable);
      assert.match(
        error.message,
        new RegExp(`^no answer from the API server at http://127.0.0.1:${port}: .*ECONNREFUSED`),
      );
      return true;
    });
  });

  it('gives up a request that nothing comes of', async () => {
    const client = await serve(() => undefined, { requestTimeoutMs: 30 });
    await assert.rejects(client.request({ method: 'GET', path: '/' }), /nothing came for 30 ms/);
  });

  it('gives up an answer that stops in the middle', async () => {
    const client = await serve(
      (_request, response) => {
        response.writeHead(200, { 'content-length': 10 });
        response.write('{');
      },
      { requestTimeoutMs: 30 },
    );
    await assert.rejects(client.request({ method: 'GET', path: '/' }), ApiUnreachable);
  });

  it('lets a watch be silent for longer than a request may take', async () => {
    const client = await serve(
      (_request, response) => {
        response.writeHead(200);
        response.flushHeaders();
        setTimeout(() => response.end('{"type":"BOOKMARK","object":{}}\n'), 100);
      },
      { requestTimeoutMs: 30 },
    );
    const events: WatchEvent[] = [];
    await client.watch({ path: '/' }, (event) => events.push(event));
    assert.deepEqual(
      events.map(({ type }) => type),
      ['BOOKMARK'],
    );
  });

  it('throws the refusal of a watch as an API error', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    const client = await serve((_request, response) => {
      response.writeHead(410).end(JSON.stringify(status));
    });
    await assert.rejects(
      client.watch({ path: '/' }, () => undefined),
      (error: Error) => error instanceof ApiError && error.reason === 'Expired',
    );
  });

  it('reports a watch that breaks, after what came before it', async () => {
    const client = await serve((_request, response) => {
      response.write('{"type":"ADDED","object":{}}\n{"type":"ADD');
      setImmediate(() => response.destroy());
    });
    const events: WatchEvent[] = [];
    await assert.rejects(
      client.watch({ path: '/' }, (event) => events.push(event)),
      ApiUnreachable,
    );
    assert.equal(events.length, 1);
  });

  it('reports a watch whose lines are not JSON instead of dropping them', async () => {
    const client = await serve((_request, response) => response.end('not json\n'));
    await assert.rejects(
      client.watch({ path: '/' }, () => undefined),
      ApiUnreachable,
    );
  });

  it('ends a watch when its signal aborts, and closes the connection', async () => {
    const abort = new AbortController();
    let closed: Promise<unknown> | undefined;
    const client = await serve((request, response) => {
      closed = once(request.socket, 'close');
      response.writeHead(200);
      response.write('{"type":"ADDED","object":{}}\n');
    });
    const ended = client.watch({ path: '/', signal: abort.signal }, () => abort.abort());
    await assert.rejects(ended, ApiUnreachable);
    await closed;
  });

  it('ends everything at close, and refuses what comes after it', async () => {
    const client = await serve((_request, response) => {
      response.writeHead(200);
      response.write('\n');
    });
    const ended = client.watch({ path: '/' }, () => undefined);
    await once(server, 'request');
    const rejected = assert.rejects(ended, ApiUnreachable);
    await client.close();
    await rejected;
    await assert.rejects(client.request({ method: 'GET', path: '/' }), /the client is closed/);
  });

  it('stops the server when the reader of a stream stops', async () => {
    let closed: Promise<unknown> | undefined;
    const client = await serve((request, response) => {
      closed = once(request.socket, 'close');
      response.write('line 1\n');
    });
    const { status, body } = await client.stream({ path: '/log' });
    assert.equal(status, 200);
    for await (const chunk of body) {
      assert.equal(Buffer.from(chunk).toString(), 'line 1\n');
      break;
    }
    await closed;
  });
});
