/** Child of the crash test: appends as fast as it can and prints each body once it is acknowledged. */
import { writeSync } from 'node:fs';
import { FileLog } from '../../runtime/broker/file-log.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const log = await FileLog.open({
  directory: process.argv[2] ?? '',
  clock: systemClock,
  logger: silentLogger,
  segmentBytes: 20_000,
});
const writer = async (worker: number): Promise<void> => {
  for (let i = 0; ; i++) {
    const text = `${process.pid} ${worker} ${i}`;
    await log.append(Buffer.from(text));
    writeSync(1, `${text}\n`);
  }
};
await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(writer));
