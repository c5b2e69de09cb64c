/** One stream of a SPDY connection as a duplex: its ends close apart from each other. */
import { Duplex } from 'node:stream';

import type { SpdyHeaders } from './header-block.ts';

/** What a stream does to its connection. */
export interface SpdyStreamOwner {
  sendData(
    streamId: number,
    bytes: Buffer,
    isLast: boolean,
    onSent: (error?: Error | null) => void,
  ): void;
  /** Its reader keeps up again. */
  onDrained(streamId: number): void;
  /** @param wasAborted one of its directions had not ended */
  onClosed(streamId: number, wasAborted: boolean): void;
}

/** What may wait for a slow reader before the whole connection waits with it. */
const BUFFER_BYTES = 256 * 1024;

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  private readonly owner: SpdyStreamOwner;
  private hasSentEnd = false;
  private hasReceivedEnd = false;

  constructor(id: number, headers: SpdyHeaders, owner: SpdyStreamOwner) {
    super({ readableHighWaterMark: BUFFER_BYTES, allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.owner = owner;
  }

  /** False when its reader should catch up first. Undefined bytes are the end. */
  receive(bytes: Buffer | undefined): boolean {
    if (this.hasReceivedEnd || this.destroyed) return true;
    if (bytes !== undefined) return this.push(bytes);
    this.hasReceivedEnd = true;
    this.push(null);
    return true;
  }

  override _read(): void {
    this.owner.onDrained(this.id);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.owner.sendData(this.id, chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.hasSentEnd = true;
    this.owner.sendData(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.owner.onClosed(this.id, !(this.hasSentEnd && this.hasReceivedEnd));
    done(error);
  }
}
