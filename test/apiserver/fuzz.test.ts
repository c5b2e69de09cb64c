import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { KubeRequest } from '../../runtime/kube/transport.ts';
import { startApi, type Api } from './api-harness.ts';

const RUNS = 1_500;

/** The 500s that kube-apiserver 1.36 gives to what a client sent, by how they begin. */
const fixedRefusals: readonly string[] = [
  'resourceVersion should not be set on objects to be created',
  'strconv.ParseUint: parsing ',
  'failed to create typed patch object ',
  'unknown patch type: ',
  'map: map[',
  'merging lists cannot yet be specified in the patch',
  'The order in patch list:',
];

describe('API server under random requests', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const segment = fc.constantFrom(
    'api',
    'apis',
    'v1',
    'apps',
    'namespaces',
    'default',
    'pods',
    'widgets',
    'test.knative.dev',
    'configmaps',
    'deployments',
    'a',
    'status',
    'scale',
    'log',
    '',
    '%',
    '..',
    '__proto__',
  );
  const path = fc.oneof(
    fc.array(segment, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`),
    fc.constantFrom(
      '/api/v1/namespaces/default/configmaps',
      '/api/v1/namespaces/default/configmaps/a',
      '/api/v1/namespaces/default/pods/a',
      '/api/v1/namespaces/default/pods/a/status',
      '/apis/apps/v1/namespaces/default/deployments/a',
      '/apis/apps/v1/namespaces/default/deployments/a/scale',
      '/apis/test.knative.dev/v1/namespaces/default/widgets/a',
      '/apis/test.knative.dev/v1/namespaces/default/widgets/a/status',
    ),
  );
  const json = fc.jsonValue({ maxDepth: 3 });
  const metadata = fc.record(
    {
      name: fc.constantFrom('a', 'A', 7, null),
      labels: json,
      annotations: json,
      finalizers: json,
      ownerReferences: json,
      managedFields: json,
      resourceVersion: fc.constantFrom('1', '', 'x', 3),
      generateName: fc.constantFrom('g-', 5),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    json,
    fc.record(
      { metadata: fc.oneof(metadata, json), spec: json, status: json, data: json },
      { requiredKeys: ['metadata'] },
    ),
    fc.array(
      fc.record({
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
        path: fc.constantFrom(
          '',
          '/',
          '/metadata',
          '/metadata/name',
          '/metadata/labels',
          '/spec',
          '/spec/x',
          '/status/-',
        ),
        from: fc.constantFrom('', '/metadata', '/spec'),
        value: json,
      }),
      { maxLength: 3 },
    ),
  );
  const request = fc.record({
    method: fc.constantFrom<KubeRequest['method']>('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
    path,
    body,
    contentType: fc.constantFrom(
      'application/json',
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
      'text/plain',
    ),
    query: fc.dictionary(
      fc.constantFrom(
        'labelSelector',
        'fieldSelector',
        'limit',
        'continue',
        'resourceVersion',
        'fieldManager',
        'force',
        'dryRun',
        'propagationPolicy',
        'gracePeriodSeconds',
      ),
      fc.oneof(
        fc.constantFrom('true', 'All', '1', 'a=b', 'm', 'Orphan'),
        fc.string({ maxLength: 8 }),
      ),
      { maxKeys: 3 },
    ),
  });

  it(`answers ${RUNS} of them with 2xx or 4xx, and with a Status for every refusal`, async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(request, async (input) => {
        const { status, body: answer } = (await api.server.transport.request(input)) as {
          status: number;
          body: any;
        };
        const isVersionTooLarge = status === 504 && answer.reason === 'Timeout';
        // As the real server: its store, and not its front, refuses the version of a single object.
        const isNoVersion =
          status === 500 && answer.message.startsWith('resourceVersion: Invalid value: ');
        // As the real server: patches and versions whose refusal has no reason there.
        const isFixedRefusal =
          status === 500 &&
          answer.reason === undefined &&
          fixedRefusals.some((start) => answer.message.startsWith(start));
        const isRefusal =
          (status >= 400 && status < 500) || isVersionTooLarge || isNoVersion || isFixedRefusal;
        assert.ok(
          (status >= 200 && status < 300) || isRefusal,
          `${status} ${JSON.stringify(answer)}`,
        );
        if (status >= 400) assert.deepEqual([answer.kind, answer.code], ['Status', status]);
      }),
      { numRuns: RUNS },
    );
  });
});
