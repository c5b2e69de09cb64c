/**
 * The streams of a command as its client opened them, over either protocol: channels of one WebSocket,
 * or streams of a SPDY connection. Source: k8s.io/kubelet pkg/cri/streaming/remotecommand (behaviour).
 */
import type { Duplex, Readable, Writable } from 'node:stream';

import type { UpgradeRequest } from '../http-listener.ts';
import { ChannelSocket } from './channel-socket.ts';
import { acceptSpdy } from './spdy/accept-spdy.ts';
import { readUpgradeProtocol } from './upgrade-protocol.ts';

export interface CommandParameters {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface CommandStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** One JSON object for each new size of the client's window; undefined where it has none. */
  readonly resize: Readable | undefined;
  /** Tells how the command ended, and closes when all of it has been sent. */
  finish(status: object): Promise<void>;
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
}

/**
 * Undefined when the client has not opened its streams in time.
 * @throws {StatusError} 400 when the protocol cannot be agreed on.
 */
export async function acceptCommandStreams(
  upgrade: UpgradeRequest,
  parameters: CommandParameters,
): Promise<CommandStreams | undefined> {
  return readUpgradeProtocol(upgrade) === 'websocket'
    ? overChannels(upgrade, parameters)
    : overSpdy(upgrade, parameters);
}

const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4];
const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

async function overChannels(
  upgrade: UpgradeRequest,
  parameters: CommandParameters,
): Promise<CommandStreams> {
  const socket = await ChannelSocket.accept(upgrade, CHANNEL_PROTOCOLS);
  const { stdin, stdout, stderr, tty } = parameters;
  const streams = {
    stdin: stdin ? socket.source(STDIN) : undefined,
    stdout: stdout ? socket.sink(STDOUT) : undefined,
    stderr: stderr ? socket.sink(STDERR) : undefined,
    resize: tty ? socket.source(RESIZE) : undefined,
  };
  // As upstream: tells the client that the streams are there.
  socket.send(stdout ? STDOUT : stderr ? STDERR : ERROR, new Uint8Array());
  socket.start();
  return {
    ...streams,
    finish: async (status) => {
      await endAll([streams.stdout, streams.stderr]);
      socket.send(ERROR, Buffer.from(JSON.stringify(status)), () => socket.close());
    },
    closed: socket.whenClosed(),
  };
}

/** From the fourth on the end is told as a Status, before it as text; the third brought sizes. */
const SPDY_PROTOCOLS = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
];
/** As upstream. */
const CREATION_MS_MAX = 30_000;

async function overSpdy(
  upgrade: UpgradeRequest,
  parameters: CommandParameters,
): Promise<CommandStreams | undefined> {
  const { stdin, stdout, stderr, tty } = parameters;
  const found = new Map<string, Duplex>();
  let onComplete = (): void => undefined;
  const complete = new Promise<void>((resolve) => (onComplete = resolve));
  const expected = new Set(['error']);
  const { connection, protocol } = acceptSpdy(upgrade, SPDY_PROTOCOLS, (stream) => {
    const type = stream.headers.get('streamtype') ?? '';
    if (!expected.has(type) || found.has(type)) return false;
    found.set(type, stream);
    if (found.size === expected.size) onComplete();
    return true;
  });
  if (stdin) expected.add('stdin');
  if (stdout) expected.add('stdout');
  if (stderr) expected.add('stderr');
  if (tty && ['v4.channel.k8s.io', 'v3.channel.k8s.io'].includes(protocol)) expected.add('resize');
  const isThere = await Promise.race([
    complete.then(() => true),
    connection.closed.then(() => false),
    new Promise<false>((resolve) => {
      setTimeout(() => resolve(false), CREATION_MS_MAX).unref();
    }),
  ]);
  if (!isThere) {
    connection.close();
    return undefined;
  }
  const [error, out, err] = [found.get('error'), found.get('stdout'), found.get('stderr')];
  // What the client could say on them is its end.
  for (const stream of [error, out, err]) stream?.resume();
  return {
    stdin: found.get('stdin'),
    stdout: out,
    stderr: err,
    resize: found.get('resize'),
    finish: async (status) => {
      await endAll([out, err]);
      const text =
        protocol === 'v4.channel.k8s.io' ? JSON.stringify(status) : describeFailure(status);
      if (text !== '') error?.write(text);
      await endAll([error]);
      connection.close();
    },
    closed: connection.closed,
  };
}

/** What clients of before the fourth version show as the error; nothing where there is none. */
function describeFailure(status: { readonly status?: string; readonly message?: string }): string {
  return status.status === 'Success' ? '' : (status.message ?? 'the command failed');
}

/** Resolves when all that was written to them has been sent, or cannot be sent any more. */
async function endAll(streams: readonly (Writable | undefined)[]): Promise<void> {
  await Promise.all(
    streams.map(
      (stream) =>
        new Promise<void>((resolve) => {
          if (!stream || stream.destroyed || stream.writableFinished) {
            resolve();
            return;
          }
          stream.once('close', () => resolve());
          stream.end(() => resolve());
        }),
    ),
  );
}
