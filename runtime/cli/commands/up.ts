/** `knit up`: starts the local runtime and returns when it is ready. */
import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../std/clock.ts';
import { CommandError } from '../command-error.ts';
import type { Home } from '../home.ts';
import type { Command } from '../command.ts';
import { makeLogger } from '../logger.ts';
import { SUPERVISOR_OPTIONS_VARIABLE } from '../processes/messages.ts';
import type { FromSupervisor } from '../processes/messages.ts';
import type { RuntimeStatus } from '../runtime-status.ts';
import { askSupervisor } from '../supervisor/control-socket.ts';
import { startSupervisor } from '../supervisor/supervisor.ts';
import { parseUpOptions } from '../up-options.ts';
import type { UpOptions } from '../up-options.ts';

export const upCommand: Command = {
  summary: 'start the local runtime',
  help: `Usage: knit up [OPTIONS]

Starts the local runtime and returns when it is ready. A second call says that it runs already.

  --home DIR            where everything is kept (default $KNIT_HOME, else ~/.knit)
  --gateway-port N      port of the gateway, 0 = any (default 8080)
  --gateway-tls-port N  its port for HTTPS, with the certificates that Ingresses name (default none)
  --api-port N          port of the Kubernetes API, 0 = any (default 0)
  --dashboard-port N    accepted; the dashboard is not part of this version
  --driver DRIVER       auto, oci (containers) or process (default auto)
  --listen ADDR         address that the gateway binds (default 127.0.0.1)
  --foreground          stay in the foreground; Ctrl-C stops everything
`,
  options: {
    'gateway-port': { type: 'string' },
    'gateway-tls-port': { type: 'string' },
    'api-port': { type: 'string' },
    'dashboard-port': { type: 'string' },
    driver: { type: 'string' },
    listen: { type: 'string' },
    foreground: { type: 'boolean' },
  },
  async run({ home, values }) {
    const options = parseUpOptions(values);
    const running = (await askSupervisor(home.supervisorSocket, { type: 'status' })) as
      RuntimeStatus | undefined;
    if (running) {
      process.stderr.write(`knit runs already: gateway ${running.gateway}, home ${running.home}\n`);
      return 0;
    }
    if (values['foreground']) return runInForeground(home, options);
    const { status, driverReason } = await startInBackground(home, options);
    describe(status, driverReason);
    return 0;
  },
};

function describe(status: RuntimeStatus, driverReason: string | undefined): void {
  process.stderr.write(
    `knit ${status.version} is up\n` +
      `  gateway     ${status.gateway}\n` +
      `  API         ${status.api}  (export KUBECONFIG=${status.kubeconfig})\n` +
      `  broker      ${status.broker}\n` +
      `  driver      ${status.driver}${driverReason === undefined ? '' : `: ${driverReason}`}\n`,
  );
}

async function startInBackground(
  home: Home,
  options: UpOptions,
): Promise<Extract<FromSupervisor, { type: 'up' }>> {
  mkdirSync(home.logs, { recursive: true, mode: 0o700 });
  const log = openSync(join(home.logs, 'supervisor.log'), 'a', 0o600);
  const here = fileURLToPath(import.meta.url);
  const entry = join(dirname(here), '..', 'processes', `supervisor-main${extname(here)}`);
  const child = fork(entry, [], {
    detached: true,
    cwd: home.root,
    stdio: ['ignore', log, log, 'ipc'],
    execArgv: process.execArgv.filter((argument) => argument.startsWith('--import')),
    env: {
      ...process.env,
      [SUPERVISOR_OPTIONS_VARIABLE]: JSON.stringify({ home: home.root, options }),
    },
  });
  closeSync(log);
  const message = await new Promise<FromSupervisor>((resolve, reject) => {
    child.once('message', (received) => resolve(received as FromSupervisor));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(
        new CommandError(`knit up: the supervisor exited with code ${code}; see ${home.logs}`),
      ),
    );
  });
  if (child.connected) child.disconnect();
  child.unref();
  if (message.type === 'failed')
    throw new CommandError(`knit up: ${message.message}; logs are in ${home.logs}`);
  return message;
}

async function runInForeground(home: Home, options: UpOptions): Promise<number> {
  const supervisor = await startSupervisor({
    home,
    options,
    clock: systemClock,
    logger: makeLogger('supervisor', process.env),
  });
  describe(supervisor.status, supervisor.driverReason);
  const stop = (): void => void supervisor.stop({ stopPods: true });
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  await supervisor.stopped;
  return 0;
}
