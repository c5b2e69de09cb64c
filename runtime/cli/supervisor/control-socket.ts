/**
 * How `knit` commands talk to a running supervisor: one JSON line each way over a unix socket. The
 * socket also is the lock: whoever listens on it is the one supervisor of its home.
 */
import { unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { CommandError } from '../command-error.ts';

export type ControlRequest = { readonly type: 'status' } | { readonly type: 'shutdown' };

/** A request line is tiny; anything longer is not ours. */
const LINE_LENGTH_MAX = 4096;

/** @throws {CommandError} when another supervisor holds the socket. */
export async function serveControl(
  path: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<Server> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await listen(path, answer);
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || attempt > 0) throw error;
      if (await isAlive(path))
        throw new CommandError('another knit runtime is using this home; see knit status', {
          cause: error,
        });
      unlinkSync(path); // Left behind by a supervisor that was killed.
    }
  }
}

/** The answer of the running supervisor, or undefined when none runs. */
export async function askSupervisor(path: string, request: ControlRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => (text += chunk));
    const finish = (): void => {
      socket.destroy();
      try {
        resolve(text === '' ? undefined : JSON.parse(text));
      } catch (error) {
        reject(error);
      }
    };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')) finish();
      else reject(error);
    });
    socket.on('end', finish);
  });
}

async function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function listen(
  path: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0) {
        if (text.length > LINE_LENGTH_MAX) socket.destroy();
        return;
      }
      const line = text.slice(0, end);
      text = '';
      // After a shutdown the socket closes with the process: whoever asked knows that it is gone.
      const isShutdown = line.includes('"shutdown"');
      void respond(line, answer).then((body) =>
        isShutdown ? socket.write(body) : socket.end(body),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

async function respond(
  line: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<string> {
  try {
    return `${JSON.stringify(await answer(JSON.parse(line) as ControlRequest))}\n`;
  } catch (error) {
    return `${JSON.stringify({ error: String(error) })}\n`;
  }
}
