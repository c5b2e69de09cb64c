/**
 * A process of the API server's benchmark, forked by ../apiserver.ts: our server on TLS with a data
 * directory. Sends where it is to the parent, and how long its start took.
 */
import { performance } from 'node:perf_hooks';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export interface StartedApiServer {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  /** From the call to the answer that it is ready, without loading modules and certificates. */
  readonly startMs: number;
}

const [, , directory] = process.argv;
if (process.send && directory !== undefined) {
  const pki = await makeLocalPki(`${directory}/pki`, { hosts: ['127.0.0.1'] });
  const startedAt = performance.now();
  const server = await startApiServer({
    dataDir: `${directory}/data`,
    definitions: coreDefinitions,
    clock: systemClock,
    logger: silentLogger,
    tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
    token: pki.token,
  });
  const startMs = performance.now() - startedAt;
  const started: StartedApiServer = {
    url: server.url ?? '',
    ca: pki.ca,
    token: pki.token,
    startMs,
  };
  process.send(started);
  // The parent closes the channel when it is done, or by dying.
  process.on('disconnect', () => void server.close().then(() => process.exit(0)));
}
