/**
 * The one process that `knit up` leaves behind: it starts control, gateway and broker, restarts
 * whichever dies, answers `status` and `shutdown`, and holds no state of its own.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { CommandError } from '../command-error.ts';
import { SOCKET_PATH_BYTES_MAX } from '../home.ts';
import type { Home } from '../home.ts';
import type { ChildInfo, ChildOptions, FromChild } from '../processes/messages.ts';
import type { ProcessStatus, RuntimeStatus } from '../runtime-status.ts';
import type { UpOptions } from '../up-options.ts';
import { packageVersion } from '../version.ts';
import { Child } from './child.ts';
import type { ChildSpec } from './child.ts';
import { serveControl } from './control-socket.ts';
import { choosePorts } from './ports.ts';
import type { Ports } from './ports.ts';
import { RotatingLog } from './rotating-log.ts';

export interface SupervisorDeps {
  readonly home: Home;
  readonly options: UpOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RunningSupervisor {
  readonly status: RuntimeStatus;
  /** Why there are no containers, when there are none. */
  readonly driverReason: string | undefined;
  /** Stops everything; with `stopPods` also every function. */
  stop(request: { stopPods: boolean }): Promise<void>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
}

/** Heap limits keep an idle runtime small: V8 collects before it grows past the young generation. */
const CHILD_EXEC_ARGV: readonly string[] = ['--max-semi-space-size=4', '--enable-source-maps'];

/** @throws {CommandError} when it cannot start; everything that was started is stopped again. */
export async function startSupervisor(deps: SupervisorDeps): Promise<RunningSupervisor> {
  const { home } = deps;
  if (Buffer.byteLength(home.supervisorSocket) > SOCKET_PATH_BYTES_MAX)
    throw new CommandError(
      `the home ${home.root} has too long a path for unix sockets; choose a shorter one with --home or KNIT_HOME`,
    );
  mkdirSync(home.run, { recursive: true, mode: 0o700 });
  mkdirSync(home.logs, { recursive: true, mode: 0o700 });
  chmodSync(home.root, 0o700);
  const supervisor = new Supervisor(deps);
  return supervisor.start();
}

class Supervisor {
  private readonly deps: SupervisorDeps;
  private readonly startedMs: number;
  private readonly children: Child[] = [];
  private readonly logs: RotatingLog[] = [];
  private control: Server | undefined;
  private ports: Ports | undefined;
  private info: ChildInfo = {};
  private bridgeAddress: string | undefined;
  private stopping: Promise<void> | undefined;
  private resolveStopped: () => void = () => undefined;
  private readonly stopped: Promise<void>;

  constructor(deps: SupervisorDeps) {
    this.deps = deps;
    this.startedMs = deps.clock.now();
    this.stopped = new Promise((resolve) => {
      this.resolveStopped = resolve;
    });
  }

  async start(): Promise<RunningSupervisor> {
    const { home, options, logger } = this.deps;
    this.control = await serveControl(home.supervisorSocket, async (request) => {
      if (request.type === 'status') return this.status();
      await this.stop({ stopPods: true });
      return { stopped: true };
    });
    try {
      this.ports = await choosePorts(home.portsFile, {
        gateway: options.gatewayPort,
        api: options.apiPort,
        listen: options.listen,
      });
      for (const name of ['control', 'gateway', 'broker'] as const) this.startChild(name);
      const [control] = await Promise.all(this.children.map((child) => child.ready));
      this.info = control ?? {};
    } catch (error) {
      await this.stop({ stopPods: false });
      throw error instanceof CommandError
        ? error
        : new CommandError((error as Error).message, { cause: error });
    }
    const status = this.status();
    writeFileSync(home.statusFile, `${JSON.stringify(status, null, 2)}\n`, { mode: 0o600 });
    logger.info('runtime ready', { gateway: status.gateway, api: status.api });
    return {
      status,
      driverReason: this.info.driverReason,
      stop: (request) => this.stop(request),
      stopped: this.stopped,
    };
  }

  private startChild(name: ChildSpec['name']): void {
    const { home, clock, logger, options } = this.deps;
    const log = new RotatingLog(join(home.logs, `${name}.log`));
    this.logs.push(log);
    const child = new Child(
      { name, entry: entryOf(name), execArgv: [...CHILD_EXEC_ARGV, ...inheritedExecArgv()] },
      {
        options: this.childOptions(options),
        clock,
        logger,
        log,
        onMessage: (message) => this.take(name, message),
      },
    );
    this.children.push(child);
    child.start();
  }

  private childOptions(options: UpOptions): ChildOptions {
    const ports = this.ports as Ports;
    return {
      home: this.deps.home.root,
      listen: options.listen,
      gatewayPort: ports.gateway,
      gatewayTlsPort: options.gatewayTlsPort,
      gatewayInternalPort: ports.gatewayInternal,
      apiPort: ports.api,
      brokerPort: ports.broker,
      driver: options.driver,
    };
  }

  /** The bridge's address is passed on to the gateway, also to one that starts later. */
  private take(from: ChildSpec['name'], message: FromChild): void {
    const gateway = this.children.find((child) => child.name === 'gateway');
    if (message.type === 'bridge') {
      this.bridgeAddress = message.address;
      gateway?.send({ type: 'bridge', address: message.address });
    }
    if (message.type === 'ready' && from === 'gateway' && this.bridgeAddress !== undefined)
      gateway?.send({ type: 'bridge', address: this.bridgeAddress });
  }

  private status(): RuntimeStatus {
    const { home, options, clock } = this.deps;
    const ports = this.ports;
    const host =
      options.listen === '0.0.0.0' || options.listen === '::' ? '127.0.0.1' : options.listen;
    const shown = host.includes(':') ? `[${host}]` : host;
    const processes: ProcessStatus[] = [
      { name: 'supervisor', pid: process.pid, rssBytes: rssOf(process.pid) },
    ];
    for (const { name, pid } of this.children)
      if (pid !== undefined) processes.push({ name, pid, rssBytes: rssOf(pid) });
    return {
      running: true,
      version: packageVersion(),
      home: home.root,
      kubeconfig: home.kubeconfig,
      api: this.info.apiUrl ?? null,
      gateway: ports ? `http://${shown}:${ports.gateway}` : null,
      gatewayTls:
        ports && options.gatewayTlsPort > 0 ? `https://${shown}:${options.gatewayTlsPort}` : null,
      broker: ports ? `http://127.0.0.1:${ports.broker}` : null,
      dashboard: null,
      driver: this.info.driver ?? null,
      processes,
      uptimeSeconds: Math.round((clock.now() - this.startedMs) / 1000),
    };
  }

  private stop(request: { stopPods: boolean }): Promise<void> {
    this.stopping ??= this.stopOnce(request);
    return this.stopping;
  }

  /** Control goes first when pods must end: it is the one that ends them, through a working API. */
  private async stopOnce(request: { stopPods: boolean }): Promise<void> {
    const { home } = this.deps;
    const control = this.children.filter((child) => child.name === 'control');
    const others = this.children.filter((child) => child.name !== 'control');
    await Promise.all(others.map((child) => child.stop(request)));
    await Promise.all(control.map((child) => child.stop(request)));
    for (const log of this.logs) log.close();
    rmSync(home.statusFile, { force: true });
    this.control?.close();
    rmSync(home.supervisorSocket, { force: true });
    this.resolveStopped();
  }
}

/** The entry beside this file, compiled or not. */
function entryOf(name: ChildSpec['name']): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), '..', 'processes', `${name}-main${extname(here)}`);
}

/** Run from the sources (`--import=tsx`), the children need the same loader. */
function inheritedExecArgv(): string[] {
  return process.execArgv.filter((argument) => argument.startsWith('--import'));
}

/** Resident bytes from /proc; 0 where there is none. */
function rssOf(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return pages * 4096;
  } catch {
    return 0;
  }
}
