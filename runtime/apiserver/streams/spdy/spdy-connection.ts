/**
 * The server's end of SPDY/3.1 as Kubernetes' clients speak it: streams that the client opens, over a
 * connection that has left HTTP. As in Go's spdystream, which those clients use, there are no windows:
 * nobody sends WINDOW_UPDATE, and a slow reader holds back the whole connection. No push, no settings.
 * Source: SPDY Protocol, Draft 3.1; github.com/moby/spdystream connection.go (behaviour).
 */
import type { Duplex } from 'node:stream';

import {
  FLAG_FIN,
  type FramePiece,
  FrameReader,
  frameType,
  makeControl,
  makeDataHead,
  makeWords,
  readStreamId,
  rstStatus,
  SYN_STREAM_BLOCK_OFFSET,
} from './frames.ts';
import { HeaderDecoder, HeaderEncoder } from './header-block.ts';
import { SpdyStream, type SpdyStreamOwner } from './spdy-stream.ts';

/** Two for each of the connections that are forwarded at a time. */
const STREAMS_MAX = 4_096;
/** Both ends find out within two of them that the other is gone. */
const PING_MS = 30_000;
/** A client that does not take what is left by then does not get it. */
const CLOSE_MS_MAX = 10_000;
/** Small enough that streams take turns. */
const DATA_BYTES_MAX = 64 * 1024;

export class SpdyConnection implements SpdyStreamOwner {
  /** Resolves when the connection is gone, by whichever end; every stream is destroyed then. */
  readonly closed: Promise<void>;
  private readonly transport: Duplex;
  private readonly onStream: (stream: SpdyStream) => boolean;
  private readonly frames = new FrameReader();
  private readonly decoder = new HeaderDecoder();
  private readonly encoder = new HeaderEncoder();
  private readonly streams = new Map<number, SpdyStream>();
  /** Streams whose reader is behind. */
  private readonly slow = new Set<number>();
  private lastStreamId = 0;
  private isBusy = false;
  private isClosing = false;
  private isAlive = true;
  private pingId = 2;

  /**
   * @param head what came before the connection was handed over
   * @param onStream takes a stream that the client has opened; false refuses it
   */
  constructor(transport: Duplex, head: Buffer, onStream: (stream: SpdyStream) => boolean) {
    this.transport = transport;
    this.onStream = onStream;
    const timer = setInterval(() => this.ping(), PING_MS);
    timer.unref();
    this.closed = new Promise((resolve) => {
      transport.once('close', () => {
        clearInterval(timer);
        this.decoder.close();
        for (const stream of this.streams.values()) stream.destroy();
        resolve();
      });
    });
    transport.on('error', () => transport.destroy());
    transport.on('data', (bytes: Buffer) => this.take(bytes));
    transport.once('end', () => transport.destroy());
    if (head.length > 0) this.take(head);
  }

  /** Says goodbye and ends the connection when all that was written has gone out. */
  close(): void {
    if (this.isClosing || this.transport.destroyed) return;
    this.isClosing = true;
    this.transport.end(makeControl(frameType.goAway, makeWords(this.lastStreamId, 0)));
    setTimeout(() => this.transport.destroy(), CLOSE_MS_MAX).unref();
  }

  sendData(
    streamId: number,
    bytes: Buffer,
    isLast: boolean,
    onSent: (error?: Error | null) => void,
  ): void {
    if (this.isClosing || !this.transport.writable) {
      onSent(isLast ? null : new Error('the connection is closed'));
      return;
    }
    let start = 0;
    for (; bytes.length - start > DATA_BYTES_MAX; start += DATA_BYTES_MAX) {
      this.transport.write(makeDataHead(streamId, DATA_BYTES_MAX, false));
      this.transport.write(bytes.subarray(start, start + DATA_BYTES_MAX));
    }
    const rest = bytes.subarray(start);
    this.transport.write(makeDataHead(streamId, rest.length, isLast));
    this.transport.write(rest, onSent);
  }

  onDrained(streamId: number): void {
    if (!this.slow.delete(streamId)) return;
    if (this.slow.size === 0 && !this.isBusy) this.work();
  }

  onClosed(streamId: number, wasAborted: boolean): void {
    if (!this.streams.delete(streamId)) return;
    if (wasAborted) this.reset(streamId, rstStatus.cancel);
    this.onDrained(streamId);
  }

  private take(bytes: Buffer): void {
    this.isAlive = true;
    this.frames.add(bytes);
    if (!this.isBusy) this.work();
  }

  /** Handles what has come, until a header block has to be awaited or a reader is behind. */
  private work(): void {
    try {
      while (this.slow.size === 0) {
        const piece = this.frames.next();
        if (!piece) {
          this.transport.resume();
          return;
        }
        if (piece.kind === 'data') this.onData(piece);
        else if (piece.type === frameType.synStream) {
          this.isBusy = true;
          this.transport.pause();
          this.open(piece.flags, piece.body).then(
            () => {
              this.isBusy = false;
              this.work();
            },
            () => this.transport.destroy(),
          );
          return;
        } else this.onControl(piece.type, piece.body);
      }
      this.transport.pause();
    } catch {
      // After a frame that cannot be read nothing tells where the next one begins.
      this.transport.destroy();
    }
  }

  private onData(piece: FramePiece & { readonly kind: 'data' }): void {
    const stream = this.streams.get(piece.streamId);
    // As upstream: what comes after a reset is on its way already.
    if (!stream) return;
    if (piece.bytes.length > 0 && !stream.receive(piece.bytes)) this.slow.add(piece.streamId);
    if (piece.isLast) {
      stream.receive(undefined);
      this.slow.delete(piece.streamId);
    }
  }

  private onControl(type: number, body: Buffer): void {
    switch (type) {
      case frameType.rstStream: {
        const stream = this.streams.get(readStreamId(body));
        if (!stream) return;
        this.streams.delete(stream.id);
        this.slow.delete(stream.id);
        stream.destroy();
        return;
      }
      case frameType.ping:
        // Those with even numbers are answers to ours.
        if (readStreamId(body) % 2 === 1) this.write(makeControl(frameType.ping, body));
        return;
      case frameType.goAway:
        // The client opens no more; the streams that are open go on until it closes the connection.
        return;
      case frameType.synReply:
      case frameType.headers:
        // Would have to be decompressed to keep the state; no client sends them to a server.
        throw new Error('headers of streams that were never opened');
      default:
      // Settings and windows mean nothing here, and unknown frames are to be skipped.
    }
  }

  private async open(flags: number, body: Buffer): Promise<void> {
    const id = readStreamId(body);
    // Also of a stream that is refused: the next block builds on this one.
    const headers = await this.decoder.decode(body.subarray(SYN_STREAM_BLOCK_OFFSET));
    if (id % 2 === 0 || id <= this.lastStreamId) {
      this.reset(id, rstStatus.protocolError);
      return;
    }
    this.lastStreamId = id;
    if (this.isClosing || this.streams.size >= STREAMS_MAX) {
      this.reset(id, rstStatus.refusedStream);
      return;
    }
    const stream = new SpdyStream(id, headers, this);
    // Whoever uses it hears of its errors by its end.
    stream.on('error', () => undefined);
    this.streams.set(id, stream);
    if (!this.onStream(stream)) {
      this.streams.delete(id);
      this.reset(id, rstStatus.refusedStream);
      stream.destroy();
      return;
    }
    const reply = Buffer.concat([makeWords(id), this.encoder.encode(new Map())]);
    this.write(makeControl(frameType.synReply, reply));
    if ((flags & FLAG_FIN) !== 0) stream.receive(undefined);
  }

  private reset(streamId: number, status: number): void {
    this.write(makeControl(frameType.rstStream, makeWords(streamId, status)));
  }

  private ping(): void {
    // While nothing is read, because a reader is behind, no answer is seen either.
    if (!this.isAlive && this.slow.size === 0) {
      this.transport.destroy();
      return;
    }
    this.isAlive = false;
    this.write(makeControl(frameType.ping, makeWords(this.pingId)));
    this.pingId = (this.pingId + 2) % 0x7ffffffe || 2;
  }

  private write(bytes: Buffer): void {
    if (this.transport.writable && !this.isClosing) this.transport.write(bytes);
  }
}
