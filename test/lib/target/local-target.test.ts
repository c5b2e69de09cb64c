import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectLocal, readKubeconfig } from '../../../lib/target/local-target.ts';

describe('the local target', () => {
  it('says how to start the runtime when it is not running', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'knit-home-'));
    try {
      await assert.rejects(connectLocal({ KNIT_HOME: home }), {
        code: 'KNIT_NOT_RUNNING',
        message: `The local runtime at ${home} is not running. Start it with: npx knit up`,
      });
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  it('reads server, CA and token of the current context', () => {
    const text = `
current-context: knit
contexts: [{ name: knit, context: { cluster: knit, user: admin } }]
clusters: [{ name: knit, cluster: { server: 'https://127.0.0.1:6443', certificate-authority-data: ${Buffer.from('PEM').toString('base64')} } }]
users: [{ name: admin, user: { token: secret } }]
`;
    assert.deepEqual(readKubeconfig(text, 'kubeconfig'), {
      server: 'https://127.0.0.1:6443',
      ca: 'PEM',
      token: 'secret',
    });
  });

  it('says which file is damaged', () => {
    assert.throws(() => readKubeconfig('{}', '/home/a/kubeconfig'), /\/home\/a\/kubeconfig/);
  });
});
