/** DELETE: preconditions, propagation, finalizers, grace, collections, and what is collected after. */
import {
  configMap,
  configMaps,
  del,
  deployment,
  deployments,
  get,
  mergePatch,
  namespaces,
  pod,
  pods,
  post,
  put,
  quiet,
  services,
  type Case,
  type Step,
} from '../case.ts';

const made = quiet(post(configMaps, configMap('a', { k: 'v' }), { save: 'a' }));
const held = quiet(
  post(configMaps, configMap('a', {}, { finalizers: ['example.com/hold'] }), { save: 'a' }),
);
const gone = (path: string): Step => get(path, { until: ({ status }) => status === 404 });
const owned = (name: string, more = {}, block = false): Step =>
  quiet(
    post(configMaps, ({ a }: any) =>
      configMap(
        name,
        {},
        {
          ownerReferences: [
            {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              name: 'a',
              uid: a.metadata.uid,
              ...(block ? { blockOwnerDeletion: true } : {}),
            },
          ],
          ...more,
        },
      ),
    ),
  );
const names = { only: ['items.0.metadata.name', 'items.1.metadata.name', 'items.2.metadata.name'] };
const three = ['a', 'b', 'c'].map((name) =>
  quiet(post(configMaps, configMap(name, {}, { labels: { n: name } }))),
);

export const deleteCases: readonly Case[] = [
  {
    name: 'delete: answers with a Status',
    steps: [made, del(`${configMaps}/a`), get(`${configMaps}/a`)],
  },
  {
    name: 'delete: of kinds that answer with the object',
    steps: [
      quiet(post(pods, pod('a'))),
      del(`${pods}/a`),
      quiet(post(services, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } })),
      del(`${services}/a`),
      del('/api/v1/namespaces/{ns}/serviceaccounts/default'),
      quiet(post(deployments, deployment('a'))),
      del(`${deployments}/a`),
    ],
  },
  {
    name: 'delete: of an object that does not exist',
    steps: [del(`${configMaps}/a`), del(`${deployments}/a`)],
  },
  {
    name: 'delete: preconditions that hold',
    steps: [
      made,
      del(`${configMaps}/a`, ({ a }: any) => ({
        preconditions: { uid: a.metadata.uid, resourceVersion: a.metadata.resourceVersion },
      })),
    ],
  },
  {
    name: 'delete: precondition of another uid',
    steps: [made, del(`${configMaps}/a`, { preconditions: { uid: 'other' } })],
  },
  {
    name: 'delete: precondition of another resourceVersion',
    steps: [made, del(`${configMaps}/a`, { preconditions: { resourceVersion: '1' } })],
  },
  {
    name: 'delete: dry run',
    steps: [made, del(`${configMaps}/a?dryRun=All`), get(`${configMaps}/a`)],
  },
  {
    name: 'delete: dry run in the body',
    steps: [
      made,
      del(`${configMaps}/a`, { dryRun: ['All'] }),
      del(`${configMaps}/a`, { dryRun: ['x'] }),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'delete: options with apiVersion and kind',
    steps: [
      made,
      del(`${configMaps}/a`, {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
      }),
      made,
      del(`${configMaps}/a`, { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' }),
      made,
      del(`${configMaps}/a`, { apiVersion: 'v1', kind: 'ConfigMap' }),
    ],
  },
  {
    name: 'delete: options that are none',
    steps: [
      made,
      del(`${configMaps}/a`, 'nonsense'),
      del(`${configMaps}/a`, '[]'),
      del(`${configMaps}/a`, { gracePeriodSeconds: 'x' }),
      del(`${configMaps}/a`, { gracePeriodSeconds: -1 }),
      del(`${configMaps}/a`, { propagationPolicy: 'Nonsense' }),
      del(`${configMaps}/a`, { propagationPolicy: 'Orphan', orphanDependents: true }),
      del(`${configMaps}/a`, { nonsense: 1 }),
    ],
  },
  {
    name: 'delete: query parameters',
    steps: [
      made,
      del(`${configMaps}/a?propagationPolicy=Nonsense`),
      del(`${configMaps}/a?gracePeriodSeconds=x`),
      del(`${configMaps}/a?gracePeriodSeconds=0&propagationPolicy=Background`),
    ],
  },
  {
    name: 'delete: a finalizer holds the object',
    steps: [
      held,
      del(`${configMaps}/a`),
      get(`${configMaps}/a`),
      del(`${configMaps}/a`),
      put(`${configMaps}/a`, configMap('a', { k: 'w' }, { finalizers: ['example.com/hold'] })),
      put(
        `${configMaps}/a`,
        configMap('a', {}, { finalizers: ['example.com/hold', 'example.com/new'] }),
      ),
      put(`${configMaps}/a`, configMap('a')),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'delete: generation rises when a Deployment is marked',
    steps: [
      quiet(post(deployments, deployment('a', {}, { finalizers: ['example.com/hold'] }))),
      del(`${deployments}/a`),
      mergePatch(`${deployments}/a`, { metadata: { finalizers: null } }),
    ],
  },
  {
    name: 'delete: a name is free again at once',
    steps: [made, quiet(del(`${configMaps}/a`)), post(configMaps, configMap('a'))],
  },
  {
    name: 'grace: a Pod that no node has goes at once',
    steps: [quiet(post(pods, pod('a'))), del(`${pods}/a`), get(`${pods}/a`)],
  },
  {
    name: 'grace: a Pod on a node gets its time',
    steps: [
      quiet(post(pods, pod('a', { nodeName: 'n' }))),
      del(`${pods}/a`),
      get(`${pods}/a`, {
        only: ['metadata.deletionGracePeriodSeconds', 'metadata.deletionTimestamp'],
      }),
      del(`${pods}/a?gracePeriodSeconds=5`, undefined, {
        only: ['metadata.deletionGracePeriodSeconds'],
      }),
      del(`${pods}/a?gracePeriodSeconds=60`, undefined, {
        only: ['metadata.deletionGracePeriodSeconds'],
      }),
      del(`${pods}/a?gracePeriodSeconds=0`),
      get(`${pods}/a`),
    ],
  },
  {
    name: 'grace: a Pod’s own period',
    steps: [
      quiet(post(pods, pod('a', { nodeName: 'n', terminationGracePeriodSeconds: 7 }))),
      del(`${pods}/a`, undefined, { only: ['metadata.deletionGracePeriodSeconds'] }),
    ],
  },
  {
    name: 'grace: a Pod that has ended goes at once',
    steps: [
      quiet(post(pods, pod('a', { nodeName: 'n' }))),
      quiet(mergePatch(`${pods}/a/status`, { status: { phase: 'Succeeded' } })),
      del(`${pods}/a`, undefined, { only: ['status.phase', 'kind'] }),
      get(`${pods}/a`),
    ],
  },
  {
    name: 'collect: background takes the dependents after the owner',
    steps: [
      made,
      owned('x'),
      owned('y'),
      del(`${configMaps}/a`),
      gone(`${configMaps}/x`),
      gone(`${configMaps}/y`),
    ],
  },
  {
    name: 'collect: foreground takes the dependents before the owner',
    steps: [
      made,
      owned('x', { finalizers: ['example.com/hold'] }, true),
      del(`${configMaps}/a?propagationPolicy=Foreground`),
      get(`${configMaps}/x`, {
        until: ({ body }) => body.metadata?.deletionTimestamp !== undefined,
      }),
      get(`${configMaps}/a`, { only: ['metadata.finalizers', 'metadata.name'] }),
      quiet(mergePatch(`${configMaps}/x`, { metadata: { finalizers: null } })),
      gone(`${configMaps}/a`),
      get(`${configMaps}/x`),
    ],
  },
  {
    name: 'collect: foreground without blocking dependents does not wait',
    steps: [
      made,
      owned('x', { finalizers: ['example.com/hold'] }),
      del(`${configMaps}/a?propagationPolicy=Foreground`),
      gone(`${configMaps}/a`),
      get(`${configMaps}/x`, {
        until: ({ body }) => body.metadata?.deletionTimestamp !== undefined,
        only: ['metadata.finalizers'],
      }),
    ],
  },
  {
    name: 'collect: orphan leaves the dependents without an owner',
    steps: [
      made,
      owned('x'),
      del(`${configMaps}/a?propagationPolicy=Orphan`),
      gone(`${configMaps}/a`),
      get(`${configMaps}/x`, { until: ({ body }) => !body.metadata?.ownerReferences }),
    ],
  },
  {
    name: 'collect: orphanDependents',
    steps: [
      made,
      owned('x'),
      del(`${configMaps}/a`, { orphanDependents: true }),
      gone(`${configMaps}/a`),
      get(`${configMaps}/x`, {
        until: ({ body }) => !body.metadata?.ownerReferences,
        only: ['metadata.ownerReferences', 'metadata.name'],
      }),
    ],
  },
  {
    name: 'collect: an owner with another uid never was',
    steps: [
      made,
      quiet(
        post(
          configMaps,
          configMap(
            'x',
            {},
            {
              ownerReferences: [
                {
                  apiVersion: 'v1',
                  kind: 'ConfigMap',
                  name: 'a',
                  uid: '00000000-0000-0000-0000-000000000009',
                },
              ],
            },
          ),
        ),
      ),
      gone(`${configMaps}/x`),
    ],
  },
  {
    name: 'collect: a second owner that lives keeps the dependent',
    steps: [
      made,
      quiet(post(configMaps, configMap('b'), { save: 'b' })),
      quiet(
        post(configMaps, ({ a, b }: any) =>
          configMap(
            'x',
            {},
            {
              ownerReferences: [a, b].map(({ metadata: { name, uid } }: any) => ({
                apiVersion: 'v1',
                kind: 'ConfigMap',
                name,
                uid,
              })),
            },
          ),
        ),
      ),
      quiet(del(`${configMaps}/a`)),
      get(`${configMaps}/x`, { until: ({ body }) => body.metadata?.ownerReferences?.length === 1 }),
    ],
  },
  {
    name: 'collect: a chain of owners',
    steps: [
      made,
      owned('x'),
      quiet(get(`${configMaps}/x`, { save: 'x' })),
      quiet(
        post(configMaps, ({ x }: any) =>
          configMap(
            'z',
            {},
            {
              ownerReferences: [
                { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: x.metadata.uid },
              ],
            },
          ),
        ),
      ),
      del(`${configMaps}/a`),
      gone(`${configMaps}/z`),
    ],
  },
  {
    name: 'collection: deletes what a label selector matches',
    steps: [
      ...three,
      del(`${configMaps}?labelSelector=n+in+(a,b)`),
      get(`${configMaps}?labelSelector=n`, names),
    ],
  },
  {
    name: 'collection: deletes what a field selector matches',
    steps: [
      ...three,
      del(`${configMaps}?fieldSelector=metadata.name=a`),
      get(`${configMaps}?labelSelector=n`, names),
    ],
  },
  {
    name: 'collection: dry run, and options in the body',
    steps: [
      ...three,
      del(`${configMaps}?labelSelector=n&dryRun=All`, undefined, names),
      del(`${configMaps}?labelSelector=n`, { dryRun: ['All'] }, names),
      get(`${configMaps}?labelSelector=n`, names),
    ],
  },
  {
    name: 'collection: finalizers hold the objects',
    steps: [
      quiet(
        post(
          configMaps,
          configMap('a', {}, { labels: { n: 'a' }, finalizers: ['example.com/hold'] }),
        ),
      ),
      del(`${configMaps}?labelSelector=n`, undefined, { only: ['kind', 'items.0.metadata.name'] }),
      get(`${configMaps}/a`),
      quiet(mergePatch(`${configMaps}/a`, { metadata: { finalizers: null } })),
    ],
  },
  {
    name: 'collection: with a limit',
    steps: [
      ...three,
      del(`${configMaps}?labelSelector=n&limit=1`, undefined, {
        only: ['kind', 'items.0.metadata.name', 'items.1.metadata.name'],
      }),
      get(`${configMaps}?labelSelector=n`, names),
    ],
  },
  {
    name: 'collection: kinds that have none',
    steps: [del(namespaces), del(services), del('/api/v1/configmaps')],
  },
  {
    name: 'collection: an empty one',
    steps: [del(deployments)],
  },
  {
    name: 'collection: with a bad selector',
    steps: [
      del(`${configMaps}?labelSelector=%21%21`),
      del(`${configMaps}?fieldSelector=data.k%3D1`),
    ],
  },
  {
    name: 'namespace: goes with everything in it',
    steps: [
      quiet(post(namespaces, { metadata: { name: '{id}-gone' } })),
      quiet(post('/api/v1/namespaces/{id}-gone/configmaps', configMap('a'))),
      quiet(post('/apis/apps/v1/namespaces/{id}-gone/deployments', deployment('a'))),
      del(`${namespaces}/{id}-gone`),
      gone(`${namespaces}/{id}-gone`),
      get('/api/v1/namespaces/{id}-gone/configmaps/a'),
    ],
  },
  {
    name: 'namespace: waits for what a finalizer holds, and says so',
    steps: [
      quiet(post(namespaces, { metadata: { name: '{id}-held' } })),
      quiet(
        post(
          '/api/v1/namespaces/{id}-held/configmaps',
          configMap('a', {}, { finalizers: ['example.com/hold'] }),
        ),
      ),
      quiet(del(`${namespaces}/{id}-held`)),
      get(`${namespaces}/{id}-held`, {
        until: ({ body }) => body.status?.conditions !== undefined,
      }),
      del(`${namespaces}/{id}-held`),
      quiet(
        mergePatch('/api/v1/namespaces/{id}-held/configmaps/a', { metadata: { finalizers: null } }),
      ),
      gone(`${namespaces}/{id}-held`),
    ],
  },
  {
    name: 'namespace: the ones that cannot be deleted',
    steps: [del(`${namespaces}/default`), del(`${namespaces}/kube-system`)],
  },
];
