/** Services with their addresses, EndpointSlices, webhook configurations: defaults and refusals. */
import { post, services, type Case, type Step } from '../case.ts';

const slices = '/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices';
const webhooks = '/apis/admissionregistration.k8s.io/v1';

const merge = (path: string, body: unknown): Step => ({
  method: 'PATCH',
  path,
  body,
  contentType: 'application/merge-patch+json',
});
const create = (spec: object): Step => post(services, { metadata: { name: 'a' }, spec });
const change = (spec: object): Step => merge(`${services}/a`, { spec });
const port = { port: 80 };

const newServices: Readonly<Record<string, object>> = {
  'one port': { ports: [port] },
  'a node port': { type: 'NodePort', ports: [port] },
  'a load balancer': { type: 'LoadBalancer', ports: [{ port: 80, name: 'x' }] },
  'headless without selector': { clusterIP: 'None' },
  'headless with selector': { clusterIP: 'None', selector: { a: 'b' } },
  'an external name': { type: 'ExternalName', externalName: 'x.com' },
  'an external name with ports': { type: 'ExternalName', externalName: 'x.com', ports: [port] },
  'session affinity': { ports: [port], sessionAffinity: 'ClientIP' },
  'no ports': {},
  'no external name': { type: 'ExternalName' },
  'a type that does not exist': { type: 'Wrong', ports: [port] },
  'two ports without names': { ports: [port, { port: 81 }] },
  'port 0': { ports: [{ port: 0 }] },
  'a node port of a ClusterIP': { ports: [{ port: 80, nodePort: 30_001 }] },
  'headless with node port': { clusterIP: 'None', type: 'NodePort', ports: [port] },
  'a protocol that does not exist': { ports: [{ port: 80, protocol: 'FOO' }] },
  'one port twice': {
    ports: [
      { port: 80, name: 'a' },
      { port: 80, name: 'b' },
    ],
  },
  'two address families': { ports: [port], ipFamilyPolicy: 'RequireDualStack' },
  IPv6: { ports: [port], ipFamilies: ['IPv6'] },
  'an affinity that does not exist': { ports: [port], sessionAffinity: 'X' },
  'an address that is none': { ports: [port], clusterIP: 'foo' },
  'a port name that is none': { ports: [{ port: 80, targetPort: 'A_B' }] },
  'an upper-case name of a port': { ports: [{ port: 80, name: 'A' }] },
  'an external name with address': {
    type: 'ExternalName',
    externalName: 'x.com',
    clusterIP: '10.0.0.9',
  },
  'a policy for traffic from outside': { ports: [port], externalTrafficPolicy: 'Local' },
  'a policy that does not exist': { ports: [port], internalTrafficPolicy: 'X' },
  'node ports of a load balancer': { ports: [port], allocateLoadBalancerNodePorts: true },
  'a node port outside of the range': { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
};

const changedServices: Readonly<Record<string, readonly Step[]>> = {
  'to another address': [create({ ports: [port] }), change({ clusterIP: '10.0.0.77' })],
  'to NodePort and back': [
    create({ ports: [port] }),
    change({ type: 'NodePort' }),
    change({ type: 'ClusterIP' }),
  ],
  'to ExternalName and back': [
    create({ ports: [port] }),
    change({ type: 'ExternalName', externalName: 'y.com' }),
    change({ type: 'ClusterIP', externalName: null }),
  ],
  'to no address': [create({ ports: [port] }), change({ clusterIP: null, clusterIPs: null })],
  'from LoadBalancer to ClusterIP': [
    create({ type: 'LoadBalancer', ports: [port] }),
    change({ type: 'ClusterIP' }),
  ],
  'from headless to no address': [
    create({ clusterIP: 'None' }),
    change({ clusterIP: '', clusterIPs: [] }),
  ],
};

const newSlices: Readonly<Record<string, object>> = {
  'one endpoint': { endpoints: [{ addresses: ['10.0.0.1'] }], ports: [port] },
  'an address type that does not exist': { addressType: 'X' },
  'no address type': { addressType: undefined },
  'no addresses': { endpoints: [{ addresses: [] }] },
  'an address that is none': { endpoints: [{ addresses: ['nope'] }] },
  'a name of two ports': {
    ports: [
      { name: 'a', port: 1 },
      { name: 'a', port: 2 },
    ],
  },
  'a protocol that does not exist': { ports: [{ name: 'a', port: 1, protocol: 'X' }] },
};
const createSlice = (more: object): Step =>
  post(slices, { metadata: { name: 'a' }, addressType: 'IPv4', endpoints: [], ports: [], ...more });

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const hook = (more: object): object => ({
  name: 'a.b.c',
  clientConfig: { url: 'https://127.0.0.1:1/x' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  // Nobody's namespace: the hook must not be called for other cases.
  namespaceSelector: { matchLabels: { never: 'x' } },
  rules: [rule],
  ...more,
});
const hooks: Readonly<Record<string, readonly object[]>> = {
  'all defaults': [hook({})],
  'a short name': [hook({ name: 'short' })],
  'side effects': [hook({ sideEffects: 'Some' })],
  'nothing of side effects': [hook({ sideEffects: undefined })],
  'no review version': [hook({ admissionReviewVersions: [] })],
  'an unknown review version': [hook({ admissionReviewVersions: ['v9'] })],
  '31 seconds': [hook({ timeoutSeconds: 31 })],
  'no address': [hook({ clientConfig: {} })],
  'a URL with everything wrong': [hook({ clientConfig: { url: 'http://x/y?z=1#f' } })],
  'a path with an empty step': [
    hook({ clientConfig: { service: { name: 'a', namespace: 'b', path: 'x//y' } } }),
  ],
  'a rule with everything wrong': [
    hook({
      rules: [
        {
          operations: ['FOO'],
          apiGroups: [],
          apiVersions: ['*', 'v1'],
          resources: ['*', 'pods'],
        },
      ],
    }),
  ],
  'policies that do not exist': [hook({ failurePolicy: 'X', matchPolicy: 'Y' })],
  'one name twice': [hook({}), hook({})],
  'a condition that is a number': [hook({ matchConditions: [{ name: 'x', expression: '1 + 1' }] })],
};
const configure = (kind: string, webhookList: readonly object[]): Step[] => [
  post(`${webhooks}/${kind}`, { metadata: { name: '{id}' }, webhooks: webhookList }),
  { method: 'DELETE', path: `${webhooks}/${kind}/{id}`, isSilent: true },
];

export const networkCases: readonly Case[] = [
  ...Object.entries(newServices).map(([title, spec]) => ({
    name: `network: a Service with ${title}`,
    steps: [create(spec)],
  })),
  ...Object.entries(changedServices).map(([title, steps]) => ({
    name: `network: a Service changed ${title}`,
    steps,
  })),
  ...Object.entries(newSlices).map(([title, more]) => ({
    name: `network: an EndpointSlice with ${title}`,
    steps: [createSlice(more)],
  })),
  {
    name: 'network: an EndpointSlice changed to another address type',
    steps: [createSlice({}), merge(`${slices}/a`, { addressType: 'IPv6' })],
  },
  ...Object.entries(hooks).map(([title, list]) => ({
    name: `network: a validating webhook with ${title}`,
    steps: configure('validatingwebhookconfigurations', list),
  })),
  {
    name: 'network: a mutating webhook with all defaults',
    steps: configure('mutatingwebhookconfigurations', [hook({})]),
  },
];
