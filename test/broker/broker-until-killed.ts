/** Child of the crash test: a broker that knows its objects from the data directory only; prints its port. */
import { writeSync } from 'node:fs';
import { startBroker } from '../../runtime/broker/start-broker.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const away = { hasSynced: false, list: () => [], onChange: () => () => undefined };
const broker = await startBroker(
  {
    informers: { informer: () => away },
    clock: systemClock,
    logger: silentLogger,
    signal: new AbortController().signal,
  },
  { dataDir: process.argv[2] ?? '', listen: { host: '127.0.0.1', port: 0 } },
);
writeSync(1, `${broker.port}\n`);
