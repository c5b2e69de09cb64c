/**
 * The long-lived POST over which stat messages reach the autoscaler, one line of JSON each. Keeps
 * nothing while disconnected: an old report is worthless, and on reconnect the owner says what waits.
 */
import http from 'node:http';
import type { StatMessage } from '../apis/autoscaling/stat.ts';
import { backoffMs } from '../std/backoff.ts';
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';

/** First retry soon, since a request may be waiting for a pod; then at most this often. */
const RECONNECT = { initialMs: 20, maxMs: 1_000 };
/** Unsent bytes beyond which the autoscaler counts as stuck and the stream is made anew. */
const BACKLOG_BYTES_MAX = 1024 * 1024;
const STATS_PATH = '/stats';

export interface AutoscalerAddress {
  readonly socketPath?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

export interface StatStreamOptions {
  readonly address: AutoscalerAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called each time that the stream is up; what it returns is sent first. */
  readonly onConnected: () => StatMessage | undefined;
}

export class StatStream {
  isConnected = false;
  private readonly options: StatStreamOptions;
  private request: http.ClientRequest | undefined;
  private failures = 0;
  private cancelRetry: CancelTimer | undefined;
  private isClosed = false;

  constructor(options: StatStreamOptions) {
    this.options = options;
    this.connect();
  }

  /** Sends now, or drops the message when the autoscaler cannot be reached. */
  send(message: StatMessage): void {
    const { request } = this;
    if (!request || !this.isConnected) return;
    if (request.writableLength > BACKLOG_BYTES_MAX)
      request.destroy(new Error('autoscaler is stuck'));
    else request.write(`${JSON.stringify(message)}\n`);
  }

  /** A request waits: do not let a pending retry take its time. */
  hurry(): void {
    if (!this.cancelRetry || this.isClosed) return;
    this.cancelRetry();
    this.cancelRetry = undefined;
    this.connect();
  }

  close(): void {
    this.isClosed = true;
    this.cancelRetry?.();
    this.request?.destroy();
  }

  private connect(): void {
    const { socketPath, host, port } = this.options.address;
    const request = http.request({
      method: 'POST',
      path: STATS_PATH,
      agent: false,
      headers: { 'Content-Type': 'application/x-ndjson', 'Transfer-Encoding': 'chunked' },
      ...(socketPath === undefined ? { host: host ?? '127.0.0.1', port } : { socketPath }),
    });
    this.request = request;
    // A request is dialled when its socket connects; only then may it be written to.
    request.on('socket', (socket) => {
      socket.setNoDelay(true);
      socket.once('connect', () => this.onConnect(request));
    });
    request.on('error', (error) => this.onLost(request, error));
    // An answer ends the stream, whatever it says: the autoscaler reads for as long as it lives.
    request.on('response', (response) => {
      response.resume();
      this.onLost(request, new Error(`autoscaler answered ${response.statusCode ?? 0}`));
    });
    request.on('close', () => this.onLost(request, undefined));
    request.flushHeaders();
  }

  private onConnect(request: http.ClientRequest): void {
    if (request !== this.request || this.isClosed) return;
    this.isConnected = true;
    this.failures = 0;
    const first = this.options.onConnected();
    if (first) this.send(first);
  }

  private onLost(request: http.ClientRequest, error: Error | undefined): void {
    if (request !== this.request) return;
    this.request = undefined;
    request.on('error', () => undefined);
    request.destroy();
    if (this.isClosed) return;
    if (this.isConnected)
      this.options.logger.info('autoscaler connection lost', { error: error?.message });
    this.isConnected = false;
    this.failures += 1;
    const delayMs = backoffMs(this.failures, RECONNECT);
    this.cancelRetry = this.options.clock.after(delayMs, () => {
      this.cancelRetry = undefined;
      this.connect();
    });
  }
}
