/**
 * The roles and bindings that every cluster has from its start, as data: upstream's for people and
 * for what reads or schedules pods, and those that make `admin`, `edit` and `view` cover the kinds
 * of Knative and Tekton. Roles of controllers that Knit does not have are left out.
 * Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (contents);
 * knative.dev/serving and eventing config/core/200-roles, tektoncd/pipeline config/200-clusterrole.
 */
import {
  RBAC_GROUP,
  type ClusterRole,
  type PolicyRule,
  type RoleBinding,
  type Subject,
} from '../../apis/rbac/types.ts';

export const AUTOUPDATE_ANNOTATION = `${RBAC_GROUP}/autoupdate`;
const BOOTSTRAP_LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const readWrite = [...write, ...read].toSorted();

const core = [''];
const coreAndEvents = ['', 'events.k8s.io'];
const apps = ['apps'];
const networking = ['networking.k8s.io'];
const authorization = ['authorization.k8s.io'];
const authentication = ['authentication.k8s.io'];

const rule = (
  verbs: readonly string[],
  apiGroups: readonly string[],
  ...resources: readonly string[]
): PolicyRule => ({ verbs: [...verbs], apiGroups: [...apiGroups], resources: [...resources] });

const urls = (...nonResourceURLs: string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs });

const withStatus = (...names: string[]): string[] => names.flatMap((one) => [one, `${one}/status`]);
const withScale = (...names: string[]): string[] => names.flatMap((one) => [one, `${one}/scale`]);

const viewRules: readonly PolicyRule[] = [
  rule(read, core, 'pods', 'serviceaccounts', 'endpoints', 'configmaps'),
  rule(read, core, ...withScale('replicationcontrollers')),
  rule(read, core, ...withStatus('services', 'persistentvolumeclaims')),
  rule(read, core, 'limitranges', 'resourcequotas', 'bindings', 'pods/log'),
  rule(
    read,
    core,
    'pods/status',
    'resourcequotas/status',
    'namespaces/status',
    'replicationcontrollers/status',
  ),
  // Reading namespaces within a namespace means reading that one.
  rule(read, core, 'namespaces'),
  rule(read, coreAndEvents, 'events'),
  rule(read, ['discovery.k8s.io'], 'endpointslices'),
  rule(read, apps, 'controllerrevisions', ...withStatus('daemonsets')),
  rule(read, apps, ...withStatus('statefulsets', 'deployments', 'replicasets')),
  rule(read, apps, 'statefulsets/scale', 'deployments/scale', 'replicasets/scale'),
  rule(read, ['autoscaling'], ...withStatus('horizontalpodautoscalers')),
  rule(read, ['batch'], ...withStatus('jobs', 'cronjobs')),
  rule(read, ['policy'], ...withStatus('poddisruptionbudgets')),
  rule(read, networking, 'networkpolicies', ...withStatus('ingresses')),
];

const streams = ['pods/attach', 'pods/proxy', 'pods/exec', 'pods/portforward'];

const editRules: readonly PolicyRule[] = [
  rule(read, core, ...streams, 'secrets', 'services/proxy'),
  rule(['impersonate'], core, 'serviceaccounts'),
  rule(write, core, 'pods', ...streams),
  rule(['create'], core, 'pods/eviction'),
  rule(write, core, ...withScale('replicationcontrollers')),
  rule(write, core, 'serviceaccounts', 'services', 'services/proxy'),
  rule(write, core, 'persistentvolumeclaims', 'configmaps', 'secrets'),
  rule(['create'], core, 'serviceaccounts/token'),
  rule(write, coreAndEvents, 'events'),
  rule(write, apps, ...withScale('statefulsets', 'deployments', 'replicasets')),
  rule(write, apps, 'daemonsets', 'deployments/rollback'),
  rule(write, ['autoscaling'], 'horizontalpodautoscalers'),
  rule(write, ['batch'], 'jobs', 'cronjobs'),
  rule(write, ['policy'], 'poddisruptionbudgets'),
  rule(write, networking, 'networkpolicies', 'ingresses'),
  rule(readWrite, ['coordination.k8s.io'], 'leases'),
];

const adminRules: readonly PolicyRule[] = [
  rule(['create'], authorization, 'localsubjectaccessreviews'),
  rule(readWrite, [RBAC_GROUP], 'roles', 'rolebindings'),
];

/** Installed with Knative and Tekton on a cluster, so that its users need no further role. */
const knativeGroups = [
  'serving.knative.dev',
  'networking.internal.knative.dev',
  'autoscaling.internal.knative.dev',
  'caching.internal.knative.dev',
  'eventing.knative.dev',
  'messaging.knative.dev',
  'sources.knative.dev',
  'flows.knative.dev',
  'bindings.knative.dev',
  'sinks.knative.dev',
];
const tektonGroups = ['tekton.dev', 'triggers.tekton.dev'];
const gatewayGroups = ['gateway.networking.k8s.io'];

interface RoleOptions {
  readonly rules?: readonly PolicyRule[];
  /** Joins the rules of every role that carries `aggregate-to-<this>`. */
  readonly aggregates?: string;
  /** Roles that this one's rules become part of. */
  readonly partOf?: readonly string[];
}

const aggregateLabel = (role: string): string => `${RBAC_GROUP}/aggregate-to-${role}`;

function clusterRole(name: string, { rules, aggregates, partOf = [] }: RoleOptions): ClusterRole {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRole',
    metadata: {
      name,
      labels: {
        ...BOOTSTRAP_LABELS,
        ...Object.fromEntries(partOf.map((role) => [aggregateLabel(role), 'true'])),
      },
      annotations: { [AUTOUPDATE_ANNOTATION]: 'true' },
    },
    ...(rules === undefined ? {} : { rules: [...rules] }),
    ...(aggregates === undefined
      ? {}
      : {
          aggregationRule: {
            clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(aggregates)]: 'true' } }],
          },
        }),
  };
}

export const bootstrapClusterRoles: readonly ClusterRole[] = [
  clusterRole('cluster-admin', {
    rules: [rule(['*'], ['*'], '*'), { verbs: ['*'], nonResourceURLs: ['*'] }],
  }),
  clusterRole('system:discovery', {
    rules: [
      urls('/livez', '/readyz', '/healthz', '/version', '/version/', '/openapi', '/openapi/*'),
      urls('/api', '/api/*', '/apis', '/apis/*'),
    ],
  }),
  clusterRole('system:monitoring', {
    rules: [
      urls('/metrics', '/metrics/slis', '/livez', '/readyz', '/healthz'),
      urls('/livez/*', '/readyz/*', '/healthz/*'),
      rule(['get'], core, 'nodes/metrics'),
    ],
  }),
  clusterRole('system:basic-user', {
    rules: [
      rule(['create'], authorization, 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
      rule(['create'], authentication, 'selfsubjectreviews'),
    ],
  }),
  clusterRole('system:public-info-viewer', {
    rules: [urls('/livez', '/readyz', '/healthz', '/version', '/version/')],
  }),
  clusterRole('system:service-account-issuer-discovery', {
    rules: [
      urls('/.well-known/openid-configuration', '/.well-known/openid-configuration/'),
      urls('/openid/v1/jwks', '/openid/v1/jwks/'),
    ],
  }),
  clusterRole('system:auth-delegator', {
    rules: [
      rule(['create'], authentication, 'tokenreviews'),
      rule(['create'], authorization, 'subjectaccessreviews'),
    ],
  }),
  clusterRole('admin', { aggregates: 'admin' }),
  clusterRole('edit', { aggregates: 'edit', partOf: ['admin'] }),
  clusterRole('view', { aggregates: 'view', partOf: ['edit'] }),
  clusterRole('system:aggregate-to-admin', { rules: adminRules, partOf: ['admin'] }),
  clusterRole('system:aggregate-to-edit', { rules: editRules, partOf: ['edit'] }),
  clusterRole('system:aggregate-to-view', { rules: viewRules, partOf: ['view'] }),
  ...(
    [
      ['knative', knativeGroups],
      ['tekton', tektonGroups],
      ['gateway', gatewayGroups],
    ] as const
  ).flatMap(([name, groups]) => [
    clusterRole(`knit:aggregate-${name}-to-edit`, {
      rules: [rule(write, groups, '*')],
      partOf: ['edit'],
    }),
    clusterRole(`knit:aggregate-${name}-to-view`, {
      rules: [rule(read, groups, '*')],
      partOf: ['view'],
    }),
  ]),
];

const group = (name: string): Subject => ({ kind: 'Group', apiGroup: RBAC_GROUP, name });

function clusterRoleBinding(name: string, subjects: readonly Subject[]): RoleBinding {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: {
      name,
      labels: BOOTSTRAP_LABELS,
      annotations: { [AUTOUPDATE_ANNOTATION]: 'true' },
    },
    subjects: [...subjects],
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name },
  };
}

export const bootstrapClusterRoleBindings: readonly RoleBinding[] = [
  clusterRoleBinding('cluster-admin', [group('system:masters')]),
  clusterRoleBinding('system:monitoring', [group('system:monitoring')]),
  clusterRoleBinding('system:discovery', [group('system:authenticated')]),
  clusterRoleBinding('system:basic-user', [group('system:authenticated')]),
  clusterRoleBinding('system:public-info-viewer', [
    group('system:authenticated'),
    group('system:unauthenticated'),
  ]),
  clusterRoleBinding('system:service-account-issuer-discovery', [group('system:serviceaccounts')]),
];
