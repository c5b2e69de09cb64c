/**
 * A client's end of SPDY/3.1, written apart from the server's: frames and compressed headers as Go's
 * spdystream sends them. For tests; it asserts more than it forgives.
 */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { constants, createDeflate, createInflate } from 'node:zlib';

import { headerDictionary } from '../../runtime/apiserver/streams/spdy/header-dictionary.ts';

export interface ClientStream {
  readonly id: number;
  /** All that came, once the server has ended the stream. */
  readonly ended: Promise<Buffer>;
  /** Resolves with the status of a RST_STREAM. */
  readonly wasReset: Promise<number>;
  received(): Buffer;
  write(bytes: Buffer | string): void;
  end(): void;
}

interface Incoming {
  readonly chunks: Buffer[];
  readonly onEnd: (bytes: Buffer) => void;
  readonly onReset: (status: number) => void;
  readonly onReply: () => void;
}

export class SpdyClient {
  readonly protocol: string;
  private readonly socket: Duplex;
  private readonly deflate = createDeflate({ dictionary: headerDictionary });
  private readonly inflate = createInflate({ dictionary: headerDictionary });
  private readonly streams = new Map<number, Incoming>();
  private kept = Buffer.alloc(0);
  /** Of the stream that is opened next. */
  nextId = 1;

  constructor(socket: Duplex, protocol: string) {
    this.socket = socket;
    this.protocol = protocol;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => this.take(bytes));
  }

  /** @throws with the answer, when the server does not upgrade. */
  static connect(options: {
    readonly url: string;
    readonly ca: string;
    readonly token: string;
    readonly protocols: readonly string[];
  }): Promise<SpdyClient> {
    return new Promise((resolve, reject) => {
      const asked = request(options.url, {
        method: 'POST',
        ca: options.ca,
        agent: false,
        headers: {
          authorization: `Bearer ${options.token}`,
          connection: 'Upgrade',
          upgrade: 'SPDY/3.1',
          'x-stream-protocol-version': [...options.protocols],
        },
      });
      asked.once('upgrade', (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(new SpdyClient(socket, String(response.headers['x-stream-protocol-version'])));
      });
      asked.once('response', (response) => {
        response.setEncoding('utf8').on('data', (text: string) => {
          reject(new Error(`${response.statusCode}: ${text}`));
        });
      });
      asked.once('error', reject);
      asked.end();
    });
  }

  /** Resolves when the server has taken it. */
  async open(headers: Readonly<Record<string, string>>): Promise<ClientStream> {
    const id = this.nextId;
    this.nextId += 2;
    const chunks: Buffer[] = [];
    let [onEnd, onReset, onReply] = [
      (_bytes: Buffer): void => undefined,
      (_status: number): void => undefined,
      (): void => undefined,
    ];
    const ended = new Promise<Buffer>((resolve) => (onEnd = resolve));
    const wasReset = new Promise<number>((resolve) => (onReset = resolve));
    const replied = new Promise<void>((resolve) => (onReply = resolve));
    this.streams.set(id, { chunks, onEnd, onReset, onReply });
    const block = await this.compress(headers);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(id, 0);
    this.control(1, 0, Buffer.concat([head, block]));
    await Promise.race([replied, wasReset]);
    return {
      id,
      ended,
      wasReset,
      received: () => Buffer.concat(chunks),
      write: (bytes) => this.data(id, Buffer.from(bytes), false),
      end: () => this.data(id, Buffer.alloc(0), true),
    };
  }

  /** A frame as it is, however wrong. */
  raw(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  control(type: number, flags: number, body: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(0x80030000 + type, 0);
    head.writeUInt32BE(flags * 0x1000000 + body.length, 4);
    this.socket.write(Buffer.concat([head, body]));
  }

  whenClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) resolve();
      else this.socket.once('close', () => resolve());
    });
  }

  close(): void {
    this.socket.end(() => this.socket.destroy());
  }

  private data(id: number, bytes: Buffer, isLast: boolean): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt32BE((isLast ? 0x1000000 : 0) + bytes.length, 4);
    this.socket.write(Buffer.concat([head, bytes]));
  }

  private take(bytes: Buffer): void {
    this.kept = Buffer.concat([this.kept, bytes]);
    while (this.kept.length >= 8) {
      const length = this.kept.readUIntBE(5, 3);
      if (this.kept.length < 8 + length) return;
      const [word, flags] = [this.kept.readUInt32BE(0), this.kept[4] ?? 0];
      const body = this.kept.subarray(8, 8 + length);
      this.kept = this.kept.subarray(8 + length);
      if (word < 0x80000000) this.onData(word, body, flags);
      else this.onControl(word & 0xffff, body);
    }
  }

  private onData(id: number, body: Buffer, flags: number): void {
    const stream = this.streams.get(id);
    assert.ok(stream, `data on stream ${id}, which nobody opened`);
    stream.chunks.push(Buffer.from(body));
    if (flags & 1) stream.onEnd(Buffer.concat(stream.chunks));
  }

  private onControl(type: number, body: Buffer): void {
    const id = body.readUInt32BE(0);
    if (type === 2) {
      // Its headers have to be readable, although they say nothing.
      this.inflate.write(body.subarray(4));
      this.inflate.flush(constants.Z_SYNC_FLUSH, () => {
        assert.deepEqual(this.inflate.read(), Buffer.alloc(4));
        this.streams.get(id)?.onReply();
      });
    } else if (type === 3) this.streams.get(id)?.onReset(body.readUInt32BE(4));
    else if (type === 6 && id % 2 === 0) this.control(6, 0, body);
  }

  private compress(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const parts = [Object.keys(headers).length, ...Object.entries(headers).flat()].flatMap(
      (part) => {
        const word = Buffer.alloc(4);
        word.writeUInt32BE(typeof part === 'number' ? part : part.length);
        return typeof part === 'number' ? [word] : [word, Buffer.from(part)];
      },
    );
    return new Promise((resolve) => {
      this.deflate.write(Buffer.concat(parts));
      this.deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(this.deflate.read() as Buffer));
    });
  }
}
