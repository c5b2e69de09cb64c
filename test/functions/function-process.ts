/** Runs a function server as it runs in an image: own process, own task root, a port of its choice. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const functionsRoot = fileURLToPath(new URL('../../runtime/functions', import.meta.url));

const programs = {
  node: [process.execPath, join(functionsRoot, 'node/server.mjs')],
  custom: [process.execPath, join(functionsRoot, 'custom/server.mjs')],
  python: ['/usr/bin/python3', '-u', '-B', join(functionsRoot, 'python/server.py')],
} as const;
const startTimeoutMs = 10_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: any;
}

export interface FunctionOptions {
  readonly server?: keyof typeof programs;
  /** Path to text, below the task root. */
  readonly files: Readonly<Record<string, string>>;
  readonly handler?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class FunctionProcess {
  readonly child: ChildProcess;
  readonly root: string;
  output = '';
  port = 0;
  exitCode: number | undefined;

  private constructor(child: ChildProcess, root: string) {
    this.child = child;
    this.root = root;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.once('exit', (code, signal) => {
      this.exitCode = code ?? (signal ? 128 : 0);
    });
  }

  /** Resolves when the function listens or its process has ended. */
  static async start(options: FunctionOptions): Promise<FunctionProcess> {
    const server = options.server ?? 'node';
    const root = await mkdtemp(join(tmpdir(), 'knit-function-'));
    for (const [path, text] of Object.entries(options.files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
      if (path === 'bootstrap') await chmod(join(root, path), 0o755);
    }
    // The Node.js servers tell their port over the IPC channel; Python has none.
    const port = server === 'python' ? await freePort() : 0;
    const [file, ...args] = programs[server];
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(server === 'python' ? [] : (['ipc'] as const))],
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        HOST: '127.0.0.1',
        LAMBDA_TASK_ROOT: root,
        KNIT_TERMINATION_LOG: join(root, '.termination'),
        KNIT_RUNTIME_API_PORT: '0',
        K_SERVICE: 'hello',
        _HANDLER: options.handler ?? 'index.handler',
        ...options.env,
      },
    });
    const made = new FunctionProcess(child, root);
    await made.untilListening(port);
    return made;
  }

  private async untilListening(port: number): Promise<void> {
    const ended = once(this.child, 'exit').then(() => undefined);
    if (port === 0) {
      const told = once(this.child, 'message').then(([message]) => {
        this.port = (message as { port: number }).port;
      });
      await Promise.race([told, ended]);
    } else {
      this.port = port;
      const deadlineMs = Date.now() + startTimeoutMs;
      while (this.exitCode === undefined && Date.now() < deadlineMs) {
        const isUp = await this.send({ path: '/_knit/health' }).then(
          () => true,
          () => false,
        );
        if (isUp) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    // Output that was written before the end may still be in the pipe.
    if (this.exitCode !== undefined) await new Promise((resolve) => setImmediate(resolve));
  }

  send(options: {
    path: string;
    method?: string;
    headers?: Record<string, string | string[]>;
    body?: string | Buffer;
  }): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.port, agent: false, method: 'GET', ...options },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const { statusCode: status = 0, headers } = response;
            resolve({ status, headers, text, json: parse(text) });
          });
        },
      );
      sent.on('error', reject);
      sent.end(options.body);
    });
  }

  invoke(event: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send({
      path: '/_knit/invoke',
      method: 'POST',
      headers,
      body: JSON.stringify(event),
    });
  }

  /** Posts a CloudEvent in binary mode. */
  sendEvent(path: string, attributes: Record<string, string>, data?: unknown): Promise<Answer> {
    const headers: Record<string, string> = {};
    const event = { specversion: '1.0', id: 'e1', source: '/shop', type: 'order', ...attributes };
    for (const [name, value] of Object.entries(event)) headers[`ce-${name}`] = value;
    if (data === undefined) return this.send({ path, method: 'POST', headers });
    headers['content-type'] = 'application/json';
    return this.send({ path, method: 'POST', headers, body: JSON.stringify(data) });
  }

  terminationMessage(): Promise<string> {
    return readFile(join(this.root, '.termination'), 'utf8');
  }

  /** Resolves with the exit code. */
  async signal(name: NodeJS.Signals): Promise<number> {
    const ended = this.exitCode === undefined ? once(this.child, 'exit') : Promise.resolve();
    this.child.kill(name);
    await ended;
    return this.exitCode ?? -1;
  }

  async remove(): Promise<void> {
    await this.signal('SIGKILL');
    await rm(this.root, { recursive: true, force: true });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
