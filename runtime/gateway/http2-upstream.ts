/**
 * The HTTP/2 connections to one pod that speaks it without TLS (a port named `h2c`): one, and more
 * when its streams are used up. Framing is node:http2's. Source: RFC 9113 section 3.3 (prior knowledge).
 */
import http2 from 'node:http2';
import type { Address } from './upstream-connection.ts';

/** Streams per connection, whatever the pod would allow: beyond it one connection is the bottleneck. */
const STREAMS_MAX = 250;
/** Flow-control window per stream and per connection; Node's 64 KiB would wait for the pod each time. */
const WINDOW_BYTES = 1024 * 1024;

/** Seconds that a connection is kept for nothing. */
const IDLE_SWEEPS_MAX = 60;

interface Entry {
  readonly session: http2.ClientHttp2Session;
  streams: number;
  /** Sweeps that found it without a stream. */
  idleSweeps: number;
}

export class Http2Upstream {
  private readonly address: Address;
  private entries: Entry[] = [];
  private isRetired = false;

  constructor(address: Address) {
    this.address = address;
  }

  /** Opens a stream; its 'error' tells of a connection that could not be made. */
  request(
    headers: http2.OutgoingHttpHeaders,
    options: { readonly endStream: boolean },
  ): http2.ClientHttp2Stream {
    const entry = this.entries.find(hasRoom) ?? this.connect();
    const stream = entry.session.request(headers, { endStream: options.endStream });
    entry.streams += 1;
    stream.once('close', () => {
      entry.streams -= 1;
      if (this.isRetired && entry.streams === 0) entry.session.close();
    });
    return stream;
  }

  /** Called each second: closes connections that carried nothing for a minute. */
  sweep(): void {
    for (const entry of this.entries) {
      entry.idleSweeps = entry.streams === 0 ? entry.idleSweeps + 1 : 0;
      if (entry.idleSweeps >= IDLE_SWEEPS_MAX) entry.session.close();
    }
  }

  /** Lets what is under way end. */
  retire(): void {
    this.isRetired = true;
    for (const { session, streams } of this.entries) if (streams === 0) session.close();
  }

  private connect(): Entry {
    const { host, port } = this.address;
    const authority = host.includes(':') ? `[${host}]` : host;
    const session = http2.connect(`http://${authority}:${port}`, {
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    const entry: Entry = { session, streams: 0, idleSweeps: 0 };
    const forget = (): void => {
      this.entries = this.entries.filter((other) => other !== entry);
    };
    // Each stream hears of it too, and the exchanges decide what to do.
    session.on('error', forget);
    session.once('close', forget);
    session.once('goaway', forget);
    this.entries.push(entry);
    return entry;
  }
}

const hasRoom = ({ session, streams }: Entry): boolean =>
  !session.closed &&
  !session.destroyed &&
  streams < Math.min(STREAMS_MAX, session.remoteSettings.maxConcurrentStreams ?? STREAMS_MAX);
