/** Several versions of one custom kind: by a new label, and by a webhook that is a real HTTPS server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admissionregistrationDefinitions } from '../../../runtime/apis/admissionregistration/definitions.ts';
import { startWebhookServer, type WebhookServer } from '../admission/webhook-server.ts';
import { eventually, startApi, testDefinitions, type Api } from '../api-harness.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const definitionName = 'gauges.convert.example.com';
const gauges = (version: string): string =>
  `/apis/convert.example.com/${version}/namespaces/default/gauges`;

/** v1 has `spec.hostPort`, v2 has `spec.host` and `spec.port`. */
const schemas: Record<string, object> = {
  v1: { hostPort: { type: 'string' } },
  v2: {
    host: { type: 'string' },
    port: { type: 'string' },
    mode: { type: 'string', default: 'plain' },
  },
};

const makeVersion = (name: string, isStorage: boolean): object => ({
  name,
  served: true,
  storage: isStorage,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', properties: schemas[name] } },
    },
  },
  ...(name === 'v2' ? { selectableFields: [{ jsonPath: '.spec.host' }] } : {}),
});

const makeDefinition = (conversion: object, storage = 'v1'): any => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: definitionName },
  spec: {
    group: 'convert.example.com',
    scope: 'Namespaced',
    names: { plural: 'gauges', kind: 'Gauge' },
    versions: ['v1', 'v2'].map((name) => makeVersion(name, name === storage)),
    conversion,
  },
});

const makeGauge = (version: string, spec: object, name = 'one'): any => ({
  apiVersion: `convert.example.com/${version}`,
  kind: 'Gauge',
  metadata: { name },
  spec,
});

function convert(object: any, desiredAPIVersion: string): any {
  const { spec = {} } = object;
  const [host, port] = (spec.hostPort ?? '').split(':');
  const next = desiredAPIVersion.endsWith('v2')
    ? { host, port, unknown: 'to be pruned' }
    : { hostPort: `${spec.host}:${spec.port}` };
  const annotations = { ...object.metadata.annotations, 'converted-to': desiredAPIVersion };
  return {
    ...object,
    apiVersion: desiredAPIVersion,
    metadata: { ...object.metadata, annotations, generation: 99, finalizers: ['stray.io/x'] },
    spec: next,
  };
}

describe('A custom kind in several versions', () => {
  let api: Api;
  let hook: WebhookServer;
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-conversion-'));
    hook = await startWebhookServer(directory);
  });
  after(async () => {
    await hook.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    api = await startApi({
      definitions: [...testDefinitions, ...admissionregistrationDefinitions],
    });
    hook.requests.length = 0;
    hook.on('/convert', ({ objects, desiredAPIVersion }: any) => ({
      result: { status: 'Success' },
      convertedObjects: objects.map((object: any) => convert(object, desiredAPIVersion)),
    }));
  });
  afterEach(() => api.close());

  const webhookConversion = (path = '/convert', versions = ['v1']): object => ({
    strategy: 'Webhook',
    webhook: {
      clientConfig: { url: `${hook.url}${path}`, caBundle: hook.caBundle },
      conversionReviewVersions: versions,
    },
  });
  const define = async (conversion: object, storage?: string): Promise<void> => {
    const { status, body } = await api.request(
      'POST',
      definitions,
      makeDefinition(conversion, storage),
    );
    assert.equal(status, 201, JSON.stringify(body));
  };
  const change = async (conversion: object, storage: string): Promise<void> => {
    const path = `${definitions}/${definitionName}`;
    const { body } = await api.request('GET', path);
    const next = makeDefinition(conversion, storage);
    const { status } = await api.request('PUT', path, { ...body, spec: next.spec });
    assert.equal(status, 200);
  };
  const create = async (version: string, spec: object, name?: string): Promise<any> => {
    const { status, body } = await api.request(
      'POST',
      gauges(version),
      makeGauge(version, spec, name),
    );
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };

  describe('without a webhook', () => {
    it('keeps the fields that both schemas have, whichever version wrote them', async () => {
      await define({ strategy: 'None' });
      const { spec, apiVersion } = await create('v2', { host: 'a', port: '1' });
      assert.deepEqual({ spec, apiVersion }, { spec: {}, apiVersion: 'convert.example.com/v2' });
      const { body } = await api.request('GET', `${gauges('v1')}/one`);
      assert.deepEqual(body.spec, {});
    });

    it('moves an object to a new storage version with the next write, even of the same', async () => {
      await define({ strategy: 'None' });
      const created = await create('v1', { hostPort: 'a:1' });
      await change({ strategy: 'None' }, 'v2');
      const { body: definition } = await api.request('GET', `${definitions}/${definitionName}`);
      assert.deepEqual(definition.status.storedVersions, ['v1', 'v2']);
      const { body: read } = await api.request('GET', `${gauges('v1')}/one`);
      assert.equal(read.spec.hostPort, 'a:1');
      const { body: written } = await api.request('PUT', `${gauges('v1')}/one`, read);
      assert.notEqual(written.metadata.resourceVersion, created.metadata.resourceVersion);
      assert.deepEqual(written.spec, {});
    });

    it('shows defaults that a schema got later, without a write', async () => {
      await define({ strategy: 'None' }, 'v2');
      const { metadata } = await create('v2', { host: 'a' });
      const { body: definition } = await api.request('GET', `${definitions}/${definitionName}`);
      const next = structuredClone(definition);
      const { properties } = next.spec.versions[1].schema.openAPIV3Schema.properties.spec;
      properties.level = { type: 'integer', default: 3 };
      await api.request('PUT', `${definitions}/${definitionName}`, next);
      const { body } = await api.request('GET', `${gauges('v2')}/one`);
      assert.deepEqual(body.spec, { host: 'a', mode: 'plain', level: 3 });
      assert.equal(body.metadata.resourceVersion, metadata.resourceVersion);
      const { body: list } = await api.request('GET', gauges('v2'));
      assert.equal(list.items[0].spec.level, 3);
    });
  });

  describe('with a webhook', () => {
    it('stores one version and serves the other, pruned, with the metadata of its own', async () => {
      await define(webhookConversion());
      const created = await create('v2', { host: 'a', port: '1' });
      assert.deepEqual(created.spec, { host: 'a', port: '1' });
      const { body: stored } = await api.request('GET', `${gauges('v1')}/one`);
      assert.deepEqual(stored.spec, { hostPort: 'a:1' });
      const { annotations, generation, finalizers, uid } = stored.metadata;
      assert.deepEqual(annotations, { 'converted-to': 'convert.example.com/v1' });
      assert.deepEqual([generation, finalizers, uid], [1, undefined, created.metadata.uid]);
      const [{ query, review } = { query: '', review: {} }] = hook.requests;
      assert.equal(query, 'timeout=30s');
      assert.deepEqual(
        [review.apiVersion, review.kind, review.request.desiredAPIVersion],
        ['apiextensions.k8s.io/v1', 'ConversionReview', 'convert.example.com/v1'],
      );
    });

    it('converts a list in one call, and what it converted once no more', async () => {
      await define(webhookConversion());
      for (const name of ['a', 'b', 'c']) await create('v1', { hostPort: `${name}:1` }, name);
      assert.equal(hook.requests.length, 0);
      const { body } = await api.request('GET', gauges('v2'));
      assert.deepEqual(
        body.items.map(({ spec }: any) => spec.host),
        ['a', 'b', 'c'],
      );
      assert.equal(hook.requests.length, 1);
      assert.equal(hook.requests[0]?.review.request.objects.length, 3);
      await api.request('GET', gauges('v2'));
      await api.request('GET', `${gauges('v2')}/a`);
      assert.equal(hook.requests.length, 1);
    });

    it('selects by the fields of the version that was asked for', async () => {
      await define(webhookConversion());
      for (const name of ['a', 'b']) await create('v1', { hostPort: `${name}:1` }, name);
      const { body } = await api.request('GET', gauges('v2'), undefined, {
        query: { fieldSelector: 'spec.host=b' },
      });
      assert.deepEqual(
        body.items.map(({ metadata }: any) => metadata.name),
        ['b'],
      );
    });

    it('patches and applies in the version of the request', async () => {
      await define(webhookConversion());
      await create('v1', { hostPort: 'a:1' });
      const { status, body } = await api.request(
        'PATCH',
        `${gauges('v2')}/one`,
        { spec: { port: '2' } },
        { contentType: 'application/merge-patch+json' },
      );
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(body.spec, { host: 'a', port: '2' });
      assert.equal(body.metadata.generation, 2);
      const { body: stored } = await api.request('GET', `${gauges('v1')}/one`);
      assert.deepEqual(stored.spec, { hostPort: 'a:2' });
    });

    it('sends watches their version, in the order of the writes', async () => {
      await define(webhookConversion());
      await create('v1', { hostPort: 'a:0' });
      const watch = api.watch(gauges('v2'));
      for (const port of ['1', '2', '3'])
        await api.request(
          'PATCH',
          `${gauges('v1')}/one`,
          { spec: { hostPort: `a:${port}` } },
          { contentType: 'application/merge-patch+json' },
        );
      await api.request('DELETE', `${gauges('v1')}/one`);
      await eventually(() => watch.events.length >= 5);
      assert.deepEqual(
        watch.events.map(({ type, object }: any) => [type, object.apiVersion, object.spec.port]),
        [
          ['ADDED', 'convert.example.com/v2', '0'],
          ['MODIFIED', 'convert.example.com/v2', '1'],
          ['MODIFIED', 'convert.example.com/v2', '2'],
          ['MODIFIED', 'convert.example.com/v2', '3'],
          ['DELETED', 'convert.example.com/v2', '3'],
        ],
      );
      await watch.stop();
    });

    it('is asked in v1beta1 by who prefers that', async () => {
      await define(webhookConversion('/convert', ['v1beta1', 'v1']));
      await create('v2', { host: 'a', port: '1' });
      assert.equal(hook.requests[0]?.review.apiVersion, 'apiextensions.k8s.io/v1beta1');
    });

    it('tells admission webhooks the version that their rules name', async () => {
      await define(webhookConversion());
      hook.on('/review', () => ({ allowed: true }));
      await api.request(
        'POST',
        '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingWebhookConfiguration',
          metadata: { name: 'gauges' },
          webhooks: [
            {
              name: 'gauges.example.com',
              clientConfig: { url: `${hook.url}/review`, caBundle: hook.caBundle },
              sideEffects: 'None',
              admissionReviewVersions: ['v1'],
              rules: [
                {
                  operations: ['CREATE'],
                  apiGroups: ['convert.example.com'],
                  apiVersions: ['v2'],
                  resources: ['gauges'],
                },
              ],
            },
          ],
        },
      );
      await create('v1', { hostPort: 'a:1' });
      const told = hook.requests.find(({ path }) => path === '/review')?.review.request;
      assert.equal(told.object.apiVersion, 'convert.example.com/v2');
      assert.equal(told.object.spec.host, 'a');
      assert.equal(told.requestKind.version, 'v1');
    });

    const failures: readonly (readonly [string, (request: any) => object, string])[] = [
      [
        'says why it cannot',
        () => ({ result: { status: 'Failed', message: 'no such port' } }),
        'conversion webhook for convert.example.com/v1, Kind=Gauge failed: no such port',
      ],
      [
        'does not say',
        () => ({ result: { status: 'Failed' } }),
        "conversion webhook for convert.example.com/v1, Kind=Gauge failed: response.result.status was 'Failed', not 'Success'",
      ],
      [
        'answers to somebody else',
        () => ({ uid: 'other', result: { status: 'Success' } }),
        'expected response.uid=',
      ],
      [
        'loses an object',
        () => ({ result: { status: 'Success' }, convertedObjects: [] }),
        'conversion webhook for convert.example.com/v1, Kind=Gauge returned 0 objects, expected 1',
      ],
      [
        'leaves the version',
        ({ objects }) => ({ result: { status: 'Success' }, convertedObjects: objects }),
        'conversion webhook for convert.example.com/v1, Kind=Gauge returned invalid object at index 0: invalid groupVersion (expected convert.example.com/v2, received convert.example.com/v1)',
      ],
      [
        'changes the name',
        ({ objects, desiredAPIVersion }) => ({
          result: { status: 'Success' },
          convertedObjects: objects.map((object: any) => ({
            ...convert(object, desiredAPIVersion),
            metadata: { ...object.metadata, name: 'two' },
          })),
        }),
        'conversion webhook for convert.example.com/v1, Kind=Gauge returned invalid object: must have the same name: one != two',
      ],
      [
        'sends a label that is no text',
        ({ objects, desiredAPIVersion }) => ({
          result: { status: 'Success' },
          convertedObjects: objects.map((object: any) => ({
            ...convert(object, desiredAPIVersion),
            metadata: { ...object.metadata, labels: { a: 1 } },
          })),
        }),
        'conversion webhook for convert.example.com/v1, Kind=Gauge returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
      ],
    ];
    for (const [what, handler, message] of failures)
      it(`fails a read with 500 when it ${what}, and recovers with it`, async () => {
        await define(webhookConversion('/broken'));
        await create('v1', { hostPort: 'a:1' });
        hook.on('/broken', handler);
        const { status, body } = await api.request('GET', `${gauges('v2')}/one`);
        assert.equal(status, 500);
        assert.ok(body.message.includes(message), body.message);
        const watch = api.watch(gauges('v2'));
        await watch.ended;
        assert.equal(watch.events.at(-1)?.type, 'ERROR');
        hook.on('/broken', ({ objects, desiredAPIVersion }: any) => ({
          result: { status: 'Success' },
          convertedObjects: objects.map((object: any) => convert(object, desiredAPIVersion)),
        }));
        assert.equal((await api.request('GET', `${gauges('v2')}/one`)).status, 200);
      });

    it('leaves everything else answering while it hangs', async () => {
      await define(webhookConversion('/hangs'));
      await create('v1', { hostPort: 'a:1' });
      hook.on('/hangs', () => undefined);
      const waiting = Array.from({ length: 20 }, () =>
        api.request('GET', `${gauges('v2')}/one`).catch(() => {}),
      );
      await eventually(() => hook.requests.length === 1);
      assert.equal((await api.request('GET', `${gauges('v1')}/one`)).status, 200);
      assert.equal((await api.request('GET', '/api/v1/namespaces/default')).status, 200);
      await create('v1', { hostPort: 'b:1' }, 'two');
      // Deleting the kind asks nobody.
      const { status } = await api.request('DELETE', `${definitions}/${definitionName}`);
      assert.equal(status, 200);
      await eventually(
        async () => (await api.request('GET', `${definitions}/${definitionName}`)).status === 404,
      );
      void waiting;
    });
  });
});
