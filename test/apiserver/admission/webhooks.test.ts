import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admissionregistrationDefinitions } from '../../../runtime/apis/admissionregistration/definitions.ts';
import { discoveryDefinitions } from '../../../runtime/apis/discovery/definitions.ts';
import { startApi, testDefinitions, type Api } from '../api-harness.ts';
import { allow, deny, patchOf, startWebhookServer, type WebhookServer } from './webhook-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, more: object = {}): object => ({
  metadata: { name, ...more },
  data: { a: '1' },
});

describe('Admission webhooks', () => {
  let api: Api;
  let directory: string;
  let hook: WebhookServer;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-hook-'));
    hook = await startWebhookServer(directory);
  });
  after(async () => {
    await hook.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hook.requests.length = 0;
    api = await startApi({
      definitions: [
        ...testDefinitions,
        ...admissionregistrationDefinitions,
        ...discoveryDefinitions,
      ],
    });
  });
  afterEach(() => api.close());

  const makeHook = (path: string, more: object = {}): object => ({
    name: `${path.slice(1)}.hooks.test`,
    clientConfig: { url: hook.url + path, caBundle: hook.caBundle },
    rules: [
      {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: [''],
        apiVersions: ['v1'],
        resources: ['configmaps'],
      },
    ],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  });

  async function configure(
    kind: 'mutating' | 'validating',
    name: string,
    ...webhooks: object[]
  ): Promise<void> {
    const { status, body } = await api.request(
      'POST',
      `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`,
      { metadata: { name }, webhooks },
    );
    assert.equal(status, 201, JSON.stringify(body));
  }

  describe('when a validating webhook refuses', () => {
    it('answer in upstream words, with the code and reason of the webhook', async () => {
      hook.on('/deny', () => deny('no ConfigMaps today'));
      await configure('validating', 'v', makeHook('/deny'));
      const { status, body } = await api.request('POST', configMaps, configMap('a'));
      assert.equal(status, 403);
      assert.equal(body.reason, 'Forbidden');
      assert.equal(
        body.message,
        'admission webhook "deny.hooks.test" denied the request: no ConfigMaps today',
      );
      assert.equal((await api.request('GET', `${configMaps}/a`)).status, 404);
    });

    it('say so when it gives no explanation, with code 400', async () => {
      hook.on('/deny', () => ({ allowed: false }));
      await configure('validating', 'v', makeHook('/deny'));
      const { status, body } = await api.request('POST', configMaps, configMap('a'));
      assert.equal(status, 400);
      assert.equal(
        body.message,
        'admission webhook "deny.hooks.test" denied the request without explanation',
      );
    });
  });

  it('tell the webhook everything about the request', async () => {
    hook.on('/see', () => allow);
    await configure('validating', 'v', makeHook('/see'));
    await api.request('POST', configMaps, configMap('a'), { query: { fieldManager: 'me' } });
    await api.request('PUT', `${configMaps}/a`, { ...configMap('a'), data: { a: '2' } });
    const [created, updated] = hook.requests;
    assert.equal(created?.query, 'timeout=10s');
    assert.equal(created?.review.apiVersion, 'admission.k8s.io/v1');
    const { uid, userInfo, object, ...rest } = created.review.request;
    assert.match(uid, /^[0-9a-f-]{36}$/);
    assert.ok(userInfo.groups.includes('system:authenticated'));
    assert.equal(object.data.a, '1');
    assert.match(object.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'a',
      namespace: 'default',
      operation: 'CREATE',
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' },
    });
    assert.equal(updated?.review.request.operation, 'UPDATE');
    assert.equal(updated?.review.request.oldObject.data.a, '1');
    assert.equal(updated?.review.request.object.data.a, '2');
  });

  it('ask mutating webhooks in order, each with the result of the one before', async () => {
    hook.on('/first', () => patchOf({ op: 'add', path: '/data/b', value: 'first' }));
    hook.on('/second', ({ object }) =>
      patchOf({ op: 'replace', path: '/data/b', value: `${object.data.b}+second` }),
    );
    await configure('mutating', 'm', makeHook('/first'), makeHook('/second'));
    const { status, body } = await api.request('POST', configMaps, configMap('a'));
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(body.data, { a: '1', b: 'first+second' });
  });

  it('ask a webhook once more whose result another one changed, when it wants that', async () => {
    hook.on('/again', () => allow);
    hook.on('/change', () => patchOf({ op: 'add', path: '/data/b', value: 'x' }));
    await configure(
      'mutating',
      'm',
      makeHook('/again', { reinvocationPolicy: 'IfNeeded' }),
      makeHook('/change'),
    );
    await api.request('POST', configMaps, configMap('a'));
    assert.deepEqual(
      hook.requests.map(({ path }) => path),
      ['/again', '/change', '/again'],
    );
    assert.equal(hook.requests[2]?.review.request.object.data.b, 'x');
  });

  it('validate what a mutating webhook made: a patch that breaks the object is a 422', async () => {
    hook.on('/break', () => patchOf({ op: 'add', path: '/metadata/labels', value: { '!': 'x' } }));
    await configure('mutating', 'm', makeHook('/break'));
    const { status, body } = await api.request('POST', configMaps, configMap('a'));
    assert.equal(status, 422);
    assert.match(body.message, /metadata\.labels/);
  });

  describe('when the webhook cannot be used', () => {
    const failing: readonly [string, () => object, RegExp][] = [
      [
        'nobody listens',
        () => makeHook('/x', { clientConfig: { url: 'https://127.0.0.1:1/x' } }),
        /^Internal error occurred: failed calling webhook "x\.hooks\.test": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/x\?timeout=10s": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
      ],
      [
        'its certificate is not trusted',
        () => makeHook('/ok', { clientConfig: { url: `${hook.url}/ok` } }),
        /tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
      ],
      [
        'it does not answer in time',
        () => makeHook('/never', { timeoutSeconds: 1 }),
        /\/never\?timeout=1s": context deadline exceeded$/,
      ],
      [
        'it answers 500',
        () => makeHook('/broken'),
        /failed to call webhook: an error on the server \("out of order"\) has prevented the request from succeeding$/,
      ],
      [
        'it answers for another request',
        () => makeHook('/other'),
        /received invalid webhook response: expected response\.uid="[0-9a-f-]+", got "1"$/,
      ],
      [
        'its Service does not exist',
        () =>
          makeHook('/ok', {
            clientConfig: { service: { namespace: 'default', name: 'hook', path: '/ok' } },
          }),
        /Post "https:\/\/hook\.default\.svc:443\/ok\?timeout=10s": service "hook" not found$/,
      ],
    ];
    for (const [situation, make, expected] of failing)
      it(`refuse the write with 500 where ${situation}, and let it pass with failurePolicy Ignore`, async () => {
        hook.on('/ok', () => allow);
        hook.on('/never', () => undefined);
        hook.on('/other', () => ({ ...allow, uid: '1' }));
        hook.onRaw('/broken', 500, 'out of order');
        await configure('validating', 'v', make());
        const { status, body } = await api.request('POST', configMaps, configMap('a'));
        assert.equal(status, 500);
        assert.equal(body.reason, 'InternalError');
        assert.match(body.message, expected);
        const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v';
        await api.request(
          'PATCH',
          path,
          [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
          { contentType: 'application/json-patch+json' },
        );
        assert.equal((await api.request('POST', configMaps, configMap('a'))).status, 201);
      });
  });

  it('reach a webhook through its Service under the name of the Service', async () => {
    hook.on('/ok', () => allow);
    await api.request('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'hook' },
      spec: { ports: [{ name: 'https', port: 443 }] },
    });
    await api.request('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: [{ name: 'https', port: hook.port }],
    });
    const service = { namespace: 'default', name: 'hook', path: '/ok' };
    const clientConfig = { service, caBundle: hook.caBundle };
    await configure('validating', 'v', makeHook('/ok', { clientConfig }));
    const { status, body } = await api.request('POST', configMaps, configMap('a'));
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(hook.requests[0]?.servername, 'hook.default.svc');
  });

  describe('ask only those that the request concerns', () => {
    const cases: readonly [string, object, boolean][] = [
      [
        'a namespaceSelector that the namespace matches',
        { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } },
        true,
      ],
      [
        'a namespaceSelector that it does not match',
        {
          namespaceSelector: {
            matchExpressions: [
              { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['default'] },
            ],
          },
        },
        false,
      ],
      [
        'an objectSelector that the object matches',
        { objectSelector: { matchLabels: { app: 'a' } } },
        true,
      ],
      [
        'an objectSelector that it does not match',
        { objectSelector: { matchLabels: { app: 'b' } } },
        false,
      ],
      [
        'conditions that hold',
        {
          matchConditions: [
            { name: 'data', expression: 'object.data.a == "1" && request.operation == "CREATE"' },
          ],
        },
        true,
      ],
      [
        'a condition that does not hold',
        {
          matchConditions: [{ name: 'user', expression: 'request.userInfo.username == "nobody"' }],
        },
        false,
      ],
      [
        'a rule for cluster-scoped resources',
        {
          rules: [
            {
              operations: ['*'],
              apiGroups: ['*'],
              apiVersions: ['*'],
              resources: ['*'],
              scope: 'Cluster',
            },
          ],
        },
        false,
      ],
      [
        'a rule for everything',
        {
          rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }],
        },
        true,
      ],
      [
        'a rule for a subresource',
        {
          rules: [
            {
              operations: ['*'],
              apiGroups: [''],
              apiVersions: ['v1'],
              resources: ['configmaps/status'],
            },
          ],
        },
        false,
      ],
      [
        'a rule for another version, exactly',
        {
          matchPolicy: 'Exact',
          rules: [
            { operations: ['*'], apiGroups: [''], apiVersions: ['v2'], resources: ['configmaps'] },
          ],
        },
        false,
      ],
    ];
    for (const [title, more, isAsked] of cases)
      it(`${title}: ${isAsked ? 'asked' : 'not asked'}`, async () => {
        hook.on('/see', () => allow);
        await configure('validating', 'v', makeHook('/see', more));
        const { status, body } = await api.request(
          'POST',
          configMaps,
          configMap('a', { labels: { app: 'a' } }),
        );
        assert.equal(status, 201, JSON.stringify(body));
        assert.equal(hook.requests.length, isAsked ? 1 : 0);
      });
  });

  it('refuse a condition that does not compile when it is written', async () => {
    const { status, body } = await api.request(
      'POST',
      '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
      {
        metadata: { name: 'v' },
        webhooks: [makeHook('/x', { matchConditions: [{ name: 'bad', expression: 'object.(' }] })],
      },
    );
    assert.equal(status, 422);
    assert.match(
      body.message,
      /webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: "object\.\(": compilation failed/,
    );
  });

  it('judge deletions, with the object that would go', async () => {
    hook.on('/keep', ({ oldObject }) => deny(`${oldObject.metadata.name} stays`));
    await api.request('POST', configMaps, configMap('a'));
    const rules = [
      { operations: ['DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
    ];
    await configure('validating', 'v', makeHook('/keep', { rules }));
    const { status, body } = await api.request('DELETE', `${configMaps}/a`);
    assert.equal(status, 403);
    assert.equal(body.message, 'admission webhook "keep.hooks.test" denied the request: a stays');
    assert.equal((await api.request('GET', `${configMaps}/a`)).status, 200);
    assert.equal(hook.requests[0]?.review.request.options.kind, 'DeleteOptions');
  });

  it('refuse a dry run where a webhook has side effects, and tell one without of it', async () => {
    hook.on('/see', () => allow);
    await configure('validating', 'v', makeHook('/see', { sideEffects: 'NoneOnDryRun' }));
    await api.request('POST', configMaps, configMap('a'), { query: { dryRun: 'All' } });
    assert.equal(hook.requests[0]?.review.request.dryRun, true);
    assert.equal((await api.request('GET', `${configMaps}/a`)).status, 404);
  });

  it('ask nobody about webhook configurations, so that a wrong one can be taken back', async () => {
    hook.on('/deny', () => deny('never'));
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
    await configure('validating', 'v', makeHook('/deny', { rules }));
    const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v';
    assert.equal((await api.request('POST', configMaps, configMap('a'))).status, 403);
    assert.equal((await api.request('DELETE', path)).status, 200);
    assert.equal((await api.request('POST', configMaps, configMap('a'))).status, 201);
  });

  it('patch again what changed while a webhook was asked, so that no update is lost', async () => {
    hook.on('/see', () => allow);
    await api.request('POST', configMaps, configMap('a'));
    await configure('validating', 'v', makeHook('/see'));
    const patches = Array.from({ length: 5 }, (_, index) =>
      api.request(
        'PATCH',
        `${configMaps}/a`,
        { data: { [`key${index}`]: 'x' } },
        { contentType: 'application/merge-patch+json' },
      ),
    );
    const codes = (await Promise.all(patches)).map(({ status }) => status);
    assert.deepEqual(codes, [200, 200, 200, 200, 200]);
    const { body } = await api.request('GET', `${configMaps}/a`);
    assert.deepEqual(Object.keys(body.data).sort(), ['a', 'key0', 'key1', 'key2', 'key3', 'key4']);
  });

  it('refuse a configuration with all its problems', async () => {
    const { status, body } = await api.request(
      'POST',
      '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
      {
        metadata: { name: 'm' },
        webhooks: [{ name: 'short', clientConfig: {}, timeoutSeconds: 31 }],
      },
    );
    assert.equal(status, 422);
    assert.deepEqual(
      body.details.causes.map(({ field }: { field: string }) => field),
      [
        'webhooks[0].name',
        'webhooks[0].sideEffects',
        'webhooks[0].timeoutSeconds',
        'webhooks[0].admissionReviewVersions',
        'webhooks[0].clientConfig',
      ],
    );
  });
});
