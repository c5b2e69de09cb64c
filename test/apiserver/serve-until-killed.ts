/**
 * A child process for kill.test.ts: loads its modules, waits for a line on stdin, then serves its
 * data directory on a unix socket until it is killed. Waiting loaded, the next server takes over
 * at once.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const [, , dataDir = '', socketPath = ''] = process.argv;
// A parent that is gone closes the pipe.
process.stdin.on('end', () => process.exit(0));
await once(process.stdin, 'data');
await startApiServer({
  dataDir,
  socketPath,
  definitions: coreDefinitions,
  clock: systemClock,
  logger: silentLogger,
});
writeSync(1, 'ready\n');
