/** The logger of a runtime process: pino, one JSON line per event, to standard output. */
import { pino } from 'pino';
import type { Logger as PinoLogger } from 'pino';
import type { Logger } from '../std/logger.ts';

/** `KNIT_LOG_LEVEL`: debug, info, warn or error. @default info */
export function makeLogger(processName: string, env: NodeJS.ProcessEnv): Logger {
  const level = env['KNIT_LOG_LEVEL'] ?? 'info';
  return adapt(
    pino({ level, base: { process: processName }, timestamp: pino.stdTimeFunctions.isoTime }),
  );
}

function adapt(target: PinoLogger): Logger {
  return {
    debug: (message, fields = {}) => target.debug(fields, message),
    info: (message, fields = {}) => target.info(fields, message),
    warn: (message, fields = {}) => target.warn(fields, message),
    error: (message, fields = {}) => target.error(fields, message),
    child: (fields) => adapt(target.child({ ...fields })),
  };
}
