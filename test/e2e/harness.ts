/**
 * What the end-to-end tests share: a runtime of their own in a temporary home, services in temporary
 * folders that load the plugin by its name, and both hosts. Everything is the real thing.
 */
import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeAgentPaths } from '../../runtime/agent/agent-paths.ts';
import { bridgeOf } from '../../runtime/cli/local-names.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export type HostName = 'osls@4' | 'serverless@3.40';

/** A command that takes longer hangs. */
const COMMAND_TIMEOUT_MS = 180_000;
const WAIT_TIMEOUT_MS = 60_000;

export const repository = findRepository();
const hosts: Record<HostName, string> = {
  'osls@4': join(repository, 'node_modules/osls/bin/serverless.js'),
  'serverless@3.40': join(
    repository,
    'test/hosts/serverless-3/node_modules/serverless/bin/serverless.js',
  ),
};

/** A runtime in a home of its own. */
export class Runtime {
  readonly home: string;
  /** Of `knit status --json`, read at `up`. */
  gateway = new URL('http://127.0.0.1');
  broker = '';

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), 'knit-e2e-'));
  }

  async up(...args: string[]): Promise<Outcome> {
    const outcome = await this.knit('up', '--gateway-port', '0', ...args);
    if (outcome.code === 0) {
      const status = await this.status();
      this.gateway = new URL(String(status['gateway']));
      this.broker = String(status['broker']);
    }
    return outcome;
  }

  async status(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.knit('status', '--json')).stdout) as Record<string, unknown>;
  }

  async pidOf(name: string): Promise<number> {
    const { processes } = (await this.status()) as { processes: { name: string; pid: number }[] };
    return processes.find((process) => process.name === name)?.pid ?? 0;
  }

  knit(...args: string[]): Promise<Outcome> {
    return run(process.execPath, [join(repository, 'bin/knit.js'), ...args], {
      env: { KNIT_HOME: this.home },
    });
  }

  /** One request by host name, which travels in the Host header. */
  http(
    host: string,
    path: string,
    options: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: this.gateway.hostname,
          port: this.gateway.port,
          path,
          method: options.method ?? 'GET',
          headers: { host, ...options.headers },
          timeout: WAIT_TIMEOUT_MS,
        },
        (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (body += chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          );
        },
      );
      sent.on('error', reject);
      sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
      sent.end(options.body);
    });
  }

  /** Objects of the runtime's API, over the unix socket. */
  async list(path: string): Promise<Record<string, any>[]> {
    const text = await new Promise<string>((resolve, reject) => {
      const sent = request({ socketPath: join(this.home, 'run/api.sock'), path }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve(body));
      });
      sent.on('error', reject);
      sent.end();
    });
    const list = JSON.parse(text) as { items?: Record<string, unknown>[]; message?: string };
    if (!list.items) throw new Error(`GET ${path}: ${list.message ?? text}`);
    return list.items;
  }

  async remove(): Promise<void> {
    await this.knit('down', '--purge');
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A service in a folder of its own, with the plugin where npm would put it. */
export class ServiceFolder {
  readonly path: string;
  private readonly runtime: Runtime;

  constructor(runtime: Runtime, files: Readonly<Record<string, string>>) {
    this.runtime = runtime;
    this.path = mkdtempSync(join(tmpdir(), 'knit-service-'));
    mkdirSync(join(this.path, 'node_modules'));
    symlinkSync(repository, join(this.path, 'node_modules/serverless-knit'));
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  copyFrom(folder: string, to: string): void {
    cpSync(join(repository, folder), join(this.path, to), { recursive: true });
  }

  sls(host: HostName, ...args: string[]): Promise<Outcome> {
    return run(process.execPath, [hosts[host], ...args], {
      cwd: this.path,
      env: {
        KNIT_HOME: this.runtime.home,
        HOME: this.runtime.home,
        SLS_SCHEMA_CACHE_BASE_DIR: join(this.runtime.home, 'cache'),
        SLS_TELEMETRY_DISABLED: '1',
        SLS_NOTIFICATIONS_MODE: 'off',
        SLS_DEPRECATION_DISABLE: '*',
        SLS_GEO_LOCATION: 'no-cn',
        CI: '1',
      },
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...process.env, ...options.env },
        timeout: COMMAND_TIMEOUT_MS,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** Waits until a check holds, and says what did not hold when it never does. */
export async function until(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + WAIT_TIMEOUT_MS;
  let last: unknown;
  for (;;) {
    try {
      if (await check()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`${what}: not within ${WAIT_TIMEOUT_MS / 1000} s`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Whatever a runtime may leave on a machine: processes, mounts, namespaces, interfaces, cgroups. */
export async function leftovers(home: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const text = await readText(`/proc/${pid}/cmdline`);
    const environment = await readText(`/proc/${pid}/environ`);
    if (text.includes(home) || environment.includes(`KNIT_HOME=${home}`))
      found.push(`process ${pid}: ${text.replaceAll('\0', ' ').slice(0, 120)}`);
  }
  for (const line of (await readText('/proc/self/mounts')).split('\n'))
    if (line.includes(home)) found.push(`mount: ${line}`);
  const bridge = bridgeOf(home).name;
  const cgroup = makeAgentPaths(home).cgroupParent;
  for (const [folder, prefix] of [
    ['/run/netns', `${bridge}-`],
    ['/sys/class/net', bridge],
    ['/sys/fs/cgroup', cgroup],
    ['/sys/fs/cgroup/memory', cgroup],
    ['/sys/fs/cgroup/cpu', cgroup],
    ['/sys/fs/cgroup/pids', cgroup],
  ] as const)
    if (existsSync(folder))
      for (const name of readdirSync(folder))
        if (name.startsWith(prefix)) found.push(`${folder}/${name}`);
  return found;
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(path, 'utf8').catch(() => '');
}

/** Starts a command and leaves it running; for `knit events tail` and the like. */
export function start(command: string, args: readonly string[], env: Record<string, string>) {
  return spawn(command, [...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function findRepository(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package-lock.json'))) return folder;
    if (folder === dirname(folder)) throw new Error('the tests are not inside the repository');
  }
}
