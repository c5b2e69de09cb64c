/** Server-side apply: owners, conflicts, force, removal, and the record in managedFields. */
import {
  apply,
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  mergePatch,
  pods,
  podSpec,
  post,
  put,
  quiet,
  services,
  type Case,
  type Step,
} from '../case.ts';

const shown = { withManagedFields: true } as const;
const by = (manager: string, path: string, body: unknown, query = ''): Step =>
  apply(`${path}?fieldManager=${manager}${query}`, body, shown);

const a = `${configMaps}/a`;
const d = `${deployments}/a`;
const bare = (spec: object, metadata = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a', ...metadata },
  spec,
});
const container = (more: object): object => ({
  template: { spec: { containers: [{ name: 'main', ...more }] } },
});

export const applyCases: readonly Case[] = [
  { name: 'apply: creates', steps: [by('one', a, configMap('a', { k: 'v' })), get(a, shown)] },
  {
    name: 'apply: the same again changes nothing',
    steps: [by('one', a, configMap('a', { k: 'v' })), by('one', a, configMap('a', { k: 'v' }))],
  },
  {
    name: 'apply: changes what it owns',
    steps: [by('one', a, configMap('a', { k: 'v' })), by('one', a, configMap('a', { k: 'w' }))],
  },
  {
    name: 'apply: removes what it owned and leaves out',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v', l: 'w' }))),
      by('one', a, configMap('a', { k: 'v' })),
      by('one', a, configMap('a')),
    ],
  },
  {
    name: 'apply: conflict with another applier',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('two', a, configMap('a', { k: 'w' })),
      get(a, shown),
    ],
  },
  {
    name: 'apply: the same value is shared without a conflict',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('two', a, configMap('a', { k: 'v' })),
      by('one', a, configMap('a', {})),
      by('two', a, configMap('a', {})),
    ],
  },
  {
    name: 'apply: force takes over',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('two', a, configMap('a', { k: 'w' }), '&force=true'),
      by('one', a, configMap('a', {})),
    ],
  },
  {
    name: 'apply: conflicts of several fields and managers',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      quiet(by('two', a, configMap('a', { l: 'v' }))),
      by('three', a, configMap('a', { k: 'x', l: 'x' })),
    ],
  },
  {
    name: 'apply: conflict with an update',
    steps: [
      quiet(post(`${configMaps}?fieldManager=creator`, configMap('a', { k: 'v' }))),
      by('one', a, configMap('a', { k: 'w' })),
      by('one', a, configMap('a', { l: 'w' })),
    ],
  },
  {
    name: 'apply: an update takes an applied field away',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v', l: 'w' }))),
      quiet(mergePatch(`${a}?fieldManager=editor`, { data: { k: 'x' } })),
      get(a, shown),
      by('one', a, configMap('a', { k: 'v', l: 'w' })),
    ],
  },
  {
    name: 'apply: without a field manager',
    steps: [apply(a, configMap('a')), apply(`${a}?fieldManager=`, configMap('a'))],
  },
  { name: 'apply: without apiVersion or kind', steps: [by('one', a, { metadata: { name: 'a' } })] },
  {
    name: 'apply: another name in the body',
    steps: [by('one', a, configMap('b')), by('one', a, { apiVersion: 'v1', kind: 'ConfigMap' })],
  },
  {
    name: 'apply: another namespace in the body',
    steps: [by('one', a, configMap('a', {}, { namespace: 'default' }))],
  },
  {
    name: 'apply: another kind in the body',
    steps: [by('one', a, { ...configMap('a'), kind: 'Secret' })],
  },
  {
    name: 'apply: managedFields in the body',
    steps: [by('one', a, configMap('a', {}, { managedFields: [{ manager: 'x' }] }))],
  },
  {
    name: 'apply: a resourceVersion in the body',
    steps: [
      by('one', a, configMap('a', {}, { resourceVersion: '1' })),
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('one', a, configMap('a', { k: 'w' }, { resourceVersion: '1' })),
    ],
  },
  {
    name: 'apply: a uid in the body',
    steps: [
      by('one', a, configMap('a', {}, { uid: '00000000-0000-0000-0000-000000000001' })),
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      by('one', a, configMap('a', { k: 'w' }, { uid: '00000000-0000-0000-0000-000000000001' })),
    ],
  },
  {
    name: 'apply: an unknown field',
    steps: [
      by('one', a, { ...configMap('a', { k: 'v' }), nonsense: 1 }),
      by('one', a, { ...configMap('a', { k: 'v' }), nonsense: 1 }, '&fieldValidation=Strict'),
    ],
  },
  {
    name: 'apply: a value of the wrong type',
    steps: [
      by('one', a, { ...configMap('a'), data: 'x' }),
      by('one', a, { ...configMap('a'), data: { k: 1 } }),
    ],
  },
  {
    name: 'apply: YAML',
    steps: [
      apply(
        `${a}?fieldManager=one`,
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: "1"\n  multi: |\n    line\n',
        shown,
      ),
      apply(`${a}?fieldManager=one`, 'not: [valid', shown),
      apply(`${a}?fieldManager=one`, '', shown),
    ],
  },
  {
    name: 'apply: dry run',
    steps: [by('one', a, configMap('a', { k: 'v' }), '&dryRun=All'), get(a)],
  },
  {
    name: 'apply: an invalid object',
    steps: [by('one', a, configMap('a', {}, { labels: { x: 'not valid' } }))],
  },
  {
    name: 'apply: labels and annotations',
    steps: [
      quiet(
        by('one', a, configMap('a', {}, { labels: { x: '1', y: '2' }, annotations: { b: 'c' } })),
      ),
      by('two', a, configMap('a', {}, { labels: { z: '3' } })),
      by('one', a, configMap('a', {}, { labels: { x: '1' } })),
      get(a, shown),
    ],
  },
  {
    name: 'apply: finalizers are a set',
    steps: [
      quiet(by('one', a, configMap('a', {}, { finalizers: ['example.com/a'] }))),
      by('two', a, configMap('a', {}, { finalizers: ['example.com/b'] })),
      by('one', a, configMap('a')),
    ],
  },
  {
    name: 'apply: owners are a map by uid',
    steps: [
      quiet(
        by(
          'one',
          a,
          configMap(
            'a',
            {},
            {
              ownerReferences: [
                { apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'u1' },
              ],
            },
          ),
        ),
      ),
      by(
        'two',
        a,
        configMap(
          'a',
          {},
          {
            ownerReferences: [
              { apiVersion: 'example.com/v1', kind: 'Thing', name: 'y', uid: 'u2' },
            ],
          },
        ),
      ),
      by('one', a, configMap('a')),
    ],
  },
  {
    name: 'apply: a Deployment, with defaults owned by nobody',
    steps: [by('one', d, deployment('a'))],
  },
  {
    name: 'apply: containers are a map by name',
    steps: [
      quiet(by('one', d, deployment('a'))),
      by('two', d, bare({ template: { spec: { containers: [{ name: 'side', image: 's' }] } } })),
      by('three', d, bare(container({ env: [{ name: 'A', value: '1' }] }))),
      by('two', d, bare({})),
    ],
  },
  {
    name: 'apply: ports are a map by number and protocol',
    steps: [
      quiet(by('one', d, deployment('a'))),
      by('two', d, bare(container({ ports: [{ containerPort: 80, name: 'http' }] }))),
      by('three', d, bare(container({ ports: [{ containerPort: 80, protocol: 'UDP' }] }))),
      by('four', d, bare(container({ ports: [{ name: 'nonumber' }] }))),
    ],
  },
  {
    name: 'apply: replicas and the scale subresource',
    steps: [
      quiet(by('one', d, deployment('a', { replicas: 1 }))),
      quiet(mergePatch(`${d}/scale?fieldManager=scaler`, { spec: { replicas: 3 } })),
      get(d, shown),
      by('one', d, deployment('a', { replicas: 1 })),
    ],
  },
  {
    name: 'apply: a selector is atomic',
    steps: [
      quiet(
        by('one', `${services}/a`, {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'a' },
          spec: { selector: { x: '1' }, ports: [{ port: 80 }] },
        }),
      ),
      by('two', `${services}/a`, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'a' },
        spec: { selector: { y: '2' } },
      }),
    ],
  },
  {
    name: 'apply: duplicate keys in a list',
    steps: [
      by('one', d, {
        ...deployment('a'),
        spec: {
          selector: { matchLabels: { app: 'a' } },
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              containers: [
                { name: 'x', image: 'i' },
                { name: 'x', image: 'j' },
              ],
            },
          },
        },
      }),
    ],
  },
  {
    name: 'apply: tolerations are atomic',
    steps: [
      by(
        'one',
        d,
        deployment('a', {
          template: {
            metadata: { labels: { app: 'a' } },
            spec: podSpec({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
          },
        }),
      ),
      by(
        'two',
        d,
        bare({ template: { spec: { tolerations: [{ key: 'b', operator: 'Exists' }] } } }),
      ),
    ],
  },
  {
    name: 'apply: the status subresource',
    steps: [
      quiet(by('one', d, deployment('a'))),
      by('ctl', `${d}/status`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'a' },
        status: { replicas: 1, conditions: [{ type: 'Available', status: 'True' }] },
      }),
      get(d, shown),
    ],
  },
  {
    name: 'apply: status in an apply to the object is dropped',
    steps: [by('one', d, { ...deployment('a'), status: { replicas: 5 } })],
  },
  {
    name: 'apply: to the status of a missing object',
    steps: [by('one', `${d}/status`, { ...deployment('a'), status: { replicas: 1 } })],
  },
  {
    name: 'managed fields: of a create',
    steps: [
      post(
        `${configMaps}?fieldManager=creator`,
        configMap('a', { k: 'v' }, { labels: { x: 'y' }, annotations: { a: 'b' } }),
        shown,
      ),
      post(configMaps, configMap('b', { k: 'v' }), {
        ...shown,
        headers: { 'User-Agent': 'some-client/v1.2 (x)' },
      }),
      post(configMaps, configMap('empty'), shown),
    ],
  },
  {
    name: 'managed fields: of a created Deployment have the defaults too',
    steps: [post(`${deployments}?fieldManager=creator`, deployment('a'), shown)],
  },
  {
    name: 'managed fields: of a created Pod and Service',
    steps: [
      post(
        `${pods}?fieldManager=creator`,
        { metadata: { name: 'a', generateName: 'a-' }, spec: podSpec() },
        shown,
      ),
      post(
        `${services}?fieldManager=creator`,
        { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } },
        shown,
      ),
    ],
  },
  {
    name: 'managed fields: reset by an empty list',
    steps: [
      quiet(by('one', a, configMap('a', { k: 'v' }))),
      mergePatch(a, { metadata: { managedFields: [{}] } }, shown),
      put(a, configMap('a', { k: 'w' }, { managedFields: [] }), shown),
    ],
  },
  {
    name: 'managed fields: of the status',
    steps: [
      quiet(post(`${deployments}?fieldManager=creator`, deployment('a'))),
      mergePatch(`${d}/status?fieldManager=ctl`, { status: { replicas: 1 } }, shown),
    ],
  },
  {
    name: 'managed fields: two updates of one manager are one entry',
    steps: [
      quiet(post(`${configMaps}?fieldManager=m`, configMap('a', { k: 'v' }))),
      quiet(mergePatch(`${a}?fieldManager=m`, { data: { l: 'w' } })),
      get(a, shown),
    ],
  },
  {
    name: 'managed fields: an entry that owns nothing goes',
    steps: [
      quiet(post(`${configMaps}?fieldManager=one`, configMap('a', { k: 'v' }))),
      quiet(mergePatch(`${a}?fieldManager=two`, { data: { k: null } })),
      get(a, shown),
    ],
  },
];
