/** What kubectl prints: the rows of objects of every kind, bare and with a status; and headers of answers. */
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  jobs,
  leases,
  mergePatch,
  pod,
  pods,
  podSpec,
  post,
  quiet,
  secrets,
  serviceAccounts,
  services,
  watch,
  type Case,
  type Step,
} from '../case.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const row = (path: string): Step => get(path, { accept: TABLE, only: ['kind', 'rows.0.cells'] });
const status = (path: string, value: object): Step =>
  quiet(mergePatch(`${path}/status`, { status: value }));

const named = (spec: object, metadata = {}): object => ({
  metadata: { name: 'a', ...metadata },
  spec,
});
const at = (group: string, plural: string): string => `/apis/${group}/namespaces/{ns}/${plural}`;
const core = (plural: string): string => `/api/v1/namespaces/{ns}/${plural}`;

/** Title, collection, object, and the statuses that it gets one after the other. */
const rows: readonly (readonly [string, string, object, ...object[]])[] = [
  [
    'a Pod that waits, runs, and fails',
    pods,
    pod('a', {
      containers: [
        { name: 'one', image: 'i' },
        { name: 'two', image: 'j' },
      ],
    }),
    {
      phase: 'Pending',
      containerStatuses: [
        {
          name: 'one',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { waiting: { reason: 'ContainerCreating' } },
        },
      ],
    },
    {
      phase: 'Running',
      podIP: '10.1.2.3',
      podIPs: [{ ip: '10.1.2.3' }],
      containerStatuses: [
        {
          name: 'one',
          image: 'i',
          imageID: '',
          ready: true,
          restartCount: 1,
          state: { running: {} },
        },
        {
          name: 'two',
          image: 'j',
          imageID: '',
          ready: false,
          restartCount: 2,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
        },
      ],
    },
    {
      phase: 'Failed',
      reason: 'Evicted',
      containerStatuses: [
        {
          name: 'one',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 3 } },
        },
        {
          name: 'two',
          image: 'j',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 0, reason: 'Completed' } },
        },
      ],
    },
  ],
  [
    'a Pod whose first containers fail',
    pods,
    pod('a', {
      initContainers: [
        { name: 'i1', image: 'i' },
        { name: 'i2', image: 'i' },
      ],
    }),
    {
      phase: 'Pending',
      initContainerStatuses: [
        {
          name: 'i1',
          image: 'i',
          imageID: '',
          ready: true,
          restartCount: 0,
          state: { terminated: { exitCode: 0 } },
        },
        {
          name: 'i2',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { waiting: { reason: 'PodInitializing' } },
        },
      ],
    },
    {
      phase: 'Pending',
      initContainerStatuses: [
        {
          name: 'i1',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 4,
          state: { terminated: { exitCode: 2 } },
        },
      ],
    },
  ],
  [
    'a Deployment',
    deployments,
    deployment('a', { replicas: 3 }),
    { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
  ],
  [
    'a ReplicaSet',
    at('apps/v1', 'replicasets'),
    named({
      replicas: 2,
      selector: { matchLabels: { x: 'y' }, matchExpressions: [{ key: 'z', operator: 'Exists' }] },
      template: { metadata: { labels: { x: 'y', z: '1' } }, spec: podSpec() },
    }),
    { replicas: 2, readyReplicas: 1 },
  ],
  [
    'a StatefulSet',
    at('apps/v1', 'statefulsets'),
    named({
      replicas: 2,
      serviceName: 's',
      selector: { matchLabels: { x: 'y' } },
      template: { metadata: { labels: { x: 'y' } }, spec: podSpec() },
    }),
    { replicas: 2, readyReplicas: 1 },
  ],
  [
    'a DaemonSet',
    at('apps/v1', 'daemonsets'),
    named({
      selector: { matchLabels: { x: 'y' } },
      template: {
        metadata: { labels: { x: 'y' } },
        spec: podSpec({ nodeSelector: { os: 'linux', a: 'b' } }),
      },
    }),
    {
      currentNumberScheduled: 1,
      desiredNumberScheduled: 2,
      numberMisscheduled: 0,
      numberReady: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
    },
  ],
  [
    'a suspended Job',
    jobs,
    named({
      suspend: true,
      parallelism: 2,
      completions: 4,
      template: { spec: { ...podSpec(), restartPolicy: 'Never' } },
    }),
  ],
  [
    'a CronJob',
    at('batch/v1', 'cronjobs'),
    named({
      schedule: '*/5 * * * *',
      timeZone: 'Etc/UTC',
      suspend: true,
      jobTemplate: { spec: { template: { spec: { ...podSpec(), restartPolicy: 'Never' } } } },
    }),
  ],
  [
    'a Service with ports',
    services,
    named({
      clusterIP: 'None',
      selector: { b: '2', a: '1' },
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 53, protocol: 'UDP' },
      ],
    }),
  ],
  [
    'a Service that is a name',
    services,
    named({ type: 'ExternalName', externalName: 'example.com' }),
  ],
  [
    'a Service with addresses of its own',
    services,
    named({ clusterIP: 'None', externalIPs: ['1.2.3.4', '1.2.3.5'], ports: [{ port: 80 }] }),
  ],
  ['a ConfigMap', configMaps, { ...configMap('a', { x: '1', y: '2' }), binaryData: { z: 'AA==' } }],
  ['a Secret', secrets, { metadata: { name: 'a' }, type: 'example.com/x', data: { k: 'dg==' } }],
  ['a ServiceAccount', serviceAccounts, { metadata: { name: 'a' } }],
  [
    'Endpoints',
    core('endpoints'),
    {
      metadata: { name: 'a' },
      subsets: [
        {
          addresses: [{ ip: '10.1.0.1' }, { ip: '10.1.0.2' }],
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 81 },
          ],
        },
      ],
    },
  ],
  [
    'an EndpointSlice',
    at('discovery.k8s.io/v1', 'endpointslices'),
    {
      metadata: { name: 'a' },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.1.0.1'] },
        { addresses: ['10.1.0.2'] },
        { addresses: ['10.1.0.3'] },
        { addresses: ['10.1.0.4'] },
      ],
      ports: [{ name: 'a', port: 80 }, { name: 'b' }],
    },
  ],
  [
    'a PersistentVolumeClaim',
    core('persistentvolumeclaims'),
    named({
      accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
      storageClassName: 'fast',
      resources: { requests: { storage: '1Gi' } },
    }),
    { phase: 'Pending' },
  ],
  [
    'a ResourceQuota',
    core('resourcequotas'),
    named({ hard: { pods: '4', 'limits.cpu': '2', 'requests.cpu': '1' } }),
    {
      hard: { pods: '4', 'limits.cpu': '2', 'requests.cpu': '1' },
      used: { pods: '1', 'limits.cpu': '500m' },
    },
  ],
  [
    'a LimitRange',
    core('limitranges'),
    named({ limits: [{ type: 'Pod', max: { cpu: '1' } }] }, { creationTimestamp: null }),
  ],
  ['a Lease', leases, named({ holderIdentity: 'me' })],
  [
    'a Role',
    at('rbac.authorization.k8s.io/v1', 'rolebindings'),
    {
      metadata: { name: 'a' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'Group', name: 'g' },
        { kind: 'ServiceAccount', name: 's', namespace: 'n' },
        { kind: 'User', name: 'v' },
      ],
    },
  ],
  [
    'a PodDisruptionBudget',
    at('policy/v1', 'poddisruptionbudgets'),
    named({ maxUnavailable: '30%', selector: { matchLabels: { x: 'y' } } }),
  ],
  [
    'a NetworkPolicy',
    at('networking.k8s.io/v1', 'networkpolicies'),
    named({
      podSelector: {
        matchLabels: { x: 'y' },
        matchExpressions: [{ key: 'a', operator: 'In', values: ['2', '1'] }],
      },
    }),
  ],
  [
    'an Ingress',
    at('networking.k8s.io/v1', 'ingresses'),
    named({
      ingressClassName: 'c',
      tls: [{ hosts: ['x.example'] }],
      rules: ['a', 'b', 'c', 'd'].map((host) => ({ host: `${host}.example` })),
    }),
    { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: 'h.example' }] } },
  ],
  [
    'a HorizontalPodAutoscaler',
    at('autoscaling/v2', 'horizontalpodautoscalers'),
    named({
      maxReplicas: 5,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
        },
        {
          type: 'Pods',
          pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '100' } },
        },
        {
          type: 'External',
          external: { metric: { name: 'e' }, target: { type: 'Value', value: '30' } },
        },
      ],
    }),
    {
      desiredReplicas: 2,
      currentReplicas: 1,
      currentMetrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 23, averageValue: '10m' } },
        },
      ],
    },
  ],
  [
    'an Event',
    core('events'),
    {
      metadata: { name: 'a' },
      involvedObject: {
        kind: 'Pod',
        name: 'p',
        namespace: '{ns}',
        fieldPath: 'spec.containers{c}',
      },
      reason: 'Killing',
      message: ' a message \n',
      type: 'Warning',
      source: { component: 'kubelet', host: 'h' },
      count: 3,
    },
  ],
  [
    'an Event of another time',
    core('events'),
    {
      metadata: { name: 'b' },
      involvedObject: { kind: 'Pod', namespace: '{ns}' },
      reason: 'R',
      type: 'Normal',
    },
  ],
];

const rowCases: Case[] = rows.map(([title, path, object, ...statuses]) => {
  const { name } = (object as { metadata: { name: string } }).metadata;
  return {
    name: `row: ${title}`,
    steps: [
      quiet(post(path, object)),
      row(`${path}/${name}`),
      ...statuses.flatMap((value) => [status(`${path}/${name}`, value), row(`${path}/${name}`)]),
    ],
  };
});

export const tableCases: readonly Case[] = [
  ...rowCases,
  {
    name: 'row: a class that is the default',
    steps: [
      quiet(
        post('/apis/storage.k8s.io/v1/storageclasses', {
          metadata: {
            name: '{id}',
            annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
          },
          provisioner: 'example.com/p',
        }),
      ),
      row('/apis/storage.k8s.io/v1/storageclasses/{id}'),
      quiet({ method: 'DELETE', path: '/apis/storage.k8s.io/v1/storageclasses/{id}' }),
    ],
  },
  {
    name: 'table: a watch names its columns once',
    steps: [
      quiet(post(configMaps, configMap('a', {}, { labels: { x: 'y' } }), { save: 'a' })),
      quiet(post(configMaps, configMap('b', {}, { labels: { x: 'y' } }), { save: 'b' })),
      watch(`${configMaps}?watch=true&labelSelector=x&timeoutSeconds=2`, 2, { accept: TABLE }),
    ],
  },
  {
    name: 'table: in the version before',
    steps: [
      quiet(post(configMaps, configMap('a'), { save: 'a' })),
      get(`${configMaps}/a`, {
        accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
        only: ['kind', 'apiVersion', 'rows.0.object.kind', 'rows.0.object.apiVersion'],
      }),
      get(`${configMaps}/a`, {
        accept: 'application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io',
        only: ['kind', 'apiVersion'],
      }),
    ],
  },
  {
    name: 'table: of what was just written',
    steps: [
      post(configMaps, configMap('a', { k: 'v' }), {
        accept: TABLE,
        only: ['kind', 'rows.0.cells'],
      }),
      mergePatch(
        `${configMaps}/a`,
        { data: { l: 'w' } },
        { accept: TABLE, only: ['kind', 'rows.0.cells'] },
      ),
    ],
  },
  {
    name: 'metadata: a watch with the streaming list',
    steps: [
      quiet(post(configMaps, configMap('a', {}, { labels: { x: 'y' } }), { save: 'a' })),
      watch(
        `${configMaps}?watch=true&labelSelector=x&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=3`,
        2,
        { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
      ),
    ],
  },
  ...[
    [configMaps, 'objects'],
    ['/apis', 'groups'],
    ['/version', 'the version'],
    [`${configMaps}/missing`, 'a refusal'],
  ].map(([path = '', what]) => ({
    name: `headers: caching of ${what}`,
    steps: [
      get(path, {
        withHeaders: ['cache-control', 'vary', 'x-content-type-options'],
        view: ({ kind }) => kind as unknown,
      }),
    ],
  })),
];
