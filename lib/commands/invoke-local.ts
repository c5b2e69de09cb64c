/**
 * `sls invoke local`: runs a handler once on this machine, with the function server that runs it
 * when deployed, the environment it would have, and nothing deployed.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createServer } from 'node:net';
import { platformEnvironment } from '../compile/make-knative-service.ts';
import type { FunctionModel } from '../config/service-model.ts';
import { UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';
import { pretty } from './invoke.ts';
import { readClientContext, readEvent } from './read-input.ts';

/** Importing a large bundle takes seconds; a server that does not listen by then never will. */
const START_TIMEOUT_MS = 30_000;
/** How long a server may take to stop before it is killed. */
const STOP_TIMEOUT_MS = 2_000;

export async function invokeLocal(context: CommandContext): Promise<void> {
  const fn = context.requireFunction();
  if (fn.source.type !== 'handler')
    throw new UserError(
      `Function "${fn.key}" is a container, which "invoke local" cannot run. Deploy it and use: sls invoke -f ${fn.key}`,
      'KNIT_NOT_LOCAL',
    );
  const [event, clientContext] = [await readEvent(context), await readClientContext(context)];
  const server = await startServer(context, fn);
  try {
    const response = await fetch(`http://127.0.0.1:${server.port}/_knit/invoke`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(clientContext === undefined
          ? {}
          : { 'x-amz-client-context': Buffer.from(clientContext).toString('base64') }),
      },
      body: event ?? '{}',
    });
    const body = await response.text();
    if (body !== '') context.utils.writeText(pretty(body));
    if (response.headers.has('x-amz-function-error') || !response.ok) process.exitCode = 1;
  } finally {
    await stop(server.child);
  }
}

interface RunningServer {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startServer(context: CommandContext, fn: FunctionModel): Promise<RunningServer> {
  if (fn.source.type !== 'handler') throw new Error('not a handler');
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...platformEnvironment(context.model, fn),
    ...fn.environment,
    ...cliEnvironment(context),
    IS_LOCAL: 'true',
    HOST: '127.0.0.1',
    LAMBDA_TASK_ROOT: context.serviceDir,
  };
  if (fn.source.runtime === 'provided')
    throw new UserError(
      `Runtime provided.* is not supported by "invoke local". Deploy it and use: sls invoke -f ${fn.key}`,
      'KNIT_NOT_LOCAL',
    );
  const isNode = fn.source.runtime.startsWith('nodejs');
  const file = functionServer(isNode ? 'node/server.mjs' : 'python/server.py');
  // Output of the handler goes to stderr, so that stdout holds the result alone.
  const port = isNode ? 0 : await freePort();
  const env = { ...environment, PORT: String(port) };
  const cwd = context.serviceDir;
  const child = isNode
    ? fork(file, { cwd, env, execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] })
    : spawn('python3', [file], { cwd, env, stdio: ['ignore', 2, 2] });
  return { child, port: await waitForPort(child, fn, { port, isNode }) };
}

/** Shipped beside the plugin, in the source tree as in the package. */
function functionServer(relative: string): string {
  const file = fileURLToPath(new URL(`../../runtime/functions/${relative}`, import.meta.url));
  if (existsSync(file)) return file;
  throw new UserError(
    `The function server ${file} is missing: the installation of serverless-knit is incomplete. Install it again.`,
    'KNIT_INCOMPLETE_INSTALLATION',
  );
}

function cliEnvironment(context: CommandContext): Record<string, string> {
  const given = context.options['env'];
  const pairs = Array.isArray(given) ? given : typeof given === 'string' ? [given] : [];
  return Object.fromEntries(
    (pairs as readonly string[]).map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** The Node.js server tells its port when it listens; of the Python server we try the given one. */
async function waitForPort(
  child: ChildProcess,
  fn: FunctionModel,
  options: { port: number; isNode: boolean },
): Promise<number> {
  const { promise, resolve, reject } = makeDeferred<number>();
  const timer = setTimeout(
    () => reject(new Error(`it did not start within ${START_TIMEOUT_MS / 1000} s`)),
    START_TIMEOUT_MS,
  );
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`it ended with exit code ${code ?? 'unknown'}`)));
  child.once('message', (message) => resolve((message as { port: number }).port));
  if (!options.isNode)
    probe(options.port, () => child.exitCode !== null).then(() => resolve(options.port), reject);
  try {
    return await promise;
  } catch (cause) {
    await stop(child);
    throw new UserError(
      `Function "${fn.key}" could not be started: ${(cause as Error).message}. What it printed is above.`,
      'KNIT_LOCAL_START_FAILED',
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}

async function probe(port: number, hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    try {
      await fetch(`http://127.0.0.1:${port}/_knit/health`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function makeDeferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
