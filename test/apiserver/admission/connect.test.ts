/** Webhooks that judge `exec`, `attach` and `portforward`, over real connections. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admissionregistrationDefinitions } from '../../../runtime/apis/admissionregistration/definitions.ts';
import { makeLocalPki, type LocalPki } from '../../../runtime/apiserver/make-local-pki.ts';
import { startApi, testDefinitions, type Api } from '../api-harness.ts';
import { allow, deny, startWebhookServer, type WebhookServer } from './webhook-server.ts';

const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const pods = '/api/v1/namespaces/default/pods';

describe('Admission webhooks of connections', () => {
  let directory: string;
  let pki: LocalPki;
  let hook: WebhookServer;
  let api: Api;
  /** Commands that got as far as the node. */
  let opened: (readonly string[])[];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-connect-'));
    pki = await makeLocalPki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
    hook = await startWebhookServer(join(directory, 'hook'));
  });
  after(async () => {
    await hook.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hook.requests.length = 0;
    opened = [];
    const refuse = (): Promise<never> => Promise.reject(new Error('no node runs here'));
    api = await startApi({
      definitions: [...testDefinitions, ...admissionregistrationDefinitions],
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
      token: pki.token,
      podStreams: {
        exec: ({ command }) => {
          opened.push(command);
          return refuse();
        },
        attach: refuse,
        connect: refuse,
      },
    });
    const { status, body } = await api.request('POST', pods, {
      metadata: { name: 'one' },
      spec: { containers: [{ name: 'main', image: 'a' }] },
    });
    assert.equal(status, 201, JSON.stringify(body));
    await api.request('POST', configurations, {
      metadata: { name: 'connections' },
      webhooks: [
        {
          name: 'connections.hooks.test',
          clientConfig: { url: `${hook.url}/connect`, caBundle: hook.caBundle },
          rules: [
            {
              operations: ['CONNECT'],
              apiGroups: [''],
              apiVersions: ['v1'],
              resources: ['pods/exec'],
            },
          ],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    });
  });
  afterEach(() => api.close());

  /** Asks for a connection. @returns the status and, of a refusal, its body. */
  const connect = (path: string): Promise<{ status: number; body: any }> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(`${api.server.url}${pods}/one/${path}`, {
        ca: pki.ca,
        agent: false,
        headers: {
          Authorization: `Bearer ${pki.token}`,
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
          'Sec-WebSocket-Protocol': 'v5.channel.k8s.io',
        },
      });
      request.on('upgrade', ({ statusCode = 0 }, socket) => {
        // The node refuses, and says so in the connection.
        socket.on('error', () => {});
        socket.resume();
        socket.on('close', () => resolve({ status: statusCode, body: undefined }));
        socket.end();
      });
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }),
        );
      });
      request.on('error', reject);
      request.end();
    });

  it('refuse a command before it reaches the node', async () => {
    hook.on('/connect', () => deny('nobody may look inside'));
    const { status, body } = await connect('exec?command=ls&command=-l&stdout=true&container=main');
    assert.deepEqual(
      [status, body.reason, body.message],
      [
        403,
        'Forbidden',
        'admission webhook "connections.hooks.test" denied the request: nobody may look inside',
      ],
    );
    assert.deepEqual(opened, []);
    const { request } = hook.requests[0]?.review ?? {};
    assert.deepEqual(
      [request.operation, request.resource.resource, request.subResource, request.name],
      ['CONNECT', 'pods', 'exec', 'one'],
    );
    assert.deepEqual(request.kind, { group: '', version: 'v1', kind: 'PodExecOptions' });
    assert.deepEqual(request.object, {
      kind: 'PodExecOptions',
      apiVersion: 'v1',
      stdout: true,
      container: 'main',
      command: ['ls', '-l'],
    });
  });

  it('let through what they allow', async () => {
    hook.on('/connect', () => allow);
    const { status } = await connect('exec?command=ls&stdout=true');
    assert.equal(status, 101);
    assert.deepEqual(opened, [['ls']]);
  });

  it('are not asked about connections that their rules leave out', async () => {
    hook.on('/connect', () => deny('never'));
    const { status } = await connect('attach?stdout=true');
    assert.equal(status, 101);
    assert.equal(hook.requests.length, 0);
  });
});
