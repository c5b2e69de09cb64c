import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeLocalPki, type LocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { classifyRequest, InFlight } from '../../runtime/apiserver/http/in-flight.ts';
import { administrator, anonymous } from '../../runtime/apiserver/auth/user-info.ts';
import { formatWarnings } from '../../runtime/apiserver/warning-header.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { startApi, eventually, type Api } from './api-harness.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

describe('API server on the wire', () => {
  let api: Api;
  let pki: LocalPki;
  let directory: string;
  let socketPath: string;
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-wire-'));
    pki = await makeLocalPki(directory, { hosts: ['127.0.0.1'] });
    socketPath = join(directory, 'api.sock');
    api = await startApi({
      clock,
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
      token: pki.token,
      socketPath,
    });
  });
  after(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  const send = (
    path: string,
    options: RequestOptions = {},
    body?: string,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      httpRequest({ socketPath, path, ...options }, resolve)
        .on('error', reject)
        .end(body);
    });
  const readBytes = async (response: AsyncIterable<Buffer>): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const readText = async (response: AsyncIterable<Buffer>): Promise<string> =>
    (await readBytes(response)).toString();

  describe('over HTTP/2', () => {
    let session: ClientHttp2Session;
    before(() => {
      session = connectHttp2(api.server.url ?? '', { ca: pki.ca });
    });
    after(() => session.close());
    const authorization = (): { authorization: string } => ({
      authorization: `Bearer ${pki.token}`,
    });

    it('is chosen by ALPN, and creates, reads and refuses as over HTTP/1.1', async () => {
      const post = session.request({
        ...authorization(),
        ':path': configMaps,
        ':method': 'POST',
        'content-type': 'application/json',
      });
      post.end(JSON.stringify({ metadata: { name: 'two' } }));
      const [head] = await once(post, 'response');
      assert.equal(head[':status'], 201);
      assert.equal(JSON.parse(await readText(post)).metadata.name, 'two');
      const refused = session.request({ ':path': configMaps });
      const [refusal] = await once(refused, 'response');
      assert.equal(refusal[':status'], 401);
      assert.equal(JSON.parse(await readText(refused)).reason, 'Unauthorized');
    });

    it('carries many watches on one connection', async () => {
      const watches = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const path = `${configMaps}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dmany`;
          const stream = session.request({ ...authorization(), ':path': path });
          let text = '';
          stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
          await once(stream, 'response');
          return { stream, text: () => text };
        }),
      );
      await api.request('POST', configMaps, { metadata: { name: 'many' } });
      await eventually(() => watches.every(({ text }) => text().endsWith('\n')));
      for (const { stream, text } of watches) {
        assert.equal(JSON.parse(text()).object.metadata.name, 'many');
        stream.close();
      }
    });
  });

  describe('a large answer', () => {
    before(async () => {
      const data = { filler: 'x'.repeat(200_000) };
      await api.request('POST', configMaps, { metadata: { name: 'large' }, data });
    });

    it('is compressed above 128 KiB for clients that take gzip', async () => {
      const headers = { 'accept-encoding': 'gzip, deflate' };
      const response = await send(`${configMaps}/large`, { headers });
      assert.equal(response.headers['content-encoding'], 'gzip');
      const body = JSON.parse(gunzipSync(await readBytes(response)).toString());
      assert.equal(body.data.filler.length, 200_000);
    });

    it('goes as it is to clients that do not, and so does a small one to all', async () => {
      for (const [path, accepted] of [
        [`${configMaps}/large`, 'gzip;q=0'],
        [`${configMaps}/large`, 'identity'],
        ['/api/v1/namespaces/default', 'gzip'],
      ] as const) {
        const response = await send(path, { headers: { 'accept-encoding': accepted } });
        assert.equal(response.headers['content-encoding'], undefined);
        assert.ok(JSON.parse(await readText(response)).metadata.name);
      }
    });
  });

  it('takes a request head of 100 KiB, as selectors and tokens may be long', async () => {
    const path = `${configMaps}?labelSelector=app+in+(${'a,'.repeat(50_000)}a)`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${pki.token}` };
      httpsRequest(new URL(path, api.server.url), { ca: pki.ca, headers }, resolve)
        .on('error', reject)
        .end();
    });
    assert.equal(response.statusCode, 200);
    response.resume();
  });

  it('echoes the Audit-ID of a client, and makes one for the others', async () => {
    const echoed = await send('/version', { headers: { 'Audit-ID': 'mine' } });
    assert.equal(echoed.headers['audit-id'], 'mine');
    const made = await send('/version');
    assert.match(String(made.headers['audit-id']), /^[0-9a-f-]{36}$/);
    echoed.resume();
    made.resume();
  });

  it('answers 504 when the body of a request takes longer than a minute, and closes', async () => {
    const socket = connectTcp(socketPath);
    socket.write(
      `POST ${configMaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    );
    const inFlight = async (): Promise<string> => readText(await send('/metrics'));
    await eventually(async () => (await inFlight()).includes('{request_kind="mutating"} 1'));
    clock.advance(60_000);
    const answer = await readText(socket);
    assert.match(answer, /^HTTP\/1\.1 504 /);
    assert.match(answer, /"reason":"Timeout"/);
    await eventually(async () => (await inFlight()).includes('{request_kind="mutating"} 0'));
  });

  it('refuses to upgrade where nothing is to be upgraded to', async () => {
    const socket = connectTcp(socketPath);
    socket.write(
      'GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    assert.match(await readText(socket), /^HTTP\/1\.1 4\d\d /);
  });

  it('tells its health check by check', async () => {
    assert.equal(await readText(await send('/livez/ping')), 'ok');
    const verbose = await readText(await send('/readyz?verbose'));
    assert.match(verbose, /^\[\+\]ping ok\n(\[\+\].+ ok\n)*readyz check passed\n$/);
    assert.equal((await send('/readyz/nothing')).statusCode, 404);
  });

  it('counts its requests, objects and watches for Prometheus', async () => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const body = JSON.stringify({ metadata: { name: 'counted' } });
    await readText(await send(configMaps, options, body));
    const metrics = await readText(await send('/metrics'));
    assert.match(
      metrics,
      /^apiserver_request_total\{code="201",group="",resource="configmaps",subresource="",verb="POST",version="v1"\} \d+$/m,
    );
    assert.match(metrics, /^apiserver_storage_objects\{resource="namespaces"\} \d+$/m);
    assert.match(metrics, /^apiserver_request_duration_seconds_bucket\{.*le="\+Inf"\} \d+$/m);
    for (const line of metrics.trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [\d.e+-]+)$/);
  });

  it('drops a watcher that does not read, and keeps the others', async () => {
    const path = `${configMaps}?watch=true&resourceVersion=0`;
    const slow = connectTcp(socketPath);
    slow.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(slow, 'data');
    slow.pause();
    const quick = await send(path);
    let events = 0;
    quick.on('data', (chunk: Buffer) => (events += chunk.toString().split('\n').length - 1));
    await api.request('POST', configMaps, { metadata: { name: 'busy' } });
    const filler = 'y'.repeat(1_000);
    const put = (i: number): Promise<unknown> =>
      api.request('PUT', `${configMaps}/busy`, {
        metadata: { name: 'busy' },
        data: { i: String(i), filler },
      });
    // Writes of one turn share a commit.
    for (let i = 0; i < 5_000; i += 250)
      await Promise.all(Array.from({ length: 250 }, (_, offset) => put(i + offset)));
    await eventually(() => events >= 5_000);
    slow.resume();
    await once(slow, 'close');
    assert.equal(quick.closed, false);
    quick.destroy();
  }).timeout(60_000);
});

describe('the limit on requests in flight', () => {
  it('refuses the 401st read and the 201st write with 429, and lets administrators through', () => {
    const inFlight = new InFlight();
    for (const [kind, limit] of [
      ['readOnly', 400],
      ['mutating', 200],
    ] as const) {
      for (let i = 0; i < limit; i++) inFlight.enter(kind, anonymous);
      assert.throws(() => inFlight.enter(kind, anonymous), { status: tooMany });
      inFlight.enter(kind, administrator);
      inFlight.leave(kind);
      inFlight.leave(kind);
      inFlight.enter(kind, anonymous);
    }
  });
  const tooMany = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Too many requests, please try again later.',
    reason: 'TooManyRequests',
    details: { retryAfterSeconds: 1 },
    code: 429,
  };

  it('counts watches, logs and exec apart', () => {
    const rows = [
      ['GET', '/api/v1/pods', { watch: 'true' }, 'longRunning'],
      ['GET', '/api/v1/namespaces/a/pods/p/log', {}, 'longRunning'],
      ['POST', '/api/v1/namespaces/a/pods/p/exec', {}, 'longRunning'],
      ['GET', '/api/v1/pods', {}, 'readOnly'],
      ['DELETE', '/api/v1/namespaces/a/pods/p', {}, 'mutating'],
    ] as const;
    for (const [method, path, query, kind] of rows)
      assert.equal(classifyRequest(method, path, query), kind);
  });
});

describe('warnings', () => {
  it('become header values that client-go can read, each once, without controls and quotes', () => {
    assert.deepEqual(formatWarnings(['say "no"\n', 'twice', 'twice']), [
      String.raw`299 - "say \"no\" "`,
      '299 - "twice"',
    ]);
  });
});
