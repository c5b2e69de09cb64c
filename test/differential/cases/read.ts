/** GET and LIST: selectors, chunks, resourceVersions, renderings. */
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  namespaces,
  pod,
  pods,
  post,
  put,
  quiet,
  secrets,
  services,
  watch,
  type Case,
  type Step,
} from '../case.ts';

/** Three ConfigMaps with labels. */
const three: readonly Step[] = [
  quiet(post(configMaps, configMap('a', { k: '1' }, { labels: { tier: 'front', n: '1' } }))),
  quiet(post(configMaps, configMap('b', { k: '2' }, { labels: { tier: 'back', n: '2' } }))),
  quiet(post(configMaps, configMap('c', { k: '3' }, { labels: { n: '10' } }))),
];

const names = {
  only: ['items.0.metadata.name', 'items.1.metadata.name', 'items.2.metadata.name', 'message'],
} as const;

const labelSelectors = [
  'tier=front',
  'tier==front',
  'tier!=front',
  'tier in (front,back)',
  'tier in (front, back )',
  'tier notin (front)',
  'tier',
  '!tier',
  'n>1',
  'n<10',
  'n>x',
  'tier=front,n=1',
  'tier=front,n=2',
  'tier=',
  'tier in ()',
  'tier in (,front)',
  'tier in front',
  'tier=front=back',
  ',',
  'tier,',
  ',tier',
  '=front',
  '!',
  '!!tier',
  'a/b/c=x',
  'Bad_Prefix!/x=y',
  'tier=not valid',
  `tier=${'v'.repeat(64)}`,
  'k'.repeat(64),
  'tier in (front',
  'tier notin front)',
  'in in (in)',
  'tier = front',
  ' tier=front ',
  'tier=front;n=1',
];

const fieldSelectors = [
  'metadata.name=a',
  'metadata.name!=a',
  'metadata.name==a',
  'metadata.name=a,metadata.name=b',
  'metadata.namespace={ns}',
  'metadata.namespace=other',
  'metadata.name=',
  'metadata.uid=x',
  'data.k=1',
  'metadata.name',
  'metadata.name in (a,b)',
  '=a',
  'metadata.name=a\\,b',
  ',',
  'metadata.name=a,',
];

const enc = encodeURIComponent;

const selectorCases: Case[] = [
  ...labelSelectors.map((selector) => ({
    name: `list: label selector ${JSON.stringify(selector.slice(0, 40))}`,
    steps: [...three, get(`${configMaps}?labelSelector=${enc(selector)}`, names)],
  })),
  ...fieldSelectors.map((selector) => ({
    name: `list: field selector ${JSON.stringify(selector)}`,
    steps: [
      ...three,
      get(`${configMaps}?fieldSelector=${enc(selector).replace('%7Bns%7D', '{ns}')}`, names),
    ],
  })),
  ...[
    'spec.nodeName=x',
    'spec.nodeName=',
    'status.phase=Pending',
    'status.phase!=Pending',
    'spec.restartPolicy=Always',
    'spec.schedulerName=default-scheduler',
    'spec.serviceAccountName=default',
    'status.podIP=',
    'status.nominatedNodeName=',
    'spec.hostNetwork=false',
    'spec.priority=0',
  ].map((selector) => ({
    name: `list: pods by ${selector}`,
    steps: [quiet(post(pods, pod('a'))), get(`${pods}?fieldSelector=${enc(selector)}`, names)],
  })),
  {
    name: 'list: secrets by type, services by type, namespaces by phase',
    steps: [
      quiet(post(secrets, { metadata: { name: 'a' }, type: 'example.com/x' })),
      get(`${secrets}?fieldSelector=${enc('type=example.com/x')}`, names),
      quiet(post(services, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } })),
      get(`${services}?fieldSelector=${enc('spec.type=ClusterIP')}`, names),
      get(`${services}?fieldSelector=${enc('spec.clusterIP!=None')}`, names),
      get(
        `${namespaces}?fieldSelector=${enc('status.phase=Active,metadata.name={ns}').replace('%7Bns%7D', '{ns}')}`,
        names,
      ),
    ],
  },
];

const listCases: Case[] = [
  {
    name: 'list: an empty collection',
    steps: [get('/api/v1/namespaces/{ns}/replicationcontrollers'), get(deployments)],
  },
  {
    name: 'list: items carry neither kind nor apiVersion',
    steps: [...three, get(`${configMaps}?labelSelector=tier`)],
  },
  {
    name: 'list: in a namespace that does not exist',
    steps: [get('/api/v1/namespaces/missing/configmaps')],
  },
  {
    name: 'list: over all namespaces by field',
    steps: [
      ...three,
      get('/api/v1/configmaps?fieldSelector=metadata.namespace={ns},metadata.name=a'),
    ],
  },
  {
    name: 'list: in chunks',
    steps: [
      ...three,
      get(`${configMaps}?labelSelector=n&limit=2`, { save: 'first' }),
      get(`${configMaps}?labelSelector=n&limit=2&continue={first.metadata.continue}`),
    ],
  },
  {
    name: 'list: limit that is larger than the collection',
    steps: [...three, get(`${configMaps}?labelSelector=n&limit=50`)],
  },
  {
    name: 'list: limit without a selector tells what remains',
    steps: [
      quiet(post(deployments, deployment('a'))),
      quiet(post(deployments, deployment('b'))),
      quiet(post(deployments, deployment('c'))),
      get(`${deployments}?limit=1`, {
        only: ['metadata.remainingItemCount', 'items.0.metadata.name'],
      }),
    ],
  },
  ...['0', '-1', 'x', '1.5', ''].map((limit) => ({
    name: `list: limit ${JSON.stringify(limit)}`,
    steps: [...three, get(`${configMaps}?labelSelector=n&limit=${limit}`, names)],
  })),
  ...['x', 'e30', '%7B%7D'].map((token) => ({
    name: `list: continue token ${JSON.stringify(token)}`,
    steps: [get(`${configMaps}?limit=1&continue=${token}`)],
  })),
  {
    name: 'list: continue with a resourceVersion',
    steps: [
      ...three,
      get(`${configMaps}?limit=1`, { save: 'first', only: ['kind'] }),
      get(`${configMaps}?limit=1&continue={first.metadata.continue}&resourceVersion=5`),
      get(`${configMaps}?limit=1&continue={first.metadata.continue}&resourceVersionMatch=Exact`),
    ],
  },
  ...[
    'resourceVersion=0',
    'resourceVersion=1',
    'resourceVersion=',
    'resourceVersion=x',
    'resourceVersion=-1',
    'resourceVersion=0&resourceVersionMatch=Exact',
    'resourceVersion=0&resourceVersionMatch=NotOlderThan',
    'resourceVersionMatch=Exact',
    'resourceVersionMatch=NotOlderThan',
    'resourceVersion=1&resourceVersionMatch=Nonsense',
    'resourceVersion=1&resourceVersionMatch=NotOlderThan',
    'sendInitialEvents=true',
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
  ].map((query) => ({
    name: `list: ${query}`,
    steps: [
      ...three,
      get(`${configMaps}?labelSelector=n&${query}`, {
        only: ['kind', 'code', 'reason', 'message', 'details', 'items.2.metadata.name'],
      }),
    ],
  })),
  {
    name: 'list: a resourceVersion of the past, exactly',
    steps: [
      quiet(post(configMaps, configMap('a', { k: '1' }), { save: 'a' })),
      quiet(post(configMaps, configMap('b'))),
      quiet(put(`${configMaps}/a`, configMap('a', { k: '2' }))),
      get(
        `${configMaps}?resourceVersion={a.metadata.resourceVersion}&resourceVersionMatch=Exact&fieldSelector=metadata.name!=kube-root-ca.crt`,
      ),
      get(
        `${configMaps}?resourceVersion={a.metadata.resourceVersion}&fieldSelector=metadata.name!=kube-root-ca.crt`,
        names,
      ),
    ],
  },
  {
    name: 'list: POST, PUT and PATCH on a collection',
    steps: [
      put(configMaps, configMap('a')),
      { method: 'PATCH', path: configMaps, body: {}, contentType: 'application/merge-patch+json' },
    ],
  },
  { name: 'list: pretty', steps: [get(`${configMaps}?pretty=true&labelSelector=none`)] },
];

const getCases: Case[] = [
  { name: 'get: an object that does not exist', steps: [get(`${configMaps}/missing`)] },
  {
    name: 'get: with a group in the message',
    steps: [
      get(`${deployments}/missing`),
      get('/apis/rbac.authorization.k8s.io/v1/clusterroles/missing'),
    ],
  },
  { name: 'get: a name that cannot exist', steps: [get(`${configMaps}/Not_A_Name`)] },
  {
    name: 'get: with a resourceVersion',
    steps: [
      quiet(post(configMaps, configMap('a'), { save: 'a' })),
      get(`${configMaps}/a?resourceVersion=0`),
      get(`${configMaps}/a?resourceVersion={a.metadata.resourceVersion}`),
      get(`${configMaps}/a?resourceVersion=x`),
    ],
  },
  {
    name: 'get: HEAD is no verb of objects',
    steps: [
      { method: 'HEAD', path: configMaps },
      { method: 'OPTIONS', path: configMaps },
    ],
  },
  ...['x', '5', '-1s', '100s', '0', '', '1h30m', '1ns'].map((timeout) => ({
    name: `get: with the timeout ${JSON.stringify(timeout)}`,
    steps: [
      get(`/api/v1/namespaces/{ns}?timeout=${timeout}`, {
        only: ['kind', 'code', 'reason', 'message'],
      }),
    ],
  })),
  {
    name: 'get: watches by the old path',
    steps: [
      quiet(post(configMaps, configMap('a', { k: 'v' }, { labels: { x: 'y' } }), { save: 'a' })),
      watch('/api/v1/watch/namespaces/{ns}/configmaps?labelSelector=x&timeoutSeconds=2', 1),
      watch('/api/v1/watch/namespaces/{ns}/configmaps/a?timeoutSeconds=2', 1),
      watch(
        '/api/v1/watch/configmaps?fieldSelector=metadata.namespace={ns}&labelSelector=x&timeoutSeconds=2',
        1,
      ),
      get('/api/v1/watch/namespaces/{ns}/nothing'),
      post('/api/v1/watch/namespaces/{ns}/configmaps', configMap('b')),
    ],
  },
  { name: 'get: a path with a trailing slash', steps: [get(`${configMaps}/?labelSelector=none`)] },
  { name: 'get: a path with a double slash', steps: [get('/api//v1/namespaces')] },
  { name: 'get: a path that is too deep', steps: [get(`${configMaps}/a/b/c`)] },
  { name: 'get: a subresource that does not exist', steps: [get(`${configMaps}/a/status`)] },
  {
    name: 'get: an unknown version',
    steps: [get('/api/v2/namespaces'), get('/apis/apps/v9/deployments')],
  },
  {
    name: 'get: an unknown root',
    steps: [get('/nothing'), get('/api/v1/nothing'), get('/apis/apps/v1/nothing')],
  },
];

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const PARTIALS = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

const columns = { only: ['kind', 'columnDefinitions', 'rows.0.cells'] } as const;

const renderingCases: Case[] = [
  {
    name: 'table: a list of ConfigMaps',
    steps: [...three, get(`${configMaps}?labelSelector=tier`, { accept: TABLE })],
  },
  {
    name: 'table: one object, and without objects, and with whole ones',
    steps: [
      ...three,
      get(`${configMaps}/a`, { accept: TABLE }),
      get(`${configMaps}/a?includeObject=None`, { accept: TABLE }),
      get(`${configMaps}/a?includeObject=Object`, { accept: TABLE }),
      get(`${configMaps}/a?includeObject=Nonsense`, { accept: TABLE }),
    ],
  },
  ...[
    ['configmaps', '/api/v1/configmaps'],
    ['namespaces', '/api/v1/namespaces'],
    ['pods', '/api/v1/pods'],
    ['services', '/api/v1/services'],
    ['secrets', '/api/v1/secrets'],
    ['serviceaccounts', '/api/v1/serviceaccounts'],
    ['nodes', '/api/v1/nodes'],
    ['events', '/api/v1/events'],
    ['endpoints', '/api/v1/endpoints'],
    ['persistentvolumes', '/api/v1/persistentvolumes'],
    ['persistentvolumeclaims', '/api/v1/persistentvolumeclaims'],
    ['deployments', '/apis/apps/v1/deployments'],
    ['replicasets', '/apis/apps/v1/replicasets'],
    ['statefulsets', '/apis/apps/v1/statefulsets'],
    ['daemonsets', '/apis/apps/v1/daemonsets'],
    ['jobs', '/apis/batch/v1/jobs'],
    ['cronjobs', '/apis/batch/v1/cronjobs'],
    ['horizontalpodautoscalers', '/apis/autoscaling/v2/horizontalpodautoscalers'],
    ['leases', '/apis/coordination.k8s.io/v1/leases'],
    ['endpointslices', '/apis/discovery.k8s.io/v1/endpointslices'],
    ['roles', '/apis/rbac.authorization.k8s.io/v1/roles'],
    ['rolebindings', '/apis/rbac.authorization.k8s.io/v1/rolebindings'],
    ['clusterroles', '/apis/rbac.authorization.k8s.io/v1/clusterroles'],
    ['clusterrolebindings', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'],
    [
      'mutatingwebhookconfigurations',
      '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    ],
    [
      'validatingwebhookconfigurations',
      '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    ],
    ['customresourcedefinitions', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'],
    ['apiservices', '/apis/apiregistration.k8s.io/v1/apiservices'],
    ['poddisruptionbudgets', '/apis/policy/v1/poddisruptionbudgets'],
    ['storageclasses', '/apis/storage.k8s.io/v1/storageclasses'],
    ['priorityclasses', '/apis/scheduling.k8s.io/v1/priorityclasses'],
    ['resourcequotas', '/api/v1/resourcequotas'],
    ['limitranges', '/api/v1/limitranges'],
    ['ingresses', '/apis/networking.k8s.io/v1/ingresses'],
    ['networkpolicies', '/apis/networking.k8s.io/v1/networkpolicies'],
    ['ingressclasses', '/apis/networking.k8s.io/v1/ingressclasses'],
  ].map(([name = '', path = '']) => ({
    name: `table: columns of ${name}`,
    steps: [
      get(`${path}?labelSelector=none`, {
        accept: `${TABLE},application/json`,
        only: ['kind', 'columnDefinitions'],
      }),
    ],
  })),
  {
    name: 'table: rows of a Pod, a Deployment and a Service',
    steps: [
      quiet(post(pods, pod('a'))),
      get(`${pods}/a`, { accept: TABLE, ...columns }),
      quiet(post(deployments, deployment('a', { replicas: 2 }))),
      get(`${deployments}/a`, { accept: TABLE, ...columns }),
      quiet(
        post(services, {
          metadata: { name: 'a' },
          spec: {
            clusterIP: 'None',
            selector: { x: 'y' },
            ports: [
              { name: 'http', port: 80 },
              { name: 'dns', port: 53, protocol: 'UDP' },
            ],
          },
        }),
      ),
      get(`${services}/a`, { accept: TABLE, ...columns }),
    ],
  },
  {
    name: 'metadata: one object and a list',
    steps: [
      ...three,
      get(`${configMaps}/a`, { accept: PARTIAL }),
      get(`${configMaps}?labelSelector=tier`, { accept: PARTIALS }),
    ],
  },
  {
    name: 'metadata: the rendering of one does not fit a list',
    steps: [
      ...three,
      get(`${configMaps}?labelSelector=tier`, { accept: PARTIAL }),
      get(`${configMaps}/a`, { accept: PARTIALS }),
    ],
  },
  {
    name: 'table: of a refusal is a Status',
    steps: [get(`${configMaps}/missing`, { accept: TABLE })],
  },
  ...[
    'text/plain',
    'application/xml',
    '*/*',
    'application/*',
    'application/json;as=Nonsense;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v9;g=meta.k8s.io',
    'application/json;as=Table;v=v1;g=other',
    'application/xml,application/json',
    'application/json;q=0.5',
    'nonsense',
    '',
  ].map((accept) => ({
    name: `accept: ${JSON.stringify(accept)}`,
    steps: [...three, get(`${configMaps}/a`, { accept })],
  })),
  {
    name: 'accept: YAML',
    steps: [...three, get(`${configMaps}/missing`, { accept: 'application/yaml' })],
  },
];

export const readCases: readonly Case[] = [
  ...getCases,
  ...listCases,
  ...selectorCases,
  ...renderingCases,
];
