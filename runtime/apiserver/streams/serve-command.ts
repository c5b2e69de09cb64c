/**
 * `pods/exec` and `pods/attach`: what a client's streams and a command's have to do with each other,
 * until one of the two ends. Source: k8s.io/kubelet pkg/cri/streaming/remotecommand (behaviour: statuses).
 */
import { type Readable, Writable } from 'node:stream';

import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';
import {
  acceptCommandStreams,
  type CommandParameters,
  type CommandStreams,
} from './command-streams.ts';
import type { ExecRequest, ExecSession } from './pod-streams.ts';

/** A window's size is two numbers. */
const RESIZE_BYTES_MAX = 1_000;
/** How long output may follow the end of the command that wrote it. */
const OUTPUT_MS_MAX = 2_000;

/** @throws {StatusError} 400 when no stream is asked for. */
export function parseCommandParameters(query: URLSearchParams): CommandParameters {
  const flag = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
  const [stdin, stdout, tty] = [flag('stdin'), flag('stdout'), flag('tty')];
  // A terminal has one output.
  const stderr = flag('stderr') && !tty;
  if (!stdin && !stdout && !stderr)
    throw StatusError.badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return { stdin, stdout, stderr, tty };
}

/** @throws {StatusError} 400 when there is no command. */
export function parseCommand(query: URLSearchParams): ExecRequest['command'] {
  const command = query.getAll('command');
  if (command.length === 0) throw StatusError.badRequest('you must specify a command');
  return command;
}

/** Resolves when the client is gone. The session is killed when its client goes first. */
export async function serveCommand(
  upgrade: UpgradeRequest,
  parameters: CommandParameters,
  open: () => Promise<ExecSession>,
): Promise<void> {
  const streams = await acceptCommandStreams(upgrade, parameters);
  if (!streams) return;
  const { closed } = streams;
  let session: ExecSession;
  try {
    session = await open();
  } catch (error) {
    await streams.finish(failureOf(error));
    return closed;
  }
  void closed.then(() => session.kill());
  streams.stdin?.pipe(session.stdin);
  listenForSizes(streams, session);
  const output = [pump(session.stdout, streams.stdout), pump(session.stderr, streams.stderr)];
  try {
    const code = await session.exited;
    // What it started in the background may hold the streams open for ever; the command's own
    // output is in the pipe already.
    await Promise.race([Promise.all(output), closed, afterOutput()]);
    await streams.finish(statusOf(code));
  } catch (error) {
    await streams.finish(failureOf(error));
  }
  return closed;
}

/** Resolves at the end of either, and of nothing later: the target's end is `finish`'s to send. */
function pump(source: Readable, target: Writable | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    source.once('end', done).once('close', done).once('error', done);
    source.pipe(target ?? nowhere(), { end: false });
    target?.once('close', () => {
      source.unpipe(target);
      source.resume();
      done();
    });
    target?.on('error', done);
  });
}

const nowhere = (): Writable =>
  new Writable({ write: (_chunk, _encoding, done: () => void) => done() });

const afterOutput = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, OUTPUT_MS_MAX).unref();
  });

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

/** WebSocket keeps a size in one message; over SPDY one may come in two, or two in one. */
function listenForSizes({ resize }: CommandStreams, session: ExecSession): void {
  let text = '';
  resize?.on('data', (bytes: Buffer) => {
    text += bytes.toString();
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      setSize(session, text.slice(0, end + 1));
      text = text.slice(end + 1);
    }
    if (text.length > RESIZE_BYTES_MAX) text = '';
  });
}

function setSize(session: ExecSession, text: string): void {
  try {
    const size = JSON.parse(text) as Record<string, unknown>;
    // Field names count in any case, as in Go: kubectl sends `Width`, @kubernetes/client-node `width`.
    const [columns, rows] = [size['Width'] ?? size['width'], size['Height'] ?? size['height']];
    if (Number.isInteger(columns) && Number.isInteger(rows))
      session.resize(Number(columns), Number(rows));
  } catch {
    // As upstream: a size that cannot be read is no reason to end the session.
  }
}
