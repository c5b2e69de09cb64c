/**
 * Field owners in depth: lists that are maps and sets, of built-in and of custom kinds, what several
 * managers share, what paths beside the object's own record, and the way from client-side applies.
 */
import {
  apply,
  configMap,
  configMaps,
  crds,
  deployment,
  deployments,
  get,
  jsonPatch,
  mergePatch,
  podSpec,
  post,
  put,
  quiet,
  services,
  strategicPatch,
  type Case,
  type Step,
} from '../case.ts';

const shown = { withManagedFields: true } as const;
const by = (manager: string, path: string, body: unknown, query = ''): Step =>
  apply(`${path}?fieldManager=${manager}${query}`, body, shown);

const a = `${configMaps}/a`;
const d = `${deployments}/a`;
const s = `${services}/a`;
const ofDeployment = (spec: object, metadata = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a', ...metadata },
  spec,
});
const container = (more: object): object => ({
  template: { spec: { containers: [{ name: 'main', ...more }] } },
});
const ofService = (spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a' },
  spec,
});

const group = '{id}.example.com';
const things = `/apis/${group}/v1/namespaces/{ns}/things`;
const thing = (spec: object, more = {}): object => ({
  apiVersion: `${group}/v1`,
  kind: 'Thing',
  metadata: { name: 'a' },
  spec,
  ...more,
});
const text = { type: 'string' };
const spec = {
  type: 'object',
  properties: {
    size: { type: 'integer' },
    plain: { type: 'array', items: text },
    tags: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        required: ['port', 'protocol'],
        properties: {
          port: { type: 'integer' },
          protocol: { type: 'string', default: 'TCP' },
          name: text,
        },
      },
    },
    whole: {
      type: 'object',
      'x-kubernetes-map-type': 'atomic',
      properties: { a: text, b: text },
    },
    values: { type: 'object', additionalProperties: text },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const made: Step = quiet(
  post(crds, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec,
                status: { type: 'object', properties: { ready: { type: 'boolean' } } },
              },
            },
          },
        },
      ],
    },
  }),
);
/** Served, and known to the merge: a little later than the definition's condition says. */
const served: Step = quiet(
  apply(`${things}/probe?fieldManager=probe`, thing({ size: 1 }, { metadata: { name: 'probe' } }), {
    until: ({ status }) => status < 300,
  }),
);
const t = `${things}/a`;
const custom = (name: string, steps: readonly Step[]): Case => ({
  name: `ownership: custom kind: ${name}`,
  steps: [made, served, ...steps],
});

const variables = (...names: readonly string[]): object[] =>
  names.map((name) => ({ name, value: '1' }));

const lastApplied = (data: Record<string, string>): object => ({
  'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
    apiVersion: 'v1',
    data,
    kind: 'ConfigMap',
    metadata: { annotations: {}, name: 'a' },
  }),
});

export const ownershipCases: readonly Case[] = [
  custom('lists that are maps, sets and neither', [
    by(
      'one',
      t,
      thing({
        size: 1,
        plain: ['x', 'y'],
        tags: ['b', 'a'],
        ports: [
          { port: 80, name: 'http' },
          { port: 80, protocol: 'UDP' },
        ],
        whole: { a: '1' },
        values: { k: 'v' },
        free: { list: [1], map: { deep: { er: true } } },
      }),
    ),
    by(
      'two',
      t,
      thing({ tags: ['c'], ports: [{ port: 81, protocol: 'TCP' }], values: { l: 'w' } }),
    ),
    by('one', t, thing({ size: 1, tags: ['a'], ports: [{ port: 80, name: 'web' }] })),
    get(t, shown),
  ]),
  custom('conflicts name items by their keys', [
    quiet(
      by(
        'one',
        t,
        thing({ ports: [{ port: 80, name: 'a' }], whole: { a: '1' }, plain: ['x'], size: 1 }),
      ),
    ),
    by(
      'two',
      t,
      thing({ ports: [{ port: 80, name: 'b' }], whole: { b: '1' }, plain: ['y'], size: 2 }),
    ),
    by('two', t, thing({ size: 2 }), '&force=true'),
    get(t, shown),
  ]),
  custom('what the schema does not have', [by('one', t, thing({ nonsense: 1 }))]),
  custom('values of another type', [
    by('one', t, thing({ size: 'x' })),
    by('one', t, thing({ tags: 'x' })),
    by('one', t, thing({ ports: [{ port: 80 }, { port: 80 }] })),
    by('one', t, thing({ tags: ['x', 'x'] })),
    by('one', t, thing({ ports: [{ name: 'x', protocol: null }] })),
  ]),
  custom('the status path owns status alone', [
    quiet(by('one', t, thing({ size: 1 }))),
    by('ctl', `${t}/status`, thing({ size: 5 }, { status: { ready: true } })),
    mergePatch(`${t}/status?fieldManager=ctl2`, { status: { ready: false } }, shown),
    get(t, shown),
  ]),
  custom('an update takes and removes', [
    quiet(by('one', t, thing({ tags: ['a', 'b'], ports: [{ port: 80 }], values: { k: 'v' } }))),
    jsonPatch(
      `${t}?fieldManager=editor`,
      [
        { op: 'replace', path: '/spec/tags', value: ['b', 'c'] },
        { op: 'add', path: '/spec/ports/0/name', value: 'n' },
        { op: 'remove', path: '/spec/values/k' },
      ],
      shown,
    ),
  ]),
  {
    name: 'ownership: from client-side apply, as kubectl',
    steps: [
      quiet(
        post(
          `${configMaps}?fieldManager=kubectl-client-side-apply`,
          configMap('a', { k: 'v', l: 'w' }, { annotations: lastApplied({ k: 'v', l: 'w' }) }),
        ),
      ),
      by('kubectl', a, configMap('a', { k: 'x' })),
      get(a, shown),
    ],
  },
  {
    name: 'ownership: from client-side apply, where somebody else changed a field',
    steps: [
      quiet(
        post(
          `${configMaps}?fieldManager=kubectl-client-side-apply`,
          configMap('a', { k: 'v' }, { annotations: lastApplied({ k: 'v' }) }),
        ),
      ),
      quiet(mergePatch(`${a}?fieldManager=editor`, { data: { k: 'changed' } })),
      by('kubectl', a, configMap('a', { k: 'x' })),
      by('another', a, configMap('a', { k: 'x' })),
    ],
  },
  {
    name: 'ownership: an object without a record',
    steps: [
      quiet(post(configMaps, configMap('a', { k: 'v' }))),
      mergePatch(a, { metadata: { managedFields: [] } }, shown),
      mergePatch(a, { data: { l: 'w' } }, shown),
      by('one', a, configMap('a', { k: 'x' })),
      by('one', a, configMap('a', { m: 'x' })),
    ],
  },
  {
    name: 'ownership: a client may write the record',
    steps: [
      quiet(post(`${configMaps}?fieldManager=one`, configMap('a', { k: 'v' }))),
      mergePatch(
        `${a}?fieldManager=two`,
        {
          metadata: {
            managedFields: [
              {
                manager: 'given',
                operation: 'Apply',
                apiVersion: 'v1',
                fieldsType: 'FieldsV1',
                fieldsV1: { 'f:data': { 'f:k': {} } },
              },
            ],
          },
        },
        shown,
      ),
      mergePatch(
        a,
        { metadata: { managedFields: [{ manager: 'bad', operation: 'Nonsense' }] } },
        shown,
      ),
      mergePatch(a, { metadata: { managedFields: null } }, shown),
    ],
  },
  {
    name: 'ownership: more than ten updaters',
    steps: [
      quiet(post(`${configMaps}?fieldManager=m0`, configMap('a', { k0: 'v' }))),
      ...Array.from({ length: 11 }, (_, index) =>
        quiet(mergePatch(`${a}?fieldManager=m${index + 1}`, { data: { [`k${index + 1}`]: 'v' } })),
      ),
      get(a, {
        ...shown,
        only: ['metadata.managedFields.length', 'metadata.managedFields.11', 'data'],
      }),
    ],
  },
  {
    name: 'ownership: the order of applied items',
    steps: [
      quiet(by('one', d, deployment('a'))),
      by('two', d, ofDeployment(container({ env: variables('B', 'A') }))),
      by('three', d, ofDeployment(container({ env: variables('C', 'A', 'D') }))),
      by('two', d, ofDeployment(container({ env: variables('B') }))),
    ],
  },
  {
    name: 'ownership: an explicit null',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('one', a, { ...configMap('a'), data: null }),
      quiet(by('one', d, deployment('a', { replicas: 2, paused: true }))),
      by('one', d, ofDeployment({ replicas: null, selector: { matchLabels: { app: 'a' } } })),
    ],
  },
  {
    name: 'ownership: scale takes replicas from whom applied them',
    steps: [
      quiet(by('one', d, deployment('a', { replicas: 1 }))),
      quiet(mergePatch(`${d}/scale?fieldManager=scaler`, { spec: { replicas: 3 } })),
      get(d, shown),
      by('one', d, deployment('a', { replicas: 2 }), '&force=true'),
      quiet(mergePatch(`${d}/scale?fieldManager=scaler`, { spec: { replicas: 2 } })),
      get(d, shown),
    ],
  },
  {
    name: 'ownership: ports of a Service, and what is allocated for it',
    steps: [
      by('one', s, ofService({ ports: [{ port: 80 }] })),
      by('two', s, ofService({ ports: [{ port: 80, protocol: 'UDP', name: 'udp' }] })),
      by(
        'two',
        s,
        ofService({ ports: [{ port: 80, protocol: 'UDP', name: 'udp' }], type: 'NodePort' }),
      ),
      strategicPatch(`${s}?fieldManager=editor`, { spec: { sessionAffinity: 'ClientIP' } }, shown),
    ].map((step) => ({ ...step, only: ['metadata.managedFields', 'message', 'details'] })),
  },
  {
    name: 'ownership: a quantity in another form is the same and owned as written',
    steps: [
      quiet(
        by(
          'one',
          d,
          deployment('a', {
            template: {
              metadata: { labels: { app: 'a' } },
              spec: podSpec({
                containers: [{ name: 'main', image: 'i', resources: { limits: { cpu: '1000m' } } }],
              }),
            },
          }),
        ),
      ),
      by('two', d, ofDeployment(container({ resources: { limits: { cpu: '1' } } }))),
    ],
  },
  {
    name: 'ownership: a PUT without the record keeps it',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v', l: 'w' }))),
      put(`${a}?fieldManager=editor`, configMap('a', { k: 'x', m: 'y' }), shown),
      put(`${a}?fieldManager=editor`, configMap('a', { k: 'x', m: 'y' }), shown),
    ],
  },
  {
    name: 'ownership: two versions of one manager',
    steps: [
      quiet(
        post('/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers?fieldManager=one', {
          metadata: { name: 'a' },
          spec: {
            maxReplicas: 2,
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
          },
        }),
      ),
      mergePatch(
        '/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers/a?fieldManager=one',
        { spec: { maxReplicas: 3 } },
        { ...shown, only: ['metadata.managedFields', 'spec.maxReplicas', 'message'] },
      ),
      apply(
        '/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers/a?fieldManager=two',
        {
          apiVersion: 'autoscaling/v1',
          kind: 'HorizontalPodAutoscaler',
          metadata: { name: 'a' },
          spec: { maxReplicas: 4 },
        },
        { ...shown, only: ['metadata.managedFields', 'spec.maxReplicas', 'message'] },
      ),
    ],
  },
];
