/**
 * One connection to a pod, used by one exchange at a time and kept for the next. Listeners are
 * attached once per connection, not per request. It frames nothing: the exchange does.
 */
import net from 'node:net';
import type { ResponseHead } from './http/head.ts';

/**
 * A server that keeps connections for 5 s (the default of Node.js) may close one just as a request
 * is written; below that by a margin, so that the race is rare.
 */
export const UPSTREAM_IDLE_MS = 4_000;

/** What the kernel hands over at once. Used from read to the callback's return, and never across turns. */
const readBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

export interface UpstreamUser {
  onUpstreamConnect(): void;
  /** The bytes are valid until it returns. */
  onUpstreamData(bytes: Buffer): void;
  onUpstreamDrain(): void;
  /** The pod has sent all that it will send. */
  onUpstreamEnd(): void;
  /** The connection is gone; `error` is absent when it was closed in order. */
  onUpstreamClose(error: Error | undefined): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export class UpstreamConnection {
  readonly socket: net.Socket;
  /** Requests that it was used for before the present one. */
  uses = 0;
  isConnected = false;
  isClosed = false;
  idleSinceMs = 0;
  /** Set by the pool while idle: told when the pod closes it. */
  onIdleClose: (() => void) | undefined;
  /** Of the response before: the next one is often the same. */
  lastHead: ResponseHead | undefined;
  private user: UpstreamUser | undefined;
  private error: Error | undefined;

  constructor(address: Address) {
    this.socket = net.connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      // One buffer for all of them instead of 64 KiB to allocate, shrink and collect per read.
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          const { user } = this;
          // Nobody asked: whatever it is would be taken for the answer to the next request.
          if (user) user.onUpstreamData(readBuffer.subarray(0, length));
          else this.destroy();
          return true;
        },
      },
    });
    this.socket.on('connect', () => {
      this.isConnected = true;
      this.user?.onUpstreamConnect();
    });
    this.socket.on('drain', () => this.user?.onUpstreamDrain());
    this.socket.on('end', () => {
      if (this.user) this.user.onUpstreamEnd();
      else this.destroy();
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('close', () => {
      this.isClosed = true;
      const user = this.user;
      this.user = undefined;
      if (user) user.onUpstreamClose(this.error);
      else this.onIdleClose?.();
    });
  }

  attach(user: UpstreamUser): void {
    this.user = user;
  }

  /** The user hears nothing more from this connection. */
  detach(): void {
    this.user = undefined;
    this.uses += 1;
  }

  destroy(): void {
    this.user = undefined;
    this.socket.destroy();
  }
}
