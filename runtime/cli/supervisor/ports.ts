/**
 * Ports that a home keeps over restarts, so that kubeconfigs and scripts stay right: what the user
 * left to chance is chosen once and written down. A port that is taken meanwhile is chosen anew,
 * unless the user named it: then that is an error.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { CommandError } from '../command-error.ts';

export interface Ports {
  readonly gateway: number;
  readonly gatewayInternal: number;
  readonly api: number;
  readonly broker: number;
}

export interface WantedPorts {
  /** 0 = any. */
  readonly gateway: number;
  readonly api: number;
  /** Address that the gateway binds; the rest binds loopback. */
  readonly listen: string;
}

/** @throws {CommandError} when a port that the user named is taken. */
export async function choosePorts(file: string, wanted: WantedPorts): Promise<Ports> {
  const kept = readPorts(file);
  const gateway = await named(wanted.gateway, {
    host: wanted.listen,
    option: '--gateway-port',
    kept: kept.gateway,
  });
  const api = await named(wanted.api, { host: '127.0.0.1', option: '--api-port', kept: kept.api });
  const ports = {
    gateway,
    api,
    gatewayInternal: await free('127.0.0.1', kept.gatewayInternal),
    broker: await free('127.0.0.1', kept.broker),
  };
  writeFileSync(file, JSON.stringify(ports), { mode: 0o600 });
  return ports;
}

async function named(
  port: number,
  options: { host: string; option: string; kept: number | undefined },
): Promise<number> {
  if (port === 0) return free(options.host, options.kept);
  const problem = await tryListen(options.host, port);
  if (typeof problem === 'number') return port;
  const cause =
    problem.code === 'EADDRINUSE'
      ? 'is in use by another program'
      : `cannot be used (${problem.code})`;
  throw new CommandError(
    `port ${port} on ${options.host} ${cause}; stop that program or choose another: knit up ${options.option} 0`,
  );
}

async function free(host: string, kept: number | undefined): Promise<number> {
  if (kept !== undefined && typeof (await tryListen(host, kept)) === 'number') return kept;
  const port = await tryListen(host, 0);
  if (typeof port === 'number') return port;
  throw new CommandError(`no free port on ${host} (${port.code}); is the address right?`);
}

function tryListen(host: string, port: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

function readPorts(file: string): Partial<Ports> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Ports>;
  } catch {
    return {};
  }
}
