/** JSON patch, merge patch and strategic merge patch. Server-side apply has a topic of its own. */
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  jsonPatch,
  mergePatch,
  pod,
  pods,
  post,
  put,
  quiet,
  services,
  strategicPatch,
  type Case,
} from '../case.ts';

const made = quiet(
  post(configMaps, configMap('a', { k: 'v', l: 'w' }, { labels: { x: 'y' } }), { save: 'a' }),
);
const madeDeployment = quiet(post(deployments, deployment('a'), { save: 'd' }));
const template = (spec: unknown): object => ({ spec: { template: { spec } } });
const lists = {
  only: ['spec.template.spec', 'code', 'reason', 'message', 'details'],
} as const;

const jsonPatches: Record<string, unknown> = {
  'add a key': [{ op: 'add', path: '/data/m', value: 'x' }],
  'add replaces a key': [{ op: 'add', path: '/data/k', value: 'x' }],
  'replace a key': [{ op: 'replace', path: '/data/k', value: 'x' }],
  'replace a missing key': [{ op: 'replace', path: '/data/missing', value: 'x' }],
  'remove a key': [{ op: 'remove', path: '/data/k' }],
  'remove a missing key': [{ op: 'remove', path: '/data/missing' }],
  'move a key': [{ op: 'move', from: '/data/k', path: '/data/n' }],
  'copy a key': [{ op: 'copy', from: '/data/k', path: '/data/n' }],
  'test holds': [
    { op: 'test', path: '/data/k', value: 'v' },
    { op: 'replace', path: '/data/k', value: 'x' },
  ],
  'test fails': [
    { op: 'test', path: '/data/k', value: 'other' },
    { op: 'replace', path: '/data/k', value: 'x' },
  ],
  'test of a missing path': [{ op: 'test', path: '/data/missing', value: 'x' }],
  'test of a missing path for null': [{ op: 'test', path: '/data/missing', value: null }],
  'a path below nothing': [{ op: 'add', path: '/nothing/below', value: 'x' }],
  'an escaped path': [
    { op: 'add', path: '/metadata/annotations', value: {} },
    { op: 'add', path: '/metadata/annotations/example.com~1a', value: 'x' },
  ],
  'the whole document': [{ op: 'replace', path: '', value: { data: {} } }],
  'an unknown operation': [{ op: 'nonsense', path: '/data/k', value: 'x' }],
  'no operation': [{ path: '/data/k', value: 'x' }],
  'no path': [{ op: 'add', value: 'x' }],
  'a path without a slash': [{ op: 'add', path: 'data/k', value: 'x' }],
  'no value': [{ op: 'add', path: '/data/k' }],
  'an object in place of a list': { op: 'add', path: '/data/k', value: 'x' },
  'an empty list': [],
  'a string': 'nonsense',
  'a value of the wrong type': [{ op: 'add', path: '/data/k', value: 5 }],
  'the name': [{ op: 'replace', path: '/metadata/name', value: 'b' }],
  'the namespace': [{ op: 'replace', path: '/metadata/namespace', value: 'default' }],
  'the uid': [
    { op: 'replace', path: '/metadata/uid', value: '00000000-0000-0000-0000-000000000001' },
  ],
  'the kind': [{ op: 'replace', path: '/kind', value: 'Secret' }],
  'the apiVersion': [{ op: 'replace', path: '/apiVersion', value: 'v2' }],
  'a stale resourceVersion': [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }],
  'the metadata removed': [{ op: 'remove', path: '/metadata' }],
  'an unknown field': [{ op: 'add', path: '/nonsense', value: 'x' }],
};

const mergePatches: Record<string, unknown> = {
  'a key': { data: { k: 'x' } },
  'a new key': { data: { m: 'x' } },
  'null removes a key': { data: { k: null } },
  'null removes a missing key': { data: { missing: null } },
  'null removes a map': { data: null },
  nothing: {},
  'no change': { data: { k: 'v' } },
  labels: { metadata: { labels: { x: null, z: '1' } } },
  'the name': { metadata: { name: 'b' } },
  'the namespace': { metadata: { namespace: 'default' } },
  'a stale resourceVersion': { metadata: { resourceVersion: '1' }, data: { k: 'x' } },
  'another uid': { metadata: { uid: '00000000-0000-0000-0000-000000000001' } },
  'the kind': { kind: 'Secret' },
  'an unknown field': { nonsense: 1 },
  'a value of the wrong type': { data: { k: 5 } },
  'a list': [],
  null: null,
  'a string': '"x"',
  'no JSON': '{"a":',
  finalizers: { metadata: { finalizers: ['example.com/a'] } },
};

const strategicPatches: Record<string, unknown> = {
  'a container’s image by name': template({ containers: [{ name: 'main', image: 'new:2' }] }),
  'a second container': template({ containers: [{ name: 'side', image: 'side:1' }] }),
  'env by name': template({
    containers: [{ name: 'main', env: [{ name: 'A', value: '1' }] }],
  }),
  'delete by directive': template({
    containers: [
      { name: 'side', image: 'x' },
      { name: 'main', $patch: 'delete' },
    ],
  }),
  'replace by directive': template({
    containers: [{ $patch: 'replace' }, { name: 'only', image: 'x' }],
  }),
  'replace a map by directive': {
    spec: { template: { metadata: { labels: { $patch: 'replace', app: 'a', z: '1' } } } },
  },
  'an unknown directive': template({ containers: [{ name: 'main', $patch: 'nonsense' }] }),
  'without the merge key': template({ containers: [{ image: 'x' }] }),
  'ports by number': template({
    containers: [{ name: 'main', ports: [{ containerPort: 80 }, { containerPort: 81 }] }],
  }),
  volumes: template({ volumes: [{ name: 'v', emptyDir: {} }] }),
  retainKeys: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
  'null removes a field': { spec: { strategy: null } },
  'the order of a list': template({
    $setElementOrder_containers: undefined,
    '$setElementOrder/containers': [{ name: 'side' }, { name: 'main' }],
    containers: [{ name: 'side', image: 's' }],
  }),
  'tolerations are replaced whole': template({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
  'a list where an object belongs': { spec: [] },
  'an object where a list belongs': template({ containers: { name: 'x' } }),
  'an unknown field': { spec: { nonsense: 1 } },
  replicas: { spec: { replicas: 3 } },
  'a string for a number': { spec: { replicas: 'x' } },
  'the selector': { spec: { selector: { matchLabels: { app: 'b' } } } },
};

export const patchCases: readonly Case[] = [
  ...Object.entries(jsonPatches).map(([what, patch]) => ({
    name: `json patch: ${what}`,
    steps: [made, jsonPatch(`${configMaps}/a`, patch)],
  })),
  ...Object.entries(mergePatches).map(([what, patch]) => ({
    name: `merge patch: ${what}`,
    steps: [made, mergePatch(`${configMaps}/a`, patch)],
  })),
  ...Object.entries(strategicPatches).map(([what, patch]) => ({
    name: `strategic patch: ${what}`,
    steps: [madeDeployment, strategicPatch(`${deployments}/a`, patch, lists)],
  })),
  {
    name: 'strategic patch: finalizers and owners merge',
    steps: [
      quiet(
        post(
          configMaps,
          configMap(
            'a',
            {},
            {
              finalizers: ['example.com/a'],
              ownerReferences: [
                { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'u1' },
              ],
            },
          ),
        ),
      ),
      strategicPatch(`${configMaps}/a`, {
        metadata: {
          finalizers: ['example.com/b'],
          ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'y', uid: 'u2' }],
        },
      }),
      strategicPatch(`${configMaps}/a`, {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['example.com/a'],
          ownerReferences: [{ uid: 'u1', $patch: 'delete' }],
        },
      }),
    ],
  },
  {
    name: 'strategic patch: ports of a Service by port',
    steps: [
      quiet(
        post(services, {
          metadata: { name: 'a' },
          spec: { selector: { x: 'y' }, ports: [{ name: 'a', port: 80 }] },
        }),
      ),
      strategicPatch(`${services}/a`, { spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
      strategicPatch(`${services}/a`, { spec: { ports: [{ name: 'b', port: 81 }] } }),
    ],
  },
  {
    name: 'strategic patch: conditions of a Pod’s status',
    steps: [
      quiet(post(pods, pod('a'))),
      strategicPatch(`${pods}/a/status`, {
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      }),
      strategicPatch(`${pods}/a/status`, {
        status: {
          conditions: [
            { type: 'Ready', status: 'False' },
            { type: 'Initialized', status: 'True' },
          ],
        },
      }),
    ],
  },
  {
    name: 'patch: of an object that does not exist',
    steps: [
      mergePatch(`${configMaps}/a`, {}),
      jsonPatch(`${configMaps}/a`, []),
      strategicPatch(`${configMaps}/a`, {}),
    ],
  },
  {
    name: 'patch: with a content type that is none',
    steps: [
      made,
      ...['application/json', 'text/plain', 'application/nonsense', ''].map((contentType) => ({
        method: 'PATCH',
        path: `${configMaps}/a`,
        body: {},
        contentType,
      })),
    ],
  },
  {
    name: 'patch: with an empty body',
    steps: [made, mergePatch(`${configMaps}/a`, ''), jsonPatch(`${configMaps}/a`, '')],
  },
  {
    name: 'patch: dry run',
    steps: [
      made,
      mergePatch(`${configMaps}/a?dryRun=All`, { data: { k: 'x' } }),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'patch: force belongs to apply',
    steps: [made, mergePatch(`${configMaps}/a?force=true`, {})],
  },
  {
    name: 'patch: fieldValidation Strict',
    steps: [
      made,
      mergePatch(`${configMaps}/a?fieldValidation=Strict`, { nonsense: 1 }),
      jsonPatch(`${configMaps}/a?fieldValidation=Strict`, [
        { op: 'add', path: '/nonsense', value: 1 },
        { op: 'add', path: '/nonsense', value: 2, extra: 3 },
      ]),
      strategicPatch(`${configMaps}/a?fieldValidation=Strict`, { nonsense: 1 }),
      mergePatch(`${configMaps}/a?fieldValidation=Strict`, '{"data":{"a":"1","a":"2"}}'),
    ],
  },
  {
    name: 'patch: many operations are refused',
    steps: [
      made,
      jsonPatch(
        `${configMaps}/a`,
        Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/data/k', value: 'x' })),
      ),
    ],
  },
  {
    name: 'patch: generation and status',
    steps: [
      madeDeployment,
      mergePatch(`${deployments}/a`, { spec: { replicas: 2 }, status: { replicas: 9 } }),
      mergePatch(`${deployments}/a/status`, { spec: { replicas: 5 }, status: { replicas: 1 } }),
      mergePatch(`${deployments}/a`, { metadata: { labels: { a: 'b' } } }),
    ],
  },
  {
    name: 'patch: removing the last finalizer',
    steps: [
      quiet(post(configMaps, configMap('a', {}, { finalizers: ['example.com/a'] }))),
      { method: 'DELETE', path: `${configMaps}/a` },
      mergePatch(`${configMaps}/a`, {
        metadata: { finalizers: ['example.com/a', 'example.com/b'] },
      }),
      mergePatch(`${configMaps}/a`, { metadata: { finalizers: null } }),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'patch: a status path that a kind has not',
    steps: [made, mergePatch(`${configMaps}/a/status`, {})],
  },
  {
    name: 'patch: managed fields move to the patcher',
    steps: [
      quiet(post(`${configMaps}?fieldManager=one`, configMap('a', { k: 'v', l: 'w' }))),
      mergePatch(
        `${configMaps}/a?fieldManager=two`,
        { data: { k: 'x', l: null } },
        { withManagedFields: true },
      ),
      put(`${configMaps}/a?fieldManager=three`, configMap('a', { z: '1' }), {
        withManagedFields: true,
      }),
    ],
  },
];
