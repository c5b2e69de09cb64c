/**
 * OpenAPI as clients look at it: the index, tags and hashes, and the schemas of what is served, without
 * their prose.
 */
import { get, type Case } from '../case.ts';

/** By the document that has them; in version 2 one document has them all. */
const definitions: readonly (readonly [string, readonly string[]])[] = [
  [
    'api/v1',
    [
      'io.k8s.api.core.v1.ConfigMap',
      'io.k8s.api.core.v1.ConfigMapList',
      'io.k8s.api.core.v1.Secret',
      'io.k8s.api.core.v1.Pod',
      'io.k8s.api.core.v1.PodSpec',
      'io.k8s.api.core.v1.Container',
      'io.k8s.api.core.v1.ContainerPort',
      'io.k8s.api.core.v1.EnvVar',
      'io.k8s.api.core.v1.Probe',
      'io.k8s.api.core.v1.HTTPGetAction',
      'io.k8s.api.core.v1.ResourceRequirements',
      'io.k8s.api.core.v1.SecurityContext',
      'io.k8s.api.core.v1.Volume',
      'io.k8s.api.core.v1.PodStatus',
      'io.k8s.api.core.v1.Service',
      'io.k8s.api.core.v1.ServiceSpec',
      'io.k8s.api.core.v1.ServicePort',
      'io.k8s.api.core.v1.Namespace',
      'io.k8s.api.core.v1.Node',
      'io.k8s.api.core.v1.ServiceAccount',
      'io.k8s.api.core.v1.Event',
      'io.k8s.api.core.v1.PersistentVolumeClaimSpec',
      'io.k8s.api.core.v1.ObjectReference',
      'io.k8s.api.core.v1.Toleration',
      'io.k8s.api.core.v1.TopologySpreadConstraint',
      'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
      'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta',
      'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference',
      'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry',
      'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
    ],
  ],
  [
    'apis/apps/v1',
    [
      'io.k8s.api.apps.v1.Deployment',
      'io.k8s.api.apps.v1.DeploymentSpec',
      'io.k8s.api.apps.v1.DeploymentStatus',
      'io.k8s.api.apps.v1.DeploymentStrategy',
      'io.k8s.api.apps.v1.ReplicaSetSpec',
      'io.k8s.api.apps.v1.StatefulSetSpec',
      'io.k8s.api.apps.v1.DaemonSetSpec',
    ],
  ],
  ['apis/batch/v1', ['io.k8s.api.batch.v1.JobSpec', 'io.k8s.api.batch.v1.CronJobSpec']],
  [
    'apis/rbac.authorization.k8s.io/v1',
    ['io.k8s.api.rbac.v1.Role', 'io.k8s.api.rbac.v1.PolicyRule', 'io.k8s.api.rbac.v1.Subject'],
  ],
  ['apis/coordination.k8s.io/v1', ['io.k8s.api.coordination.v1.LeaseSpec']],
  ['apis/discovery.k8s.io/v1', ['io.k8s.api.discovery.v1.EndpointSlice']],
  ['apis/networking.k8s.io/v1', ['io.k8s.api.networking.v1.IngressSpec']],
  ['apis/policy/v1', ['io.k8s.api.policy.v1.PodDisruptionBudgetSpec']],
  [
    'apis/apiextensions.k8s.io/v1',
    [
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec',
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceValidation',
    ],
  ],
  [
    'apis/admissionregistration.k8s.io/v1',
    ['io.k8s.api.admissionregistration.v1.ValidatingWebhook'],
  ],
];

/**
 * Without descriptions and lists of allowed words, which Knit does not tell; what stands beside a
 * reference for their sake alone is the reference.
 */
const withoutProse = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutProse);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    // A field may be called so too; then it holds a schema.
    .filter(([key, item]) => key !== 'description' || typeof item !== 'string')
    .filter(([key, item]) => key !== 'enum' || !Array.isArray(item))
    .map(([key, item]): [string, unknown] => [
      key,
      // A set, in any order.
      key === 'required' && Array.isArray(item)
        ? (item as string[]).toSorted()
        : withoutProse(item),
    ]);
  const [only, ...others] = entries;
  return only?.[0] === 'allOf' && others.length === 0 && Array.isArray(only[1])
    ? only[1][0]
    : Object.fromEntries(entries);
};

const definitionCases: Case[] = definitions.flatMap(([path, names]) =>
  names.map((name) => ({
    name: `openapi: ${name}`,
    steps: [
      get(`/openapi/v3/${path}`, {
        view: ({ components }) => withoutProse(components.schemas[name]),
      }),
      get('/openapi/v2', { view: (body) => withoutProse(body.definitions[name]) }),
    ],
  })),
);

const keys = (body: object): string[] => Object.keys(body).sort();

export const openapiCases: readonly Case[] = [
  ...definitionCases,
  {
    name: 'openapi: the index has documents by group and version, with hashes',
    steps: [
      get('/openapi/v3', {
        view: ({ paths }) =>
          definitions.map(([path]) => [
            path,
            paths[path].serverRelativeURL.replace(/hash=[0-9A-F]{100,}/, 'hash=<hash>'),
          ]),
      }),
    ],
  },
  {
    name: 'openapi: what documents begin with',
    steps: [
      get('/openapi/v2', {
        view: ({ swagger, info, ...rest }) => ({
          swagger,
          title: info.title,
          has: keys(rest).filter((key) => key === 'paths' || key === 'definitions'),
        }),
      }),
      get('/openapi/v3/apis/apps/v1', {
        view: ({ openapi, info, ...rest }) => ({ openapi, title: info.title, keys: keys(rest) }),
      }),
    ],
  },
  {
    name: 'openapi: an old hash is sent on',
    steps: [get('/openapi/v3/apis/apps/v1?hash=OLD', { view: () => 'moved' })],
  },
  {
    name: 'openapi: what is not there',
    steps: [
      get('/openapi/v3/apis/nothing.example/v1'),
      get('/openapi/v3/nothing'),
      get('/openapi/v1'),
    ],
  },
  {
    name: 'openapi: actions and kinds of paths',
    steps: [
      get('/openapi/v3/apis/apps/v1', {
        view({ paths }) {
          const path = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
          return ['get', 'put', 'patch', 'delete'].map((method) => [
            method,
            path[method]['x-kubernetes-action'],
            path[method]['x-kubernetes-group-version-kind'],
          ]);
        },
      }),
      get('/openapi/v2', {
        view({ paths }) {
          const path = paths['/api/v1/namespaces/{namespace}/configmaps'];
          return ['get', 'post'].map((method) => [
            method,
            path[method]['x-kubernetes-action'],
            path[method]['x-kubernetes-group-version-kind'],
          ]);
        },
      }),
    ],
  },
];
