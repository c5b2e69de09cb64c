/**
 * What a server says of itself: versions, groups, resources in the plain and the aggregated form. Knit
 * serves fewer kinds and some of its own, so that each kind is compared by itself.
 */
import { get, type Case } from '../case.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
/** As client-go asks. */
const AGGREGATED_OR_PLAIN = `${AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;

/** Group, version and the resources that both servers have. */
const served: readonly (readonly [string, string, readonly string[]])[] = [
  [
    '',
    'v1',
    [
      'configmaps',
      'endpoints',
      'events',
      'limitranges',
      'namespaces',
      'nodes',
      'persistentvolumeclaims',
      'persistentvolumes',
      'pods',
      'podtemplates',
      'replicationcontrollers',
      'resourcequotas',
      'secrets',
      'serviceaccounts',
      'services',
    ],
  ],
  ['apps', 'v1', ['deployments', 'replicasets', 'statefulsets', 'daemonsets']],
  ['batch', 'v1', ['jobs', 'cronjobs']],
  ['autoscaling', 'v2', ['horizontalpodautoscalers']],
  ['policy', 'v1', ['poddisruptionbudgets']],
  ['authentication.k8s.io', 'v1', ['tokenreviews', 'selfsubjectreviews']],
  [
    'authorization.k8s.io',
    'v1',
    [
      'localsubjectaccessreviews',
      'selfsubjectaccessreviews',
      'selfsubjectrulesreviews',
      'subjectaccessreviews',
    ],
  ],
  [
    'rbac.authorization.k8s.io',
    'v1',
    ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
  ],
  [
    'admissionregistration.k8s.io',
    'v1',
    ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
  ],
  ['apiextensions.k8s.io', 'v1', ['customresourcedefinitions']],
  ['apiregistration.k8s.io', 'v1', ['apiservices']],
  ['coordination.k8s.io', 'v1', ['leases']],
  ['discovery.k8s.io', 'v1', ['endpointslices']],
  ['events.k8s.io', 'v1', ['events']],
  ['networking.k8s.io', 'v1', ['ingresses', 'ingressclasses', 'networkpolicies']],
  ['node.k8s.io', 'v1', ['runtimeclasses']],
  ['scheduling.k8s.io', 'v1', ['priorityclasses']],
  ['storage.k8s.io', 'v1', ['storageclasses']],
];

const pathOf = (group: string, version: string): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
/** Nodes and Services are no proxies here. */
const isShared = (name: string): boolean => !name.endsWith('/proxy');

const resourceCases: Case[] = served.flatMap(([group, version, plurals]) =>
  plurals.map((plural) => ({
    name: `discovery: ${plural} of ${group || 'core'} ${version}`,
    steps: [
      get(pathOf(group, version), {
        view: (body) =>
          body.resources?.filter(
            ({ name }: { name: string }) => name.split('/')[0] === plural && isShared(name),
          ),
      }),
      get(group === '' ? '/api' : '/apis', {
        accept: AGGREGATED,
        view(body) {
          const item = body.items?.find(({ metadata }: any) => (metadata.name ?? '') === group);
          const at = item?.versions.find((one: any) => one.version === version);
          const resource = at?.resources.find((one: any) => one.resource === plural);
          const subresources = resource?.subresources?.filter(
            ({ subresource }: any) => subresource !== 'proxy',
          );
          return { ...resource, subresources };
        },
      }),
    ],
  })),
);

const groupCases: Case[] = served
  .filter(([group]) => group !== '' && group !== 'autoscaling')
  .map(([group]) => ({
    name: `discovery: the group ${group}`,
    steps: [get(`/apis/${group}`)],
  }));

const known = new Set(served.map(([group]) => group));
const shape = (body: any): unknown => ({
  ...body,
  resources: undefined,
  items: undefined,
  groups: undefined,
});

export const discoveryCases: readonly Case[] = [
  ...resourceCases,
  ...groupCases,
  {
    name: 'discovery: the order of the groups',
    steps: [
      get('/apis', {
        view: ({ kind, apiVersion, groups }) => ({
          kind,
          apiVersion,
          names: groups.map(({ name }: any) => name).filter((name: string) => known.has(name)),
        }),
      }),
      get('/apis', {
        accept: AGGREGATED,
        view: ({ kind, apiVersion, metadata, items }) => ({
          kind,
          apiVersion,
          metadata,
          names: items
            .map((item: any) => item.metadata.name)
            .filter((name: string) => known.has(name)),
        }),
      }),
    ],
  },
  {
    name: 'discovery: the order of resources',
    steps: [
      get('/apis/apps/v1', {
        view: (body) =>
          body.resources
            .map(({ name }: any) => name)
            .filter((name: string) => name !== 'controllerrevisions'),
      }),
      get('/apis/rbac.authorization.k8s.io/v1', {
        view: (body) => body.resources.map(({ name }: any) => name),
      }),
    ],
  },
  {
    name: 'discovery: the envelopes of resource lists',
    steps: [
      get('/api/v1', { view: shape }),
      get('/apis/apps/v1', { view: shape }),
      get('/apis/batch/v1', { view: shape }),
    ],
  },
  {
    name: 'discovery: the oldest group',
    steps: [get('/api', { view: ({ kind, versions }) => ({ kind, versions }) })],
  },
  {
    name: 'discovery: aggregated where the client prefers it',
    steps: [
      get('/apis', { accept: AGGREGATED_OR_PLAIN, view: shape }),
      get('/api', { accept: AGGREGATED_OR_PLAIN, view: shape }),
      get('/apis/apps', { accept: AGGREGATED_OR_PLAIN, view: shape }),
      get('/apis/apps/v1', { accept: AGGREGATED_OR_PLAIN, view: shape }),
    ],
  },
  {
    name: 'discovery: aggregated as an unknown version',
    steps: [
      get('/apis', {
        accept:
          'application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json',
        view: shape,
      }),
    ],
  },
  {
    name: 'discovery: unknown groups and versions',
    steps: [
      get('/apis/nothing.example'),
      get('/apis/nothing.example/v1'),
      get('/apis/apps/v9'),
      get('/api/v2'),
    ],
  },
  {
    name: 'discovery: with a slash at the end',
    steps: [
      get('/apis/apps/', { view: shape }),
      get('/apis/apps/v1/', { view: shape }),
      get('/apis/', { view: shape }),
    ],
  },
  ...['POST', 'PUT', 'DELETE', 'PATCH'].map((method): Case => ({
    name: `discovery: ${method} is refused`,
    steps: [
      { method, path: '/apis', body: {}, view: ({ kind }) => kind },
      { method, path: '/api/v1', body: {} },
      { method, path: '/version', body: {} },
    ],
  })),
  {
    name: 'discovery: what the version tells',
    steps: [
      get('/version', {
        view: ({ major, minor, gitVersion, ...rest }) => ({
          major,
          minor,
          gitVersion: gitVersion.replace(/\+.*$/, ''),
          fields: Object.keys(rest),
        }),
      }),
    ],
  },
  ...[
    '/healthz',
    '/livez',
    '/readyz',
    '/healthz/ping',
    '/livez/ping',
    '/readyz/ping',
    '/readyz/nothing',
  ].map((path) => ({ name: `discovery: ${path}`, steps: [get(path, { view: (body) => body })] })),
  {
    name: 'discovery: resources of a CustomResourceDefinition',
    steps: [
      {
        method: 'POST',
        path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
        isSilent: true,
        body: {
          metadata: { name: 'gadgets.{id}.example' },
          spec: {
            group: '{id}.example',
            scope: 'Namespaced',
            names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gg'], categories: ['all'] },
            versions: [
              {
                name: 'v1',
                served: true,
                storage: true,
                schema: {
                  openAPIV3Schema: {
                    type: 'object',
                    'x-kubernetes-preserve-unknown-fields': true,
                  },
                },
                subresources: {
                  status: {},
                  scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' },
                },
              },
              {
                name: 'v1beta1',
                served: true,
                storage: false,
                schema: {
                  openAPIV3Schema: {
                    type: 'object',
                    'x-kubernetes-preserve-unknown-fields': true,
                  },
                },
              },
            ],
          },
        },
      },
      get('/apis/{id}.example/v1', { until: ({ status }) => status === 200 }),
      get('/apis/{id}.example/v1beta1', { until: ({ status }) => status === 200 }),
      get('/apis/{id}.example', {
        until: ({ status, body }) => status === 200 && body.versions?.length === 2,
      }),
      get('/apis', {
        accept: AGGREGATED,
        until: ({ body }) =>
          body.items.some(
            ({ metadata, versions }: any) =>
              metadata.name?.endsWith('.example') && versions.length === 2,
          ),
        view: (body, { id }) =>
          body.items.find(({ metadata }: any) => metadata.name === `${id}.example`),
      }),
    ],
  },
];
