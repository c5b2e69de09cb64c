/** PUT: conflicts, preconditions, what may change and what may not, generation, status. */
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  leases,
  namespaces,
  pod,
  pods,
  post,
  put,
  quiet,
  secrets,
  serviceAccounts,
  services,
  type Case,
} from '../case.ts';

const made = quiet(post(configMaps, configMap('a', { k: 'v' }), { save: 'a' }));
const madeDeployment = quiet(post(deployments, deployment('a'), { save: 'd' }));
const madeService = quiet(
  post(
    services,
    { metadata: { name: 'a' }, spec: { selector: { x: 'y' }, ports: [{ port: 80 }] } },
    { save: 's' },
  ),
);

export const updateCases: readonly Case[] = [
  {
    name: 'update: without a resourceVersion replaces whatever is there',
    steps: [made, put(`${configMaps}/a`, configMap('a', { k: 'w' })), get(`${configMaps}/a`)],
  },
  {
    name: 'update: with the current resourceVersion',
    steps: [made, put(`${configMaps}/a`, ({ a }: any) => ({ ...a, data: { k: 'w' } }))],
  },
  {
    name: 'update: with a stale resourceVersion',
    steps: [
      made,
      quiet(put(`${configMaps}/a`, configMap('a', { k: 'w' }))),
      put(`${configMaps}/a`, ({ a }: any) => ({ ...a, data: { k: 'x' } })),
    ],
  },
  {
    name: 'update: that changes nothing keeps the resourceVersion',
    steps: [made, put(`${configMaps}/a`, ({ a }: any) => a), get(`${configMaps}/a`)],
  },
  {
    name: 'update: with a resourceVersion that is no number',
    steps: [made, put(`${configMaps}/a`, configMap('a', {}, { resourceVersion: 'x' }))],
  },
  {
    name: 'update: with resourceVersion "0"',
    steps: [made, put(`${configMaps}/a`, configMap('a', { k: 'w' }, { resourceVersion: '0' }))],
  },
  {
    name: 'update: with another uid',
    steps: [
      made,
      put(`${configMaps}/a`, configMap('a', {}, { uid: '00000000-0000-0000-0000-000000000001' })),
    ],
  },
  {
    name: 'update: with another name in the body',
    steps: [made, put(`${configMaps}/a`, configMap('b'))],
  },
  {
    name: 'update: without a name in the body',
    steps: [made, put(`${configMaps}/a`, { metadata: {}, data: { k: 'w' } })],
  },
  {
    name: 'update: with another namespace in the body',
    steps: [made, put(`${configMaps}/a`, configMap('a', {}, { namespace: 'default' }))],
  },
  {
    name: 'update: with another kind in the body',
    steps: [made, put(`${configMaps}/a`, { ...configMap('a'), kind: 'Secret' })],
  },
  { name: 'update: with an empty body', steps: [made, put(`${configMaps}/a`, '')] },
  {
    name: 'update: of an object that does not exist',
    steps: [put(`${configMaps}/a`, configMap('a')), put(`${deployments}/a`, deployment('a'))],
  },
  {
    name: 'update: of a missing object with a resourceVersion',
    steps: [put(`${configMaps}/a`, configMap('a', {}, { resourceVersion: '5' }))],
  },
  {
    name: 'update: kinds that a PUT creates',
    steps: [
      put(`${leases}/a`, { metadata: { name: 'a' }, spec: { holderIdentity: 'x' } }),
      put('/api/v1/namespaces/{ns}/endpoints/a', { metadata: { name: 'a' } }),
      put('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/a', {
        metadata: { name: 'a' },
        rules: [],
      }),
      put(`${secrets}/a`, { metadata: { name: 'a' } }),
      put(`${services}/a`, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }),
      put(`${serviceAccounts}/a`, { metadata: { name: 'a' } }),
    ],
  },
  {
    name: 'update: dry run',
    steps: [
      made,
      put(`${configMaps}/a?dryRun=All`, configMap('a', { k: 'w' })),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'update: server fields of the body are ignored',
    steps: [
      made,
      put(
        `${configMaps}/a`,
        configMap(
          'a',
          {},
          {
            creationTimestamp: '2001-01-01T00:00:00Z',
            deletionTimestamp: '2001-01-01T00:00:00Z',
            generation: 9,
            generateName: 'x-',
          },
        ),
      ),
    ],
  },
  {
    name: 'update: labels, annotations and finalizers are the client’s',
    steps: [
      made,
      put(
        `${configMaps}/a`,
        configMap(
          'a',
          {},
          {
            labels: { x: 'y' },
            annotations: { x: 'y' },
            finalizers: ['example.com/f'],
          },
        ),
      ),
      quiet(put(`${configMaps}/a`, configMap('a'))),
      get(`${configMaps}/a`),
    ],
  },
  {
    name: 'update: invalid labels',
    steps: [made, put(`${configMaps}/a`, configMap('a', {}, { labels: { x: 'not valid' } }))],
  },
  {
    name: 'update: immutable ConfigMap and Secret',
    steps: [
      quiet(post(configMaps, { ...configMap('i', { k: 'v' }), immutable: true })),
      put(`${configMaps}/i`, { ...configMap('i', { k: 'w' }), immutable: true }),
      put(`${configMaps}/i`, configMap('i', { k: 'v' })),
      put(`${configMaps}/i`, {
        ...configMap('i', { k: 'v' }, { labels: { a: 'b' } }),
        immutable: true,
      }),
      quiet(post(secrets, { metadata: { name: 'i' }, data: { k: 'dg==' }, immutable: true })),
      put(`${secrets}/i`, { metadata: { name: 'i' }, data: { k: 'dw==' }, immutable: true }),
    ],
  },
  {
    name: 'update: type of a Secret is immutable',
    steps: [
      quiet(post(secrets, { metadata: { name: 'a' }, type: 'example.com/x' })),
      put(`${secrets}/a`, { metadata: { name: 'a' }, type: 'example.com/y' }),
    ],
  },
  {
    name: 'update: selector of a Deployment is immutable',
    steps: [
      madeDeployment,
      put(`${deployments}/a`, ({ d }: any) => ({
        ...d,
        spec: {
          ...d.spec,
          selector: { matchLabels: { app: 'b' } },
          template: { ...d.spec.template, metadata: { labels: { app: 'b' } } },
        },
      })),
    ],
  },
  {
    name: 'update: clusterIP of a Service is immutable, and kept when left out',
    steps: [
      madeService,
      put(`${services}/a`, ({ s }: any) => ({
        ...s,
        spec: { ...s.spec, clusterIP: '10.0.250.250', clusterIPs: ['10.0.250.250'] },
      })),
      put(`${services}/a`, {
        metadata: { name: 'a' },
        spec: { selector: { x: 'y' }, ports: [{ port: 81 }] },
      }),
    ],
  },
  {
    name: 'update: most of a Pod is immutable',
    steps: [
      quiet(post(pods, pod('a'), { save: 'p' })),
      put(`${pods}/a`, ({ p }: any) => ({ ...p, spec: { ...p.spec, hostNetwork: true } })),
      put(`${pods}/a`, ({ p }: any) => ({
        ...p,
        spec: { ...p.spec, containers: [{ ...p.spec.containers[0], image: 'other:2' }] },
      })),
      put(`${pods}/a`, ({ p }: any) => ({ ...p, spec: { ...p.spec, nodeName: 'n' } })),
    ],
  },
  {
    name: 'generation: rises with spec, not with metadata or a repetition',
    steps: [
      madeDeployment,
      put(`${deployments}/a`, ({ d }: any) => ({ ...d, spec: { ...d.spec, replicas: 1 } }), {
        save: 'e',
      }),
      put(`${deployments}/a`, ({ e }: any) => e),
      put(`${deployments}/a`, ({ e }: any) => ({
        ...e,
        metadata: { ...e.metadata, labels: { a: 'b' } },
      })),
    ],
  },
  {
    name: 'generation: kinds that have none',
    steps: [
      madeService,
      put(`${services}/a`, ({ s }: any) => ({
        ...s,
        spec: { ...s.spec, selector: { other: 'label' } },
      })),
      quiet(post(pods, pod('a'))),
      get(`${pods}/a`),
    ],
  },
  {
    name: 'status: a write to the object does not change it',
    steps: [
      madeDeployment,
      put(`${deployments}/a`, ({ d }: any) => ({ ...d, status: { replicas: 5 } })),
      get(`${deployments}/a`),
    ],
  },
  {
    name: 'status: a write to status changes nothing else',
    steps: [
      madeDeployment,
      put(`${deployments}/a/status`, ({ d }: any) => ({
        ...d,
        metadata: { ...d.metadata, labels: { x: 'y' }, annotations: { x: 'y' } },
        spec: { ...d.spec, replicas: 9 },
        status: { replicas: 3, observedGeneration: 1 },
      })),
      get(`${deployments}/a/status`),
    ],
  },
  {
    name: 'status: of a Pod keeps new labels',
    steps: [
      quiet(post(pods, pod('a'), { save: 'p' })),
      put(`${pods}/a/status`, ({ p }: any) => ({
        ...p,
        metadata: { ...p.metadata, labels: { x: 'y' } },
        status: { phase: 'Running', podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }] },
      })),
    ],
  },
  {
    name: 'status: with a stale resourceVersion',
    steps: [
      madeDeployment,
      quiet(put(`${deployments}/a`, ({ d }: any) => ({ ...d, spec: { ...d.spec, replicas: 1 } }))),
      put(`${deployments}/a/status`, ({ d }: any) => ({ ...d, status: { replicas: 3 } })),
    ],
  },
  {
    name: 'status: negative numbers are refused',
    steps: [
      madeDeployment,
      put(`${deployments}/a/status`, ({ d }: any) => ({ ...d, status: { replicas: -3 } })),
    ],
  },
  {
    name: 'status: of an object that does not exist',
    steps: [put(`${deployments}/a/status`, deployment('a'))],
  },
  {
    name: 'status: POST and DELETE are no verbs of it',
    steps: [
      madeDeployment,
      post(`${deployments}/a/status`, deployment('a')),
      { method: 'DELETE', path: `${deployments}/a/status` },
    ],
  },
  {
    name: 'status: given on create is dropped',
    steps: [
      post(deployments, { ...deployment('a'), status: { replicas: 5 } }),
      post(services, {
        metadata: { name: 'a' },
        spec: { ports: [{ port: 1 }] },
        status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
      }),
    ],
  },
  {
    name: 'finalize: of a Namespace',
    steps: [
      get(`${namespaces}/{ns}`, { save: 'n' }),
      put(`${namespaces}/{ns}/finalize`, ({ n }: any) => ({
        ...n,
        spec: { finalizers: ['kubernetes', 'example.com/x'] },
      })),
      put(`${namespaces}/{ns}/finalize`, ({ n }: any) => ({
        ...n,
        metadata: { name: n.metadata.name },
        spec: { finalizers: ['kubernetes'] },
      })),
      get(`${namespaces}/{ns}/finalize`),
    ],
  },
];
