/**
 * `pods/exec`: a command's streams and its end, over channels. Source: k8s.io/kubelet
 * pkg/cri/streaming/remotecommand (behaviour: channels, statuses).
 */
import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { ExecRequest, ExecSession, PodStreams } from './pod-streams.ts';

const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4];
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
const RESIZE_BYTES_MAX = 1_000;

export interface ExecParameters extends ExecRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** @throws {StatusError} 400 when the parameters make no command. */
export function parseExecParameters(
  target: Pick<ExecRequest, 'namespace' | 'pod' | 'container'>,
  query: URLSearchParams,
): ExecParameters {
  const flag = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
  const command = query.getAll('command');
  const [stdin, stdout, tty] = [flag('stdin'), flag('stdout'), flag('tty')];
  // A terminal has one output.
  const stderr = flag('stderr') && !tty;
  if (!stdin && !stdout && !stderr)
    throw StatusError.badRequest('you must specify at least 1 of stdin, stdout, stderr');
  if (command.length === 0) throw StatusError.badRequest('you must specify a command');
  return { ...target, command, stdin, stdout, stderr, tty };
}

/** Resolves when the client is gone. The command ends with its client. */
export async function serveExec(
  upgrade: UpgradeRequest,
  streams: PodStreams,
  parameters: ExecParameters,
): Promise<void> {
  const socket = await ChannelSocket.accept(upgrade, PROTOCOLS);
  // What a client types before the command runs waits.
  const early: [channel: number, bytes: Buffer][] = [];
  let onMessage = (channel: number, bytes: Buffer): void => void early.push([channel, bytes]);
  let hasInputEnded = false;
  let endInput = (): void => void (hasInputEnded = true);
  socket.listen(
    (channel, bytes) => onMessage(channel, bytes),
    (channel) => {
      if (channel === STDIN) endInput();
    },
  );
  // As upstream: tells the client that the streams are there.
  socket.send(parameters.stdout ? STDOUT : parameters.stderr ? STDERR : ERROR, new Uint8Array());
  let session: ExecSession;
  try {
    session = await streams.exec(parameters);
  } catch (error) {
    finish(socket, failureOf(error));
    return;
  }
  endInput = () => session.stdin.end();
  onMessage = (channel, bytes) => {
    if (channel === STDIN && parameters.stdin) socket.feed(session.stdin, bytes);
    else if (channel === RESIZE) resize(session, bytes);
  };
  for (const [channel, bytes] of early) onMessage(channel, bytes);
  if (hasInputEnded) endInput();
  const gone = socket.whenClosed();
  void gone.then(() => session.kill());
  const pump = (
    channel: number,
    isWanted: boolean,
    source: ExecSession['stdout'],
  ): Promise<void> => (isWanted ? socket.pump(channel, source) : drain(source));
  const output = [
    pump(STDOUT, parameters.stdout, session.stdout),
    pump(STDERR, parameters.stderr, session.stderr),
  ];
  try {
    const code = await session.exited;
    // What it started in the background may hold the streams open for ever; the command's own
    // output is in the pipe already.
    await Promise.race([Promise.all(output), gone, afterTurns()]);
    finish(socket, statusOf(code));
  } catch (error) {
    finish(socket, failureOf(error));
  }
  await gone;
}

function drain(source: ExecSession['stdout']): Promise<void> {
  source.resume();
  return Promise.resolve();
}

/** How long output may follow the end of the command that wrote it. */
const OUTPUT_MS_MAX = 2_000;
const afterTurns = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, OUTPUT_MS_MAX).unref();
  });

function finish(socket: ChannelSocket, status: object): void {
  socket.send(ERROR, Buffer.from(JSON.stringify(status)), () => socket.close());
}

function statusOf(exitCode: number): object {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

function failureOf(error: unknown): object {
  const message = error instanceof Error ? error.message : String(error);
  return StatusError.internal(`error executing command in container: ${message}`).status;
}

function resize(session: ExecSession, bytes: Buffer): void {
  if (bytes.length > RESIZE_BYTES_MAX) return;
  try {
    const size = JSON.parse(bytes.toString()) as Record<string, unknown>;
    // Field names count in any case, as in Go: kubectl sends `Width`, @kubernetes/client-node `width`.
    const [columns, rows] = [size['Width'] ?? size['width'], size['Height'] ?? size['height']];
    if (Number.isInteger(columns) && Number.isInteger(rows))
      session.resize(Number(columns), Number(rows));
  } catch {
    // As upstream: a size that cannot be read is no reason to end the session.
  }
}
