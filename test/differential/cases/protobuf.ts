/** Built-in kinds as typed Go clients send and read them: protobuf in, protobuf out, in every verb. */
import { encodeProtobuf } from '../../../runtime/apiserver/protobuf/envelope.ts';
import {
  configMaps,
  configMap,
  deployment,
  deployments,
  del,
  get,
  jobs,
  leases,
  pod,
  pods,
  post,
  put,
  quiet,
  secrets,
  serviceAccounts,
  services,
  watch,
  type Case,
  type Step,
  type Variables,
} from '../case.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** As client-go's typed clients ask. */
const accept = `${PROTOBUF},application/json`;

/** The bytes of an object, with the variables filled in. */
const bytesOf =
  (object: object) =>
  ({ ns }: Variables): Uint8Array => {
    const filled: unknown = JSON.parse(JSON.stringify(object).replaceAll('{ns}', String(ns)));
    const bytes = encodeProtobuf(filled);
    if (!bytes) throw new TypeError('the object has no message');
    return bytes;
  };

const send = (step: Step, object: object): Step => ({
  ...step,
  body: bytesOf(object),
  contentType: PROTOBUF,
  accept,
});

const below = (group: string, plural: string): string => `/apis/${group}/namespaces/{ns}/${plural}`;

/** Path, kind and a body with most of what the kind can hold. */
const kinds: readonly (readonly [string, string, string, object])[] = [
  [
    configMaps,
    'v1',
    'ConfigMap',
    { data: { k: 'v', z: '' }, binaryData: { b: 'AAEC' }, immutable: false },
  ],
  [secrets, 'v1', 'Secret', { data: { k: 'dg==' }, type: 'example.com/x' }],
  [
    serviceAccounts,
    'v1',
    'ServiceAccount',
    { automountServiceAccountToken: false, imagePullSecrets: [{ name: 'x' }] },
  ],
  [
    services,
    'v1',
    'Service',
    {
      spec: {
        clusterIP: 'None',
        selector: { a: 'b' },
        ports: [
          { name: 'http', port: 80, targetPort: 'web' },
          { name: 'x', port: 81, targetPort: 8081, appProtocol: 'h2c' },
        ],
      },
    },
  ],
  [
    '/api/v1/namespaces/{ns}/endpoints',
    'v1',
    'Endpoints',
    { subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80, protocol: 'TCP' }] }] },
  ],
  [
    '/api/v1/namespaces/{ns}/limitranges',
    'v1',
    'LimitRange',
    { spec: { limits: [{ type: 'Container', default: { cpu: '100m', memory: '1Gi' } }] } },
  ],
  [
    '/api/v1/namespaces/{ns}/resourcequotas',
    'v1',
    'ResourceQuota',
    { spec: { hard: { pods: '10', 'requests.cpu': '1500m' } } },
  ],
  [
    '/api/v1/namespaces/{ns}/persistentvolumeclaims',
    'v1',
    'PersistentVolumeClaim',
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  ],
  [
    leases,
    'coordination.k8s.io/v1',
    'Lease',
    {
      spec: {
        holderIdentity: 'me',
        leaseDurationSeconds: 15,
        renewTime: '2020-01-02T03:04:05.678901Z',
      },
    },
  ],
  [
    below('discovery.k8s.io/v1', 'endpointslices'),
    'discovery.k8s.io/v1',
    'EndpointSlice',
    {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  ],
  [
    below('rbac.authorization.k8s.io/v1', 'roles'),
    'rbac.authorization.k8s.io/v1',
    'Role',
    { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  ],
  [
    below('rbac.authorization.k8s.io/v1', 'rolebindings'),
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'x' }],
    },
  ],
  [
    below('policy/v1', 'poddisruptionbudgets'),
    'policy/v1',
    'PodDisruptionBudget',
    { spec: { minAvailable: '50%', selector: { matchLabels: { a: 'b' } } } },
  ],
  [
    below('networking.k8s.io/v1', 'networkpolicies'),
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { spec: { podSelector: {}, policyTypes: ['Ingress'] } },
  ],
  [
    below('autoscaling/v2', 'horizontalpodautoscalers'),
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    {
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
      },
    },
  ],
  [pods, 'v1', 'Pod', { spec: (pod('a') as { spec: object }).spec }],
  [deployments, 'apps/v1', 'Deployment', { spec: (deployment('a') as { spec: object }).spec }],
  [
    jobs,
    'batch/v1',
    'Job',
    {
      spec: {
        suspend: true,
        template: { spec: { ...(pod('a') as { spec: object }).spec, restartPolicy: 'Never' } },
      },
    },
  ],
];

const kindCases: Case[] = kinds.map(([path, apiVersion, kind, rest]) => {
  const object = {
    apiVersion,
    kind,
    metadata: { name: 'a', namespace: '{ns}', labels: { l: 'x' }, annotations: { note: 'y' } },
    ...rest,
  };
  return {
    name: `protobuf: a ${kind} is created, read, listed and deleted`,
    steps: [
      send(post(`${path}?dryRun=All`), object),
      quiet(post(path, object, { save: 'made' })),
      get(`${path}/a`, { accept }),
      get(`${path}?labelSelector=l`, { accept }),
      get(`${path}/a`, {}),
      del(`${path}/a?gracePeriodSeconds=0`, undefined, { accept }),
    ],
  };
});

const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', labels: { l: 'x' } },
  data: { k: 'v' },
};
const made = quiet(
  post(configMaps, configMap('a', { k: 'v' }, { labels: { l: 'x' } }), { save: 'a' }),
);

export const protobufCases: readonly Case[] = [
  ...kindCases,
  {
    name: 'protobuf: a refusal is a Status',
    steps: [
      get(`${configMaps}/missing`, { accept }),
      send(post(configMaps), { ...object, metadata: { name: 'Bad_Name' } }),
      get('/apis/apps/v1/namespaces/{ns}/nothing', { accept }),
    ],
  },
  {
    name: 'protobuf: an update by protobuf, read as JSON',
    steps: [
      made,
      {
        ...send(put(`${configMaps}/a`, undefined), { ...object, data: { k: 'w' } }),
        accept: 'application/json',
      },
    ],
  },
  {
    name: 'protobuf: a watch with the streaming list',
    steps: [
      made,
      watch(
        `${configMaps}?watch=true&labelSelector=l&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5`,
        2,
        { accept: `${PROTOBUF};stream=watch,application/json` },
      ),
    ],
  },
  {
    name: 'protobuf: only metadata',
    steps: [
      made,
      get(`${configMaps}/a`, { accept: `${PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1` }),
      get(`${configMaps}?labelSelector=l`, {
        accept: `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`,
      }),
    ],
  },
  {
    name: 'protobuf: a table is JSON',
    steps: [
      made,
      get(`${configMaps}/a`, {
        accept: `${PROTOBUF};as=Table;g=meta.k8s.io;v=v1`,
        only: ['kind', 'message', 'code'],
      }),
      get(`${configMaps}/a`, {
        accept: `${PROTOBUF};as=Table;g=meta.k8s.io;v=v1,application/json`,
        only: ['kind', 'data'],
      }),
    ],
  },
  {
    name: 'protobuf: bytes that are none',
    steps: [
      { method: 'POST', path: configMaps, body: 'nonsense', contentType: PROTOBUF },
      {
        method: 'POST',
        path: configMaps,
        body: () => Buffer.from('6b38730012', 'hex'),
        contentType: PROTOBUF,
      },
      {
        method: 'POST',
        path: configMaps,
        body: () => Buffer.from('6b387300', 'hex'),
        contentType: PROTOBUF,
      },
    ],
  },
  {
    name: 'protobuf: DeleteOptions',
    steps: [
      made,
      send(del(`${configMaps}/a`), {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid: 'other' },
      }),
      send(del(`${configMaps}/a`), {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
      }),
    ],
  },
  {
    name: 'protobuf: kinds of CustomResourceDefinitions have none',
    steps: [
      get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions?labelSelector=none', { accept }),
      get('/apis/nothing.example/v1/things', { accept }),
    ],
  },
];
