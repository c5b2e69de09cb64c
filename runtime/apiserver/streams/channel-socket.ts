/**
 * Kubernetes' channels over one WebSocket: the first byte of each message names the stream. Knows
 * nothing of what the streams carry. Source: k8s.io/apimachinery pkg/util/httpstream/wsstream
 * (behaviour).
 */
import { PassThrough, Writable } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { UpgradeRequest } from '../http-listener.ts';
import { pickProtocol } from './upgrade-protocol.ts';

/** What clients send at once: kubectl's chunks have 32 KiB. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** What may wait in memory for a client that reads slowly; then the source is paused. */
const BUFFERED_BYTES_MAX = 1024 * 1024;
/** Both ends find out within two of them that the other is gone. */
const PING_MS = 30_000;
/** Channel of version 5 that says which other channel has ended. */
const CLOSE_CHANNEL = 255;

const server = new WebSocketServer({
  noServer: true,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: false,
  // The one that was picked before the upgrade is the only one in the request by then.
  handleProtocols: (offered) => [...offered][0] ?? false,
});

export class ChannelSocket {
  readonly protocol: string;
  private readonly socket: WebSocket;
  private readonly isBase64: boolean;
  private readonly sources = new Map<number, PassThrough>();
  /** Those whose readers are behind. */
  private readonly full = new Set<PassThrough>();
  private isAlive = true;

  private constructor(socket: WebSocket, protocol: string) {
    this.socket = socket;
    this.protocol = protocol;
    this.isBase64 = protocol.includes('base64');
    const timer = setInterval(() => {
      // While nothing is read, because what it sends waits for the command, no answer is seen either.
      if (!this.isAlive && !socket.isPaused) socket.terminate();
      this.isAlive = false;
      socket.ping();
    }, PING_MS);
    socket.on('pong', () => (this.isAlive = true));
    socket.on('message', (data: RawData) => this.receive(toBuffer(data)));
    socket.on('close', () => clearInterval(timer));
    // Its close event follows.
    socket.on('error', () => undefined);
    // Until somebody says where messages go.
    socket.pause();
  }

  /** Begins to read, when every `source` has been asked for. */
  start(): void {
    this.socket.resume();
  }

  /**
   * Accepts the upgrade with the first of the client's protocols that is among `known`.
   * @throws {StatusError} 400 when none of its protocols is known.
   */
  static accept(upgrade: UpgradeRequest, known: readonly string[]): Promise<ChannelSocket> {
    const { request, socket, head } = upgrade;
    const protocol = pickProtocol(request.headers['sec-websocket-protocol'], known);
    request.headers['sec-websocket-protocol'] = protocol;
    return new Promise((resolve) => {
      server.handleUpgrade(request, socket, head, (opened) =>
        resolve(new ChannelSocket(opened, protocol)),
      );
    });
  }

  /** Resolves when the connection is closed, by whichever end. */
  whenClosed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.readyState === this.socket.CLOSED) resolve();
      else this.socket.once('close', () => resolve());
    });
  }

  private receive(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const channel = this.isBase64 ? (bytes[0] ?? 0x30) - 0x30 : (bytes[0] ?? 0);
    const rest = bytes.subarray(1);
    // Version 5 only: the client will send no more on that channel.
    if (channel === CLOSE_CHANNEL) this.sources.get(rest[0] ?? CLOSE_CHANNEL)?.end();
    else this.feed(channel, this.isBase64 ? Buffer.from(rest.toString('latin1'), 'base64') : rest);
  }

  private feed(channel: number, bytes: Buffer): void {
    const source = this.sources.get(channel);
    if (!source || source.writableEnded || source.destroyed || bytes.length === 0) return;
    if (source.write(bytes) || this.full.has(source)) return;
    this.full.add(source);
    this.socket.pause();
  }

  send(channel: number, bytes: Uint8Array, onSent?: () => void): void {
    if (this.socket.readyState !== this.socket.OPEN) {
      onSent?.();
      return;
    }
    if (this.isBase64)
      this.socket.send(`${channel}${Buffer.from(bytes).toString('base64')}`, () => onSent?.());
    else
      this.socket.send(Buffer.concat([Buffer.from([channel]), bytes]), { binary: true }, () =>
        onSent?.(),
      );
  }

  /** What is written to it goes out on that channel, as fast as the client reads. */
  sink(channel: number): Writable {
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        const isFull = this.socket.bufferedAmount >= BUFFERED_BYTES_MAX;
        this.send(channel, chunk, isFull ? () => done() : undefined);
        if (!isFull) done();
      },
    });
    this.socket.once('close', () => sink.destroy());
    return sink;
  }

  /** What comes in on that channel; while nobody reads it, nothing is read from the client. */
  source(channel: number): PassThrough {
    const source = new PassThrough({ highWaterMark: BUFFERED_BYTES_MAX });
    this.sources.set(channel, source);
    const resume = (): void => {
      if (this.full.delete(source) && this.full.size === 0) this.socket.resume();
    };
    source.on('drain', resume).once('close', resume);
    this.socket.once('close', () => source.destroy());
    return source;
  }

  close(): void {
    this.socket.close(1000);
  }
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
