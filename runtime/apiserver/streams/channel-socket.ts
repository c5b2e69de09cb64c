/**
 * Kubernetes' channels over one WebSocket: the first byte of each message names the stream. Knows
 * nothing of what the streams carry. Source: k8s.io/apimachinery pkg/util/httpstream/wsstream
 * (behaviour).
 */
import type { Readable, Writable } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';

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
    socket.on('close', () => clearInterval(timer));
    // Its close event follows.
    socket.on('error', () => undefined);
  }

  /**
   * Accepts the upgrade with the first of the client's protocols that is among `known`.
   * @throws {StatusError} 400 when it is no WebSocket upgrade, or none of its protocols is known.
   */
  static accept(upgrade: UpgradeRequest, known: readonly string[]): Promise<ChannelSocket> {
    const { request, socket, head } = upgrade;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      throw StatusError.badRequest('unable to upgrade: only WebSocket is spoken at this path');
    const offered = (request.headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map((text) => text.trim());
    const protocol = offered.find((one) => known.includes(one));
    if (protocol === undefined)
      throw StatusError.badRequest(
        `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`,
      );
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

  /** @param onEnd the client will send no more on that channel (version 5 only). */
  listen(
    onMessage: (channel: number, bytes: Buffer) => void,
    onEnd: (channel: number) => void = () => undefined,
  ): void {
    this.socket.on('message', (data: RawData) => {
      const bytes = toBuffer(data);
      const channel = this.isBase64 ? (bytes[0] ?? 0x30) - 0x30 : (bytes[0] ?? 0);
      const rest = bytes.subarray(1);
      if (channel === CLOSE_CHANNEL) onEnd(rest[0] ?? CLOSE_CHANNEL);
      else if (bytes.length > 0)
        onMessage(channel, this.isBase64 ? Buffer.from(rest.toString('latin1'), 'base64') : rest);
    });
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

  /** Sends what `source` yields, as fast as the client reads. Resolves at its end or its error. */
  pump(channel: number, source: Readable): Promise<void> {
    return new Promise((resolve) => {
      source.on('data', (chunk: Buffer) => {
        this.send(channel, chunk, () => {
          if (this.socket.bufferedAmount < BUFFERED_BYTES_MAX) source.resume();
        });
        if (this.socket.bufferedAmount >= BUFFERED_BYTES_MAX) source.pause();
      });
      source.once('end', resolve);
      source.once('close', resolve);
      source.once('error', () => resolve());
    });
  }

  /** Writes to a stream; while it is full nothing is read from the client. */
  feed(target: Writable, bytes: Buffer): void {
    if (target.writableEnded || target.destroyed || bytes.length === 0) return;
    if (target.write(bytes)) return;
    this.socket.pause();
    const resume = (): void => this.socket.resume();
    target.once('drain', resume);
    target.once('close', resume);
  }

  close(): void {
    this.socket.close(1000);
  }
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
