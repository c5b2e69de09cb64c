/** POST: envelopes, names, namespaces, generated names, dry run, limits, and what the server sets. */
import {
  apply,
  configMap,
  configMaps,
  deployments,
  get,
  namespaces,
  pod,
  pods,
  post,
  quiet,
  secrets,
  services,
  type Case,
} from '../case.ts';

const refusedNames = [
  'Upper',
  'under_score',
  '-leading',
  'trailing-',
  'dots..double',
  '.leading-dot',
  'with space',
  'with/slash',
  'ünïcode',
  'a'.repeat(254),
];
const acceptedNames = ['a', '0digit', 'with.dots', 'with-dash', 'a'.repeat(253)];

const nameCases: Case[] = [
  ...refusedNames.map((name) => ({
    name: `create: refuses the name ${JSON.stringify(name.slice(0, 20))} of length ${name.length}`,
    steps: [post(configMaps, configMap(name))],
  })),
  ...acceptedNames.map((name) => ({
    name: `create: takes the name ${JSON.stringify(name.slice(0, 20))} of length ${name.length}`,
    steps: [post(configMaps, configMap(name))],
  })),
  ...['Upper', 'with.dots', '0digit', 'a'.repeat(64)].map((name) => ({
    name: `create: Service name ${JSON.stringify(name.slice(0, 20))}`,
    steps: [post(services, { metadata: { name }, spec: { ports: [{ port: 80 }] } })],
  })),
  ...['Upper', 'with.dots', '{id}-0'].map((name) => ({
    name: `create: Namespace name ${JSON.stringify(name)}`,
    steps: [post(namespaces, { metadata: { name } })],
  })),
];

const metadataCases: Case[] = [
  {
    name: 'create: label key with a bad prefix',
    steps: [post(configMaps, configMap('a', {}, { labels: { 'Bad_Prefix!/x': 'y' } }))],
  },
  {
    name: 'create: label key that is empty after the slash',
    steps: [post(configMaps, configMap('a', {}, { labels: { 'example.com/': 'y' } }))],
  },
  {
    name: 'create: label key that is too long',
    steps: [post(configMaps, configMap('a', {}, { labels: { ['k'.repeat(64)]: 'y' } }))],
  },
  {
    name: 'create: label value with a space',
    steps: [post(configMaps, configMap('a', {}, { labels: { x: 'not valid' } }))],
  },
  {
    name: 'create: label value that is too long',
    steps: [post(configMaps, configMap('a', {}, { labels: { x: 'v'.repeat(64) } }))],
  },
  {
    name: 'create: label value that is a number',
    steps: [post(configMaps, configMap('a', {}, { labels: { x: 1 } }))],
  },
  {
    name: 'create: labels that are a list',
    steps: [post(configMaps, configMap('a', {}, { labels: ['x'] }))],
  },
  {
    name: 'create: annotation key in upper case is taken',
    steps: [post(configMaps, configMap('a', {}, { annotations: { 'Example.com/Some': 'y' } }))],
  },
  {
    name: 'create: annotation key with two slashes',
    steps: [post(configMaps, configMap('a', {}, { annotations: { 'a/b/c': 'y' } }))],
  },
  {
    name: 'create: annotations beyond 256 KiB',
    steps: [post(configMaps, configMap('a', {}, { annotations: { big: 'x'.repeat(262_145) } }))],
  },
  {
    name: 'create: several problems of metadata at once',
    steps: [
      post(
        configMaps,
        configMap('Bad_Name', {}, { labels: { x: 'not valid' }, annotations: { 'a/b/c': 'y' } }),
      ),
    ],
  },
  {
    name: 'create: finalizer that is no qualified name',
    steps: [post(configMaps, configMap('a', {}, { finalizers: ['not valid'] }))],
  },
  {
    name: 'create: finalizer without a domain',
    steps: [post(configMaps, configMap('a', {}, { finalizers: ['plain'] }))],
  },
  {
    name: 'create: owner reference that lacks fields',
    steps: [post(configMaps, configMap('a', {}, { ownerReferences: [{ kind: 'ConfigMap' }] }))],
  },
  {
    name: 'create: two controllers among the owners',
    steps: [
      post(
        configMaps,
        configMap(
          'a',
          {},
          {
            ownerReferences: ['x', 'y'].map((name) => ({
              apiVersion: 'v1',
              kind: 'ConfigMap',
              name,
              uid: `00000000-0000-0000-0000-00000000000${name === 'x' ? 1 : 2}`,
              controller: true,
            })),
          },
        ),
      ),
    ],
  },
  {
    name: 'create: owner of a kind that must not own',
    steps: [
      post(
        configMaps,
        configMap(
          'a',
          {},
          { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'x', uid: 'y' }] },
        ),
      ),
    ],
  },
  {
    name: 'create: the same owner twice',
    steps: [
      post(
        configMaps,
        configMap(
          'a',
          {},
          {
            ownerReferences: [1, 2].map(() => ({
              apiVersion: 'v1',
              kind: 'Node',
              name: 'x',
              uid: '00000000-0000-0000-0000-000000000001',
            })),
          },
        ),
      ),
    ],
  },
  {
    name: 'create: server fields that the client sets are replaced',
    steps: [
      post(
        configMaps,
        configMap(
          'a',
          {},
          {
            uid: '00000000-0000-0000-0000-000000000001',
            creationTimestamp: '2001-01-01T00:00:00Z',
            deletionTimestamp: '2001-01-01T00:00:00Z',
            deletionGracePeriodSeconds: 5,
            selfLink: '/x',
          },
        ),
      ),
    ],
  },
  {
    name: 'create: generation that the client sets',
    steps: [
      post(deployments, {
        metadata: { name: 'a', generation: 7 },
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: {
            metadata: { labels: { a: 'b' } },
            spec: { containers: [{ name: 'c', image: 'i' }] },
          },
        },
      }),
      post(configMaps, configMap('a', {}, { generation: 7 })),
    ],
  },
  {
    name: 'create: resourceVersion that the client sets',
    steps: [post(configMaps, configMap('a', {}, { resourceVersion: '5' }))],
  },
  {
    name: 'create: resourceVersion "0"',
    steps: [post(configMaps, configMap('a', {}, { resourceVersion: '0' }))],
  },
  {
    name: 'create: null metadata fields count as unset',
    steps: [
      post(
        configMaps,
        configMap('a', {}, { labels: null, annotations: null, creationTimestamp: null }),
      ),
    ],
  },
  {
    name: 'create: empty maps of metadata are dropped',
    steps: [post(configMaps, configMap('a', {}, { labels: {}, annotations: {}, finalizers: [] }))],
  },
  { name: 'create: metadata that is a string', steps: [post(configMaps, { metadata: 'x' })] },
  { name: 'create: metadata that is missing', steps: [post(configMaps, { data: { a: 'b' } })] },
];

const envelopeCases: Case[] = [
  {
    name: 'create: returns the object with what the server sets',
    steps: [post(configMaps, configMap('a', { k: 'v' })), get(`${configMaps}/a`)],
  },
  {
    name: 'create: without apiVersion and kind',
    steps: [post(configMaps, { metadata: { name: 'a' }, data: { k: 'v' } })],
  },
  {
    name: 'create: with another kind',
    steps: [post(configMaps, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } })],
  },
  {
    name: 'create: with a kind that does not exist',
    steps: [post(configMaps, { apiVersion: 'v1', kind: 'Nothing', metadata: { name: 'a' } })],
  },
  {
    name: 'create: with another version of the group',
    steps: [
      post(deployments, {
        apiVersion: 'apps/v1beta1',
        kind: 'Deployment',
        metadata: { name: 'a' },
      }),
    ],
  },
  {
    name: 'create: with another group',
    steps: [
      post(configMaps, { apiVersion: 'apps/v1', kind: 'ConfigMap', metadata: { name: 'a' } }),
    ],
  },
  {
    name: 'create: with an apiVersion that is none',
    steps: [post(configMaps, { apiVersion: 'a/b/c', kind: 'ConfigMap', metadata: { name: 'a' } })],
  },
  { name: 'create: empty body', steps: [post(configMaps)] },
  { name: 'create: empty object', steps: [post(configMaps, {})] },
  { name: 'create: body is a list', steps: [post(configMaps, [])] },
  { name: 'create: body is null', steps: [post(configMaps, 'null')] },
  { name: 'create: body is a string', steps: [post(configMaps, '"x"')] },
  { name: 'create: body is no JSON', steps: [post(configMaps, '{"metadata": nonsense}')] },
  { name: 'create: truncated body', steps: [post(configMaps, '{"metadata":{"name":"a"')] },
  {
    name: 'create: without name and generateName',
    steps: [post(configMaps, { metadata: {} })],
  },
  {
    name: 'create: generateName',
    steps: [
      post(configMaps, { metadata: { generateName: 'gen-' } }),
      post(configMaps, { metadata: { generateName: 'gen-', name: 'fixed' } }),
      post(configMaps, { metadata: { generateName: 'Bad_' } }),
    ],
  },
  {
    name: 'create: long generateName is cut',
    steps: [post(configMaps, { metadata: { generateName: 'g'.repeat(60) } })],
  },
  {
    name: 'create: name that is taken',
    steps: [post(configMaps, configMap('a')), post(configMaps, configMap('a', { other: 'data' }))],
  },
  {
    name: 'create: POST to a name',
    steps: [post(`${configMaps}/a`, configMap('a'))],
  },
  {
    name: 'create: other namespace in the body',
    steps: [post(configMaps, configMap('a', {}, { namespace: 'default' }))],
  },
  {
    name: 'create: same namespace in the body',
    steps: [post(configMaps, configMap('a', {}, { namespace: '{ns}' }))],
  },
  {
    name: 'create: in a namespace that does not exist',
    steps: [post('/api/v1/namespaces/missing/configmaps', configMap('a'))],
  },
  {
    name: 'create: namespaced kind without a namespace',
    steps: [post('/api/v1/configmaps', configMap('a'))],
  },
  {
    name: 'create: cluster-scoped kind with a namespace in the body',
    steps: [post(namespaces, { metadata: { name: '{id}-x', namespace: 'default' } })],
  },
  {
    name: 'create: cluster-scoped kind below a namespace',
    steps: [post('/api/v1/namespaces/{ns}/nodes', { metadata: { name: 'x' } })],
  },
  {
    name: 'create: in a group that does not exist',
    steps: [post('/apis/nothing.example/v1/namespaces/{ns}/things', { metadata: { name: 'x' } })],
  },
  {
    name: 'create: in a resource that does not exist',
    steps: [post('/api/v1/namespaces/{ns}/things', { metadata: { name: 'x' } })],
  },
  {
    name: 'create: dry run stores nothing',
    steps: [post(`${configMaps}?dryRun=All`, configMap('a')), get(`${configMaps}/a`)],
  },
  {
    name: 'create: dry run of a name that is taken',
    steps: [
      quiet(post(configMaps, configMap('a'))),
      post(`${configMaps}?dryRun=All`, configMap('a')),
    ],
  },
  {
    name: 'create: dry run with generateName',
    steps: [post(`${configMaps}?dryRun=All`, { metadata: { generateName: 'gen-' } })],
  },
  {
    name: 'create: dry run with another value',
    steps: [post(`${configMaps}?dryRun=Some`, configMap('a'))],
  },
  {
    name: 'create: dry run given twice',
    steps: [post(`${configMaps}?dryRun=All&dryRun=All`, configMap('a'))],
  },
  {
    name: 'create: empty dry run',
    steps: [post(`${configMaps}?dryRun=`, configMap('a')), get(`${configMaps}/a`)],
  },
  {
    name: 'create: field manager that is too long',
    steps: [post(`${configMaps}?fieldManager=${'m'.repeat(129)}`, configMap('a'))],
  },
  {
    name: 'create: field manager with control characters',
    steps: [post(`${configMaps}?fieldManager=a%07b`, configMap('a'))],
  },
  {
    name: 'create: body of more than 3 MiB',
    steps: [post(configMaps, configMap('a', { k: 'x'.repeat(3 * 1024 * 1024) }))],
  },
  {
    name: 'create: ConfigMap data of more than 1 MiB',
    steps: [post(configMaps, configMap('a', { k: 'x'.repeat(1024 * 1024 + 1) }))],
  },
  {
    name: 'create: Secret data of more than 1 MiB',
    steps: [post(secrets, { metadata: { name: 'a' }, stringData: { k: 'x'.repeat(1048577) } })],
  },
  {
    name: 'create: in a namespace that is terminating',
    steps: [
      quiet(
        post(namespaces, {
          metadata: { name: '{id}-t' },
        }),
      ),
      quiet(
        post('/api/v1/namespaces/{id}-t/configmaps', {
          metadata: { name: 'holds', finalizers: ['example.com/hold'] },
        }),
      ),
      quiet({ method: 'DELETE', path: '/api/v1/namespaces/{id}-t' }),
      post('/api/v1/namespaces/{id}-t/configmaps', configMap('a')),
      post('/api/v1/namespaces/{id}-t/configmaps', { metadata: { generateName: 'a-' } }),
      apply('/api/v1/namespaces/{id}-t/configmaps/a?fieldManager=m', configMap('a')),
    ],
  },
];

const validationCases: Case[] = [
  {
    name: 'field validation: unknown field warns by default',
    steps: [post(configMaps, { ...configMap('a'), nonsense: 1 }), get(`${configMaps}/a`)],
  },
  {
    name: 'field validation: Strict refuses an unknown field',
    steps: [post(`${configMaps}?fieldValidation=Strict`, { ...configMap('a'), nonsense: 1 })],
  },
  {
    name: 'field validation: Ignore says nothing',
    steps: [post(`${configMaps}?fieldValidation=Ignore`, { ...configMap('a'), nonsense: 1 })],
  },
  {
    name: 'field validation: a value that is none',
    steps: [post(`${configMaps}?fieldValidation=Maybe`, configMap('a'))],
  },
  {
    name: 'field validation: Strict refuses a duplicate field',
    steps: [
      post(
        `${configMaps}?fieldValidation=Strict`,
        '{"metadata":{"name":"a","name":"b"},"data":{"x":"1","x":"2"}}',
      ),
    ],
  },
  {
    name: 'field validation: duplicate fields warn and the last one counts',
    steps: [post(configMaps, '{"metadata":{"name":"a","name":"b"},"data":{"x":"1","x":"2"}}')],
  },
  {
    name: 'field validation: several nested unknown fields',
    steps: [
      post(`${pods}?fieldValidation=Strict`, {
        ...pod('a', { containers: [{ name: 'c', image: 'i', imagee: 'x' }], nope: true }),
        extra: {},
      }),
      post(pods, {
        ...pod('a', { containers: [{ name: 'c', image: 'i', imagee: 'x' }], nope: true }),
        extra: {},
      }),
    ],
  },
  {
    name: 'field validation: field in another case',
    steps: [
      post(`${configMaps}?fieldValidation=Strict`, { Metadata: { name: 'a' }, DATA: { a: 'b' } }),
    ],
  },
  {
    name: 'types: a number where a string belongs',
    steps: [post(configMaps, { metadata: { name: 'a' }, data: { k: 1 } })],
  },
  {
    name: 'types: an object where a string belongs',
    steps: [post(configMaps, { metadata: { name: 'a' }, data: { k: {} } })],
  },
  {
    name: 'types: null in a map of strings',
    steps: [post(configMaps, { metadata: { name: 'a' }, data: { k: null } })],
  },
  {
    name: 'types: a string where an object belongs',
    steps: [post(pods, { metadata: { name: 'a' }, spec: 'x' })],
  },
  {
    name: 'types: a string where a list belongs',
    steps: [post(pods, { metadata: { name: 'a' }, spec: { containers: 'x' } })],
  },
  {
    name: 'types: a string where a number belongs',
    steps: [post(pods, pod('a', { terminationGracePeriodSeconds: 'x' }))],
  },
  {
    name: 'types: a fraction where an integer belongs',
    steps: [post(pods, pod('a', { terminationGracePeriodSeconds: 1.5 }))],
  },
  {
    name: 'types: a number where a name belongs',
    steps: [post(configMaps, { metadata: { name: 5 } })],
  },
  {
    name: 'types: a string where a boolean belongs',
    steps: [post(pods, pod('a', { hostNetwork: 'true' }))],
  },
  {
    name: 'types: an integer beyond 32 bits',
    steps: [post(services, { metadata: { name: 'a' }, spec: { ports: [{ port: 99999999999 }] } })],
  },
  {
    name: 'types: base64 that is none',
    steps: [post(secrets, { metadata: { name: 'a' }, data: { k: '***' } })],
  },
  {
    name: 'types: a time that is none',
    steps: [post(configMaps, configMap('a', {}, { creationTimestamp: 'yesterday' }))],
  },
];

export const createCases: readonly Case[] = [
  ...nameCases,
  ...metadataCases,
  ...envelopeCases,
  ...validationCases,
];
