/**
 * `pods/portforward`: over channels, where the query names the ports and each has one connection, and
 * over SPDY, where each connection is a pair of streams. Source: k8s.io/kubelet
 * pkg/cri/streaming/portforward (behaviour).
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { PodStreams } from './pod-streams.ts';
import { acceptSpdy, acceptTunnelledSpdy, isTunnel } from './spdy/accept-spdy.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';
import { readUpgradeProtocol } from './upgrade-protocol.ts';

export interface PortForwardTarget {
  readonly namespace: string;
  readonly pod: string;
  /** Names the pod in messages, too. */
  readonly uid: string;
}

const CHANNEL_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
const SPDY_PROTOCOLS = ['portforward.k8s.io'];
/** A channel is one byte, and each port has two. */
const PORTS_MAX = 64;
/** As upstream: the other stream of a pair follows at once. */
const PAIR_MS_MAX = 30_000;

/** Resolves when the client is gone. @throws {StatusError} 400 before anything was sent. */
export async function servePortForward(
  upgrade: UpgradeRequest,
  streams: PodStreams,
  target: PortForwardTarget,
): Promise<void> {
  if (readUpgradeProtocol(upgrade) === 'websocket' && !isTunnel(upgrade))
    return overChannels(upgrade, streams, { ...target, ports: parsePorts(upgrade.query) });
  const pairs = new StreamPairs((port, pair) =>
    forward(() => streams.connect({ ...target, port }), pair, describeFailure(target, port)),
  );
  const onStream = (stream: SpdyStream): boolean => pairs.take(stream);
  const { connection } = isTunnel(upgrade)
    ? await acceptTunnelledSpdy(upgrade, SPDY_PROTOCOLS, onStream)
    : acceptSpdy(upgrade, SPDY_PROTOCOLS, onStream);
  return connection.closed;
}

/** @throws {StatusError} 400 */
export function parsePorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw StatusError.badRequest('query parameter "ports" is required');
  if (texts.length > PORTS_MAX)
    throw StatusError.badRequest(`at most ${PORTS_MAX} ports can be forwarded at once`);
  return texts.map((text) => {
    const port = parsePort(text);
    if (port === undefined)
      throw StatusError.badRequest(
        `invalid port ${JSON.stringify(text)}: must be between 1 and 65535`,
      );
    return port;
  });
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

async function overChannels(
  upgrade: UpgradeRequest,
  streams: PodStreams,
  target: PortForwardTarget & { readonly ports: readonly number[] },
): Promise<void> {
  const socket = await ChannelSocket.accept(upgrade, CHANNEL_PROTOCOLS);
  const running = target.ports.map((port, index) => {
    const [data, error] = [index * 2, index * 2 + 1];
    // The first message of each channel is its port, so that a client can tell them apart.
    for (const channel of [data, error])
      socket.send(channel, Buffer.from([port & 0xff, port >> 8]));
    const ends: ForwardEnds = {
      input: socket.source(data),
      output: socket.sink(data),
      error: socket.sink(error),
      // Nobody can open the channel again: what the pod has closed is over for the client, too.
      onOutputEnd: () => socket.close(),
    };
    const connect = (): Promise<Duplex> => streams.connect({ ...target, port });
    return forward(connect, ends, describeFailure(target, port));
  });
  socket.start();
  await Promise.all([socket.whenClosed(), ...running]);
}

const describeFailure =
  ({ namespace, pod, uid }: PortForwardTarget, port: number) =>
  (why: string): string =>
    `error forwarding port ${port} to pod ${pod}_${namespace}, uid ${uid}: ${why}`;

interface PairOfStreams {
  data?: SpdyStream;
  error?: SpdyStream;
}

/** A client opens a stream for data and one for errors; what they have in common is their request. */
class StreamPairs {
  private readonly waiting = new Map<string, PairOfStreams>();
  private readonly onPair: (
    port: number,
    pair: { input: Duplex; output: Duplex; error: Duplex },
  ) => Promise<void>;

  constructor(onPair: StreamPairs['onPair']) {
    this.onPair = onPair;
  }

  /** False for a stream that fits into no pair. */
  take(stream: SpdyStream): boolean {
    const { headers } = stream;
    const [type, port] = [headers.get('streamtype'), parsePort(headers.get('port') ?? '')];
    if ((type !== 'data' && type !== 'error') || port === undefined) return false;
    // Clients of long ago name no request: then a pair's streams have consecutive numbers.
    const key = headers.get('requestid') ?? String(type === 'data' ? stream.id : stream.id + 2);
    const pair = this.waiting.get(key) ?? {};
    if (pair[type]) return false;
    pair[type] = stream;
    const { data, error } = pair;
    if (!data || !error) {
      this.waiting.set(key, pair);
      this.giveUpLater(key, pair);
      return true;
    }
    this.waiting.delete(key);
    // What the client could say on it is its end.
    error.resume();
    void this.onPair(port, { input: data, output: data, error });
    return true;
  }

  private giveUpLater(key: string, pair: PairOfStreams): void {
    setTimeout(() => {
      if (this.waiting.get(key) !== pair) return;
      this.waiting.delete(key);
      pair.data?.destroy();
      pair.error?.destroy();
    }, PAIR_MS_MAX).unref();
  }
}

interface ForwardEnds {
  readonly input: Readable;
  readonly output: Writable;
  readonly error: Writable;
  /** The pod sends no more. */
  readonly onOutputEnd?: () => void;
}

/**
 * One connection; each direction ends by itself. Never rejects. Only a pod that cannot be reached is an
 * error to tell: kubectl gives up all of its connections for one.
 */
async function forward(
  connect: () => Promise<Duplex>,
  { input, output, error, onOutputEnd }: ForwardEnds,
  describe: (why: string) => string,
): Promise<void> {
  for (const stream of [output, error]) stream.on('error', () => undefined);
  let connection: Duplex;
  try {
    connection = await connect();
  } catch (problem) {
    error.end(describe(problem instanceof Error ? problem.message : String(problem)));
    output.end();
    onOutputEnd?.();
    return;
  }
  connection.on('error', () => undefined);
  const sent = pipeline(input, connection);
  const received = pipeline(connection, output).then(() => onOutputEnd?.());
  try {
    await Promise.all([sent, received]);
  } catch {
    connection.destroy();
    output.destroy();
  }
  await Promise.allSettled([sent, received]);
  error.end();
}
