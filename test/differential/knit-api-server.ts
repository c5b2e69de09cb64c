/**
 * Starts Knit's API server as the control process composes it, as far as a client of the API alone
 * can see: every kind, and the controllers that keep namespaces.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodRefusal } from '../../runtime/apis/core/pod-refusal.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { allDefinitions } from '../../runtime/cli/all-definitions.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import type { ApiUnderTest } from './run-case.ts';

export async function startKnitApiServer(): Promise<ApiUnderTest & { close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'knit-differential-'));
  const pki = await makeLocalPki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
  const server = await startApiServer({
    dataDir: join(directory, 'data'),
    definitions: allDefinitions,
    clock: systemClock,
    logger: silentLogger,
    tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key, clientCa: pki.ca },
    token: pki.token,
    mountsServiceAccountTokens: true,
    // There is no node whose containers could be entered, as beside the real server.
    podStreams: {
      exec: () => Promise.reject(new PodRefusal(404, 'no node runs this pod')),
      attach: () => Promise.reject(new PodRefusal(404, 'no node runs this pod')),
      connect: () => Promise.reject(new PodRefusal(404, 'no node runs this pod')),
    },
    readPodLog() {
      throw new PodRefusal(404, 'no node runs this pod');
    },
    serviceCidr: '10.0.0.0/16',
  });
  return {
    url: server.url ?? '',
    ca: pki.ca,
    token: pki.token,
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
