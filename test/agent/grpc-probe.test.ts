/** gRPC probes against HTTP/2 servers that answer as gRPC's do. */
import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { attemptProbe } from '../../runtime/agent/probes/probe-attempt.ts';

describe('a gRPC probe', () => {
  let server: Http2Server;
  let asked: string[];
  let answer: (stream: ServerHttp2Stream) => void;

  beforeEach(async () => {
    asked = [];
    server = createServer();
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        asked.push(`${headers[':path']} ${Buffer.concat(chunks).toString('hex')}`);
        answer(stream);
      });
      stream.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => server.close());

  const reply = (message: string, status: string) => (stream: ServerHttp2Stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.end(Buffer.from(message, 'hex'));
  };
  const probe = (service?: string) =>
    attemptProbe(
      {
        grpc: { port: (server.address() as AddressInfo).port, ...(service ? { service } : {}) },
        timeoutSeconds: 30,
      },
      {
        podIP: '127.0.0.1',
        container: { name: 'user', image: '' },
        reachablePort: (port) => port,
        exec: () => Promise.reject(new Error('no command is asked for')),
      },
    );

  it('succeeds when the server serves, and asks for the service that it names', async () => {
    answer = reply('00000000020801', '0');
    assert.deepEqual(await probe(), { isSuccess: true, message: '' });
    assert.deepEqual(await probe('db'), { isSuccess: true, message: '' });
    assert.deepEqual(asked, [
      '/grpc.health.v1.Health/Check 0000000000',
      '/grpc.health.v1.Health/Check 00000000040a026462',
    ]);
  });

  it('fails when it does not serve', async () => {
    answer = reply('00000000020802', '0');
    const outcome = await probe();
    assert.deepEqual(outcome, {
      isSuccess: false,
      message: 'service unhealthy (responded with "NOT_SERVING")',
    });
  });

  it('fails when the call does', async () => {
    answer = (stream) =>
      stream.respond(
        { ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown service' },
        { endStream: true },
      );
    const outcome = await probe();
    assert.match(outcome.message, /failed with status 12: unknown service/);
  });
});
