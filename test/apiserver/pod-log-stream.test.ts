import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import { startApi } from './api-harness.ts';

describe('The log of a container that has said nothing yet', () => {
  it('begins within a second all the same, and ends with its reader', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'knit-pod-log-'));
    const socketPath = join(directory, 'api.sock');
    let ended: Promise<unknown> | undefined;
    const api = await startApi({
      socketPath,
      // eslint-disable-next-line require-yield -- the container is silent until its reader goes
      async *readPodLog({ signal }) {
        ended = once(signal, 'abort');
        await ended;
      },
    });
    const transport = makeHttpTransport({ server: 'http://knit-api', socketPath });
    try {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'silent', namespace: 'default' },
        spec: { containers: [{ name: 'main', image: 'a' }] },
      };
      await api.request('POST', '/api/v1/namespaces/default/pods', pod);
      const reader = new AbortController();
      const path = '/api/v1/namespaces/default/pods/silent/log';
      const query = { follow: 'true' };
      const { status, body } = await transport.stream({ path, query, signal: reader.signal });
      assert.equal(status, 200);
      reader.abort();
      await assert.rejects(async () => {
        for await (const chunk of body) assert.fail(String(chunk));
      });
      await ended;
    } finally {
      await transport.close();
      await api.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
