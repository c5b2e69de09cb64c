/**
 * What every child of the supervisor does the same way: read its options, report ready or failed,
 * stop on request, and stop when the supervisor is gone.
 */
import type { Clock } from '../../std/clock.ts';
import { systemClock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { CommandError } from '../command-error.ts';
import { makeLogger } from '../logger.ts';
import { CHILD_OPTIONS_VARIABLE } from './messages.ts';
import type { ChildInfo, ChildOptions, FromChild, ToChild } from './messages.ts';

export interface ChildEnvironment {
  readonly options: ChildOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborts when the process shuts down. */
  readonly signal: AbortSignal;
  /** Runs when the process stops, last added first; `stopPods` is true for `knit down`. */
  onStop(stop: (request: { stopPods: boolean }) => Promise<void>): void;
  onMessage(handler: (message: ToChild) => void): void;
  send(message: FromChild): void;
}

/** A stop that takes longer is cut short: the supervisor would kill the process anyway. */
const STOP_TIMEOUT_MS = 20_000;

export async function runChild(
  name: string,
  start: (environment: ChildEnvironment) => Promise<ChildInfo>,
): Promise<void> {
  const logger = makeLogger(name, process.env);
  const options = JSON.parse(process.env[CHILD_OPTIONS_VARIABLE] ?? '{}') as ChildOptions;
  const abort = new AbortController();
  const stops: ((request: { stopPods: boolean }) => Promise<void>)[] = [];
  const send = (message: FromChild): void => {
    if (process.connected) process.send?.(message);
  };

  let isStopping = false;
  const stop = (request: { stopPods: boolean }): void => {
    if (isStopping) return;
    isStopping = true;
    void stopAll(stops, { request, logger }).then(() => {
      abort.abort(new Error('shutting down'));
      process.exit(0);
    });
    systemClock.after(STOP_TIMEOUT_MS, () => process.exit(1));
  };
  process.on('message', (message: ToChild) => {
    if (message.type === 'shutdown') stop({ stopPods: message.stopPods });
  });
  process.on('disconnect', () => stop({ stopPods: false }));
  process.on('SIGTERM', () => stop({ stopPods: false }));
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the supervisor decides.
  process.on('unhandledRejection', (reason) => {
    logger.error('unhandled rejection', { error: stackOf(reason) });
    process.exit(1);
  });
  process.on('uncaughtException', (error) => {
    logger.error('uncaught exception', { error: stackOf(error) });
    process.exit(1);
  });

  try {
    const info = await start({
      options,
      logger,
      clock: systemClock,
      signal: abort.signal,
      onStop: (handler) => stops.unshift(handler),
      onMessage: (handler) => process.on('message', handler),
      send,
    });
    logger.info('ready', { ...info });
    send({ type: 'ready', info });
  } catch (error) {
    logger.error('failed to start', { error: stackOf(error) });
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof CommandError) send({ type: 'failed', message });
    else send({ type: 'failed', message: `${name} failed to start: ${message}` });
    process.exitCode = 1;
    setImmediate(() => process.exit(1));
  }
}

async function stopAll(
  stops: readonly ((request: { stopPods: boolean }) => Promise<void>)[],
  context: { request: { stopPods: boolean }; logger: Logger },
): Promise<void> {
  for (const stop of stops) {
    try {
      await stop(context.request);
    } catch (error) {
      context.logger.error('failed to stop a part', { error: stackOf(error) });
    }
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
