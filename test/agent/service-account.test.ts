/** A program in a real container calls the API with what is mounted into it. Needs root, buildah, crun, iproute2. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import { parseAddressPlan } from '../../runtime/agent/network/address-plan.ts';
import { type Agent, startAgent } from '../../runtime/agent/start-agent.ts';
import { type Pod, podKind } from '../../runtime/apis/core/types.ts';
import { roleBindingKind } from '../../runtime/apis/rbac/types.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { type ApiServer, startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { allDefinitions } from '../../runtime/cli/all-definitions.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { startWorkloads, type WorkloadsHandle } from '../../runtime/workloads/start-workloads.ts';
import { buildTestImage, removeTestImage, TEST_IMAGE } from './test-image.ts';
import { eventually } from './test-machine.ts';

const BRIDGE = { name: 'knits', cidr: '10.91.9.0/24' };
const WAIT_MS = 30_000;

/** What client-go's InClusterConfig does, and three requests with it; prints one line of JSON. */
const PROGRAM = `
const fs = require('node:fs'), https = require('node:https');
const root = '/var/run/secrets/kubernetes.io/serviceaccount/';
const read = (name) => fs.readFileSync(root + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = https.request({ host, port, method, path, ca: read('ca.crt'), headers: {
    authorization: 'Bearer ' + read('token'), 'content-type': 'application/json' } }, (response) => {
    let text = '';
    response.on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
  });
  request.on('error', reject);
  request.end(body);
});
(async () => {
  const namespace = read('namespace');
  const me = await ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', '{}');
  const maps = await ask('GET', '/api/v1/namespaces/' + namespace + '/configmaps');
  const secrets = await ask('GET', '/api/v1/namespaces/' + namespace + '/secrets');
  console.log(JSON.stringify({ namespace, me: me.body.status.userInfo, maps: maps.status, secrets }));
})();
`;

describe('a program in a pod', function () {
  this.timeout(90_000);
  let images: string;
  let home: string;
  let api: ApiServer;
  let agent: Agent;
  let workloads: WorkloadsHandle;
  let client: KubeClient;
  const stop = new AbortController();

  before(async () => {
    images = buildTestImage();
    home = mkdtempSync(join(tmpdir(), 'knit-account-home-'));
    const host = parseAddressPlan(BRIDGE.cidr).gateway;
    const pki = await makeLocalPki(join(home, 'pki'), { hosts: ['127.0.0.1', host] });
    api = await startApiServer({
      dataDir: join(home, 'data'),
      definitions: allDefinitions,
      clock: systemClock,
      logger: silentLogger,
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key, clientCa: pki.ca },
      token: pki.token,
      serviceAccountKey: pki.serviceAccountKey,
      mountsServiceAccountTokens: true,
    });
    client = new KubeClient(api.transport);
    const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(deps);
    informers.start(stop.signal);
    const context = { ...deps, informers, signal: stop.signal };
    const port = api.port ?? 0;
    let listening = Promise.resolve();
    agent = await startAgent(context, {
      home,
      driver: 'oci',
      nodeName: 'node-a',
      bridge: BRIDGE,
      onBridgeReady: (address) => {
        listening = api.listenAlso({ host: address, port });
      },
      apiServer: { host, port },
      imageStoreRoot: images,
      bundlesRoot: `${home}/bundles`,
      functionsRoot: `${home}/functions`,
    });
    await listening;
    workloads = startWorkloads(context, { nodeName: 'node-a', rootCa: pki.ca });
  });

  after(async () => {
    await workloads?.close();
    await agent?.close();
    stop.abort();
    await cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
    await api?.close();
    if (images) removeTestImage(images);
    rmSync(home, { recursive: true, force: true });
  });

  const runToEnd = async (name: string, spec: Partial<Pod['spec']> = {}): Promise<string> => {
    await client.create(podKind, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'user', image: TEST_IMAGE, command: ['/usr/bin/node', '-e', PROGRAM] },
        ],
        ...spec,
      },
    });
    await eventually(
      `the end of pod ${name}`,
      async () => {
        const pod = await client.get(podKind, { namespace: 'default', name });
        return ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '');
      },
      WAIT_MS,
    );
    const chunks: Uint8Array[] = [];
    const log = agent.readPodLog({ namespace: 'default', pod: name, follow: false });
    for await (const chunk of log) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  it('finds the API, and is its service account there, with no more than its roles', async () => {
    await client.create(roleBindingKind, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'viewer', namespace: 'default' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    });
    const output = await runToEnd('caller');
    const seen = JSON.parse(output) as Record<string, any>;
    assert.equal(seen['namespace'], 'default');
    assert.equal(seen['me'].username, 'system:serviceaccount:default:default');
    assert.deepEqual(seen['me'].extra['authentication.kubernetes.io/pod-name'], ['caller']);
    assert.equal(seen['maps'], 200);
    assert.equal(seen['secrets'].status, 403);
    assert.equal(
      seen['secrets'].body.message,
      'secrets is forbidden: User "system:serviceaccount:default:default" cannot list resource "secrets" in API group "" in the namespace "default"',
    );
  });

  it('has nothing mounted where the pod does not want it', async () => {
    const output = await runToEnd('closed', { automountServiceAccountToken: false });
    assert.match(output, /ENOENT.*serviceaccount/);
  });
});
