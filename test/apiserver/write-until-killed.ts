/**
 * A child process for durability.test.ts: writes to an API server in its data directory as fast as
 * it can and prints each object's name and version once the write is acknowledged.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { testDefinitions } from './api-harness.ts';

const WRITERS = 8;
const [, , dataDir = '', run = ''] = process.argv;
const { transport } = await startApiServer({
  dataDir,
  definitions: testDefinitions,
  clock: systemClock,
  logger: silentLogger,
});
const path = '/api/v1/namespaces/default/configmaps';

async function write(writer: number): Promise<void> {
  for (let i = 0; ; i++) {
    const name = `r${run}-w${writer}-${i}`;
    const body = { metadata: { name }, data: { value: String(i) } };
    const created = await transport.request({ method: 'POST', path, body });
    if (created.status !== 201) throw new Error(JSON.stringify(created.body));
    report('created', created.body);
    const old = `r${run}-w${writer}-${i - 2}`;
    if (i % 3 === 2) {
      await transport.request({ method: 'DELETE', path: `${path}/${old}` });
      writeSync(1, `deleted ${old} 0\n`);
    }
    const patched = await transport.request({
      method: 'PATCH',
      path: `${path}/${name}`,
      body: { data: { patched: 'yes' } },
      contentType: 'application/merge-patch+json',
    });
    report('patched', patched.body);
  }
}

/** Synchronous, so that what was printed was acknowledged and nothing acknowledged waits unprinted. */
function report(what: string, object: unknown): void {
  const { name, resourceVersion } = (object as { metadata: Record<string, string> }).metadata;
  writeSync(1, `${what} ${name} ${resourceVersion}\n`);
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
