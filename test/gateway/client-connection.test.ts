import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Answer } from '../../runtime/gateway/answer.ts';
import {
  BODY_STALL_MS,
  CLIENT_IDLE_MS,
  ClientConnection,
  HEAD_TIMEOUT_MS,
} from '../../runtime/gateway/client-connection.ts';
import type { GatewayError } from '../../runtime/gateway/gateway-error.ts';
import type { RequestClient, RequestSink } from '../../runtime/gateway/request-sink.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { eventually } from './world.ts';

/** Holds requests until it is told to answer. */
class HeldRequest implements RequestSink {
  readonly hasResponseStarted = false;
  readonly wantsPayload = true;
  readonly isInvocation = false;
  readonly revision = undefined;
  mustClose = false;
  body = '';
  isComplete = false;
  isGone = false;
  readonly client: RequestClient;

  constructor(client: RequestClient) {
    this.client = client;
  }

  start(): void {}
  onClientDrain(): void {}

  onBody(part: Buffer): void {
    this.body += part.toString();
  }

  onBodyEnd(): void {
    this.isComplete = true;
  }

  onClientGone(): void {
    this.isGone = true;
  }

  fail(error: GatewayError): void {
    this.client.respondError(error);
  }

  answer(): void {
    this.client.respond({ status: 204, headers: [], body: '' });
  }
}

describe('connection of a client', () => {
  let clock: FakeClock;
  let server: net.Server;
  let connection: ClientConnection | undefined;
  let requests: HeldRequest[];
  let client: net.Socket;
  let accepted: net.Socket;
  let received: string;
  let isClosed: boolean;

  beforeEach(async () => {
    clock = new FakeClock(0);
    requests = [];
    connection = undefined;
    server = net.createServer((socket) => {
      accepted = socket;
      connection = new ClientConnection({
        socket,
        traits: { scheme: 'http', isExternal: true },
        clock,
        bodyBytesMax: 1_000,
        handle: (_, from) => {
          const request = new HeldRequest(from);
          requests.push(request);
          return request;
        },
        answerTo: (error): Answer => ({ status: error.status, headers: [], body: error.code }),
        onHttp2: (taken) => taken.destroy(),
        onClosed: () => undefined,
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    received = '';
    isClosed = false;
    client.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')));
    client.on('error', () => undefined);
    client.on('close', () => (isClosed = true));
    await eventually(() => connection !== undefined);
  });
  afterEach(() => {
    client.destroy();
    server.close();
  });

  const pass = (durationMs: number): void => {
    clock.advance(durationMs);
    connection!.checkDeadlines(clock.now());
  };

  const arrival = async (send: string, seen: () => boolean): Promise<void> => {
    client.write(send, 'latin1');
    await eventually(seen);
  };

  it('is closed after 75 idle seconds', async () => {
    pass(CLIENT_IDLE_MS - 1);
    assert.equal(isClosed, false);
    pass(1);
    await eventually(() => isClosed);
    assert.equal(received, '');
  });

  it('gets 408 when a head takes longer than 30 seconds, however steadily it drips', async () => {
    const drip = `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(40)}`;
    for (let sent = 1; sent <= 29; sent++) {
      client.write(drip[sent - 1]!);
      await eventually(() => accepted.bytesRead === sent);
      pass(1_000);
    }
    assert.equal(received, '');
    pass(HEAD_TIMEOUT_MS - 29_000);
    await eventually(() => received.startsWith('HTTP/1.1 408 '));
    assert.match(received, /Connection: close/);
  });

  it('gets 408 when a body stalls for a minute, and not while it moves', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n';
    await arrival(head, () => requests.length === 1);
    for (let part = 1; part <= 3; part++) {
      pass(BODY_STALL_MS - 1);
      await arrival('x', () => requests[0]!.body.length === part);
    }
    assert.equal(received, '');
    pass(BODY_STALL_MS);
    await eventually(() => received.startsWith('HTTP/1.1 408 '));
  });

  it('is not idle while its request is being answered', async () => {
    await arrival('GET / HTTP/1.1\r\nHost: h\r\n\r\n', () => requests.length === 1);
    pass(CLIENT_IDLE_MS * 10);
    requests[0]!.answer();
    await eventually(() => received.startsWith('HTTP/1.1 204 '));
    assert.equal(isClosed, false);
  });

  it('that sends a body shorter than announced and leaves is gone for its request', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf';
    await arrival(head, () => requests.length === 1);
    client.end();
    await eventually(() => requests[0]!.isGone);
    assert.equal(requests[0]!.isComplete, false);
  });

  it('that sends more than announced sends its next request with it', async () => {
    const text = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokmore';
    await arrival(text, () => requests.length === 1);
    assert.equal(requests[0]!.body, 'ok');
    requests[0]!.answer();
    client.write(' of it\r\n\r\n');
    await eventually(() => received.includes('HTTP/1.1 400 '));
    await eventually(() => isClosed);
    assert.equal(requests.length, 1);
  });

  it('that vanished in the middle of a pipeline has no request left', async () => {
    const two = 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n';
    await arrival(two, () => requests.length === 1);
    client.destroy();
    await eventually(() => requests[0]!.isGone);
    assert.equal(requests.length, 1);
  });

  it('reads the same field lines again without mistaking other ones for them', async () => {
    const send = async (fields: string): Promise<void> => {
      const count = requests.length + 1;
      await arrival(`POST / HTTP/1.1\r\n${fields}\r\n`, () => requests.length === count);
    };
    for (const [fields, body] of [
      ['Host: h\r\nContent-Length: 1\r\n', 'a'],
      ['Host: h\r\nContent-Length: 1\r\n', 'b'],
      ['Host: h\r\nContent-Length: 2\r\n', 'cd'],
      ['Host: h\r\nTransfer-Encoding: chunked\r\n', '1\r\ne\r\n0\r\n\r\n'],
      ['Host: h\r\nContent-Length: 1\r\n', 'f'],
    ] as const) {
      await send(fields);
      const request = requests.at(-1)!;
      await arrival(body, () => request.isComplete);
      request.answer();
    }
    assert.deepEqual(
      requests.map(({ body }) => body),
      ['a', 'b', 'cd', 'e', 'f'],
    );
  });
});
