/** The supervisor process, as `knit up` starts it: detached, reporting once over IPC. */
import { systemClock } from '../../std/clock.ts';
import { homeOf } from '../home.ts';
import { makeLogger } from '../logger.ts';
import { startSupervisor } from '../supervisor/supervisor.ts';
import type { UpOptions } from '../up-options.ts';
import { SUPERVISOR_OPTIONS_VARIABLE } from './messages.ts';
import type { FromSupervisor } from './messages.ts';

const report = (message: FromSupervisor): void => {
  if (process.connected) process.send?.(message);
};

const { home, options } = JSON.parse(process.env[SUPERVISOR_OPTIONS_VARIABLE] ?? '{}') as {
  home: string;
  options: UpOptions;
};
try {
  const logger = makeLogger('supervisor', process.env);
  const supervisor = await startSupervisor({
    home: homeOf(home, {}),
    options,
    clock: systemClock,
    logger,
  });
  const stop = (): void => void supervisor.stop({ stopPods: false });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => undefined); // The terminal that started it may go.
  // A moment for the answer to whoever asked for the stop.
  void supervisor.stopped.then(() => setTimeout(() => process.exit(0), 50));
  report({
    type: 'up',
    status: supervisor.status,
    ...(supervisor.driverReason === undefined ? {} : { driverReason: supervisor.driverReason }),
  });
} catch (error) {
  report({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
