/**
 * A client at the streams of a container that runs already: what it prints from now on, read from its
 * log, and what the client types. Letting go ends nothing. Both outputs come as one: the log is one.
 */
import { PassThrough, Readable, Writable } from 'node:stream';

import type { RunningContainer } from '../driver.ts';
import type { ExecSession } from './exec-session.ts';

/** @param output the log from now on; ends when the container's does */
export function startAttach(
  container: RunningContainer,
  output: AsyncIterable<Uint8Array>,
  wantsInput: boolean,
): ExecSession {
  const stdout = Readable.from(output, { objectMode: false });
  const stderr = new PassThrough();
  stderr.end();
  const input = wantsInput ? container.openInput() : undefined;
  const exited = new Promise<number>((resolve) => {
    // How the container ended is in the pod's status.
    const end = (): void => resolve(0);
    stdout.once('end', end).once('close', end).on('error', end);
  });
  return {
    stdin: input ?? ignored(),
    stdout,
    stderr,
    exited,
    resize: (columns, rows) => container.resize(columns, rows),
    kill: () => {
      input?.destroy();
      stdout.destroy();
    },
  };
}

const ignored = (): Writable =>
  new Writable({ write: (_chunk, _encoding, done: () => void) => done() });
