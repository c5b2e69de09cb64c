/**
 * `pods/portforward` over channels: for each port of the query a data channel and an error channel.
 * Source: k8s.io/kubelet pkg/cri/streaming/portforward/websocket.go (behaviour).
 */
import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { PodStreams } from './pod-streams.ts';

const PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
/** A channel is one byte, and each port has two. */
const PORTS_MAX = 64;
/** What a client may send before the pod has been reached. */
const EARLY_BYTES_MAX = 1024 * 1024;

/** @throws {StatusError} 400 */
export function parsePorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw StatusError.badRequest('query parameter "ports" is required');
  if (texts.length > PORTS_MAX)
    throw StatusError.badRequest(`at most ${PORTS_MAX} ports can be forwarded at once`);
  return texts.map((text) => {
    const port = Number(text);
    if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
      throw StatusError.badRequest(
        `invalid port ${JSON.stringify(text)}: must be between 1 and 65535`,
      );
    return port;
  });
}

/** Resolves when the client is gone. */
export async function servePortForward(
  upgrade: UpgradeRequest,
  streams: PodStreams,
  target: { readonly namespace: string; readonly pod: string; readonly ports: readonly number[] },
): Promise<void> {
  const socket = await ChannelSocket.accept(upgrade, PROTOCOLS);
  const handlers = new Map<number, (bytes: Buffer) => void>();
  socket.listen((channel, bytes) => handlers.get(channel)?.(bytes));
  const { namespace, pod, ports } = target;
  await Promise.all([
    socket.whenClosed(),
    ...ports
      .map((port, index) =>
        forward(socket, handlers, { data: index * 2, error: index * 2 + 1 }, () =>
          streams.connect({ namespace, pod, port }),
        ).catch((error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          const text = `error forwarding port ${port} to pod ${pod}, uid : ${message}`;
          socket.send(index * 2 + 1, Buffer.from(text));
        }),
      )
      .concat(announce(socket, ports)),
  ]);
}

/** The first message of each channel is its port, so that a client can tell them apart. */
function announce(socket: ChannelSocket, ports: readonly number[]): Promise<void> {
  for (const [index, port] of ports.entries())
    for (const channel of [index * 2, index * 2 + 1])
      socket.send(channel, Buffer.from([port & 0xff, port >> 8]));
  return Promise.resolve();
}

async function forward(
  socket: ChannelSocket,
  handlers: Map<number, (bytes: Buffer) => void>,
  channels: { readonly data: number; readonly error: number },
  connect: () => ReturnType<PodStreams['connect']>,
): Promise<void> {
  const early: Buffer[] = [];
  let earlyBytes = 0;
  handlers.set(channels.data, (bytes) => {
    earlyBytes += bytes.length;
    if (earlyBytes <= EARLY_BYTES_MAX) early.push(bytes);
    else socket.close();
  });
  const connection = await connect();
  connection.on('error', (error: Error) => socket.send(channels.error, Buffer.from(error.message)));
  void socket.whenClosed().then(() => connection.destroy());
  handlers.set(channels.data, (bytes) => socket.feed(connection, bytes));
  for (const bytes of early) socket.feed(connection, bytes);
  await socket.pump(channels.data, connection);
  connection.destroy();
  // Nobody can open the channel again: what the pod has closed is over for the client, too.
  socket.close();
}
