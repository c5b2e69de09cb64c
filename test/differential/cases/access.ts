/**
 * Who may do what, and how one asks: roles and bindings, the reviews of authorization.k8s.io and
 * authentication.k8s.io, impersonation, escalation.
 */
import {
  configMap,
  configMaps,
  del,
  get,
  jsonPatch,
  mergePatch,
  pods,
  post,
  put,
  quiet,
  serviceAccounts,
  type Case,
  type Step,
} from '../case.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const roles = `${RBAC}/namespaces/{ns}/roles`;
const roleBindings = `${RBAC}/namespaces/{ns}/rolebindings`;
const clusterRoles = `${RBAC}/clusterroles`;
const clusterRoleBindings = `${RBAC}/clusterrolebindings`;
const AUTHORIZATION = '/apis/authorization.k8s.io/v1';
const AUTHENTICATION = '/apis/authentication.k8s.io/v1';

const alice = { user: 'alice', groups: ['staff'] } as const;
const API_GROUP = 'rbac.authorization.k8s.io';

const reader = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] };

const role = (name: string, ...rules: object[]): object => ({ metadata: { name }, rules });
const binding = (name: string, roleName: string, more = {}): object => ({
  metadata: { name },
  roleRef: { apiGroup: API_GROUP, kind: 'Role', name: roleName },
  subjects: [{ apiGroup: API_GROUP, kind: 'User', name: 'alice' }],
  ...more,
});

/** alice may do this in the namespace. */
const grant = (...rules: object[]): Step[] => [
  quiet(post(roles, role('r', ...rules))),
  quiet(post(roleBindings, binding('b', 'r'))),
];

const isAllowed = ({ status }: { status: number }): boolean => status !== 403;

const enforcement: Case[] = [
  {
    name: 'access: nothing is allowed without a role',
    steps: [
      get(configMaps, { as: alice }),
      get(`${configMaps}/a`, { as: alice }),
      post(configMaps, configMap('a'), { as: alice }),
      put(`${configMaps}/a`, configMap('a'), { as: alice }),
      mergePatch(`${configMaps}/a`, {}, { as: alice }),
      del(`${configMaps}/a`, undefined, { as: alice }),
      del(configMaps, undefined, { as: alice }),
      get(`${configMaps}?watch=true`, { as: alice }),
      get('/api/v1/nodes', { as: alice }),
      get('/apis/apps/v1/namespaces/{ns}/deployments/a/scale', { as: alice }),
      get('/metrics', { as: alice }),
      get('/api/v1/namespaces/{ns}', { as: alice }),
    ],
  },
  {
    name: 'access: a role allows what it names',
    steps: [
      ...grant(reader),
      quiet(post(configMaps, configMap('a'))),
      get(`${configMaps}/a`, { as: alice, until: isAllowed }),
      get(`${configMaps}?fieldSelector=metadata.name=a`, { as: alice }),
      post(configMaps, configMap('b'), { as: alice }),
      get('/api/v1/namespaces/default/configmaps', { as: alice }),
      get('/api/v1/configmaps', { as: alice }),
    ],
  },
  {
    name: 'access: a role names objects',
    steps: [
      ...grant({
        apiGroups: [''],
        resources: ['configmaps'],
        verbs: ['get', 'list', 'delete'],
        resourceNames: ['a'],
      }),
      quiet(post(configMaps, configMap('a'))),
      quiet(post(configMaps, configMap('b'))),
      get(`${configMaps}/a`, { as: alice, until: isAllowed }),
      get(`${configMaps}/b`, { as: alice }),
      get(configMaps, { as: alice }),
      get(`${configMaps}?fieldSelector=metadata.name=a`, { as: alice }),
      del(`${configMaps}/b`, undefined, { as: alice }),
    ],
  },
  {
    name: 'access: a subresource is not its resource',
    steps: [
      ...grant({ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }),
      get(`${pods}/a/log`, { as: alice, until: isAllowed }),
      get(`${pods}/a`, { as: alice }),
      get(`${pods}/a/status`, { as: alice }),
    ],
  },
  {
    name: 'access: stars in groups, resources and verbs',
    steps: [
      ...grant({ apiGroups: ['*'], resources: ['*/scale', 'configmaps'], verbs: ['*'] }),
      get('/apis/apps/v1/namespaces/{ns}/deployments/a/scale', { as: alice, until: isAllowed }),
      get(`${configMaps}/a`, { as: alice }),
      get('/apis/apps/v1/namespaces/{ns}/deployments/a', { as: alice }),
    ],
  },
  {
    name: 'access: a binding to a role that is not there',
    steps: [quiet(post(roleBindings, binding('b', 'missing'))), get(configMaps, { as: alice })],
  },
];

const rules: Case[] = [
  ...(
    [
      ['no verbs', { apiGroups: [''], resources: ['pods'] }],
      ['no resources', { apiGroups: [''], verbs: ['get'] }],
      ['no groups', { resources: ['pods'], verbs: ['get'] }],
      ['paths in a Role', { nonResourceURLs: ['/healthz'], verbs: ['get'] }],
      [
        'paths and resources',
        { nonResourceURLs: ['/x'], apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      ],
      ['an unknown field', { apiGroups: [''], resources: ['pods'], verbs: ['get'], nonsense: 1 }],
    ] as const
  ).map(([what, rule]) => ({
    name: `role: a rule with ${what}`,
    steps: [post(roles, role('r', rule))],
  })),
  {
    name: 'role: without rules, and a name with a slash',
    steps: [
      post(roles, { metadata: { name: 'empty' } }),
      post(roles, role('a/b', reader)),
      post(roles, role('a:b', reader)),
      post(roles, role('A.b', reader)),
    ],
  },
  {
    name: 'role: a ClusterRole with paths',
    steps: [
      post(clusterRoles, role('{id}', { nonResourceURLs: ['/x', '/y/*'], verbs: ['get'] })),
      post(clusterRoles, role('{id}-2', { nonResourceURLs: ['no-slash'], verbs: ['get'] })),
      post(clusterRoles, role('{id}-3', { nonResourceURLs: ['/x'] })),
    ],
  },
  {
    name: 'role: aggregation selects by labels',
    steps: [
      post(clusterRoles, {
        metadata: { name: '{id}' },
        aggregationRule: { clusterRoleSelectors: [] },
        rules: [],
      }),
      post(clusterRoles, {
        metadata: { name: '{id}-2' },
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'bad key!': 'x' } }] },
      }),
    ],
  },
  ...(
    [
      ['no role', { roleRef: undefined }],
      ['a role of another group', { roleRef: { apiGroup: 'other', kind: 'Role', name: 'r' } }],
      ['a role of another kind', { roleRef: { apiGroup: API_GROUP, kind: 'Rolle', name: 'r' } }],
      ['a role without a name', { roleRef: { apiGroup: API_GROUP, kind: 'Role' } }],
      ['a role without a group', { roleRef: { kind: 'Role', name: 'r' } }],
      ['no subjects', { subjects: undefined }],
      ['a subject of another kind', { subjects: [{ kind: 'Robot', name: 'x' }] }],
      ['a subject without a name', { subjects: [{ kind: 'User' }] }],
      ['a user of another group', { subjects: [{ kind: 'User', apiGroup: 'other', name: 'x' }] }],
      ['a user without a group', { subjects: [{ kind: 'User', name: 'x' }] }],
      [
        'a service account without a namespace',
        { subjects: [{ kind: 'ServiceAccount', name: 'x' }] },
      ],
      ['a service account', { subjects: [{ kind: 'ServiceAccount', name: 'x', namespace: 'y' }] }],
      [
        'a service account with a group',
        { subjects: [{ kind: 'ServiceAccount', apiGroup: API_GROUP, name: 'x', namespace: 'y' }] },
      ],
      [
        'a bad name of a service account',
        { subjects: [{ kind: 'ServiceAccount', name: 'X_x', namespace: 'y' }] },
      ],
    ] as const
  ).map(([what, more]) => ({
    name: `binding: ${what}`,
    steps: [post(roleBindings, binding('b', 'r', more))],
  })),
  {
    name: 'binding: the role cannot be changed',
    steps: [
      quiet(post(roleBindings, binding('b', 'r'))),
      put(`${roleBindings}/b`, binding('b', 'other')),
      put(`${roleBindings}/b`, binding('b', 'r', { subjects: [] })),
    ],
  },
  {
    name: 'binding: of the whole cluster to a Role',
    steps: [post(clusterRoleBindings, binding('{id}', 'r'))],
  },
];

const mayWriteRoles = {
  apiGroups: [API_GROUP],
  resources: ['roles', 'rolebindings'],
  verbs: ['*'].map(() => 'create').concat('update', 'patch', 'get'),
};

const escalation: Case[] = [
  {
    name: 'escalation: nobody gives what they have not',
    steps: [
      ...grant(mayWriteRoles, reader),
      post(roles, role('same', reader), {
        as: alice,
        until: ({ body }) => !String(body.message).includes('cannot create resource'),
      }),
      post(roles, role('more', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }), {
        as: alice,
      }),
      post(roles, role('star', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }), {
        as: alice,
      }),
      mergePatch(
        `${roles}/same`,
        { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['delete'] }] },
        { as: alice },
      ),
    ],
  },
  {
    name: 'escalation: the verb escalate allows it',
    steps: [
      ...grant(mayWriteRoles, {
        apiGroups: [API_GROUP],
        resources: ['roles'],
        verbs: ['escalate'],
      }),
      post(roles, role('more', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] }), {
        as: alice,
        until: ({ status }) => status === 201,
      }),
    ],
  },
  {
    name: 'escalation: nobody binds what they have not',
    steps: [
      ...grant(mayWriteRoles, reader),
      quiet(
        post(roles, role('secrets', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] })),
      ),
      quiet(post(roles, role('same', reader))),
      post(roleBindings, binding('mine', 'same'), {
        as: alice,
        until: ({ status }) => status === 201,
      }),
      post(roleBindings, binding('more', 'secrets'), { as: alice }),
      post(roleBindings, binding('none', 'missing'), { as: alice }),
    ],
  },
  {
    name: 'escalation: the verb bind allows it',
    steps: [
      ...grant(mayWriteRoles, {
        apiGroups: [API_GROUP],
        resources: ['roles'],
        resourceNames: ['secrets'],
        verbs: ['bind'],
      }),
      quiet(
        post(roles, role('secrets', { apiGroups: [''], resources: ['secrets'], verbs: ['get'] })),
      ),
      post(roleBindings, binding('more', 'secrets'), {
        as: alice,
        until: ({ status }) => status === 201,
      }),
    ],
  },
];

const review = (kind: string, spec: object, more: Partial<Step> = {}): Step =>
  post(`${AUTHORIZATION}/${kind}`, { spec }, more);

const reviews: Case[] = [
  {
    name: 'review: may I',
    steps: [
      review('selfsubjectaccessreviews', {
        resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'pods' },
      }),
      review(
        'selfsubjectaccessreviews',
        { resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'pods' } },
        { as: alice },
      ),
      review(
        'selfsubjectaccessreviews',
        { nonResourceAttributes: { path: '/version', verb: 'get' } },
        { as: alice },
      ),
      review(
        'selfsubjectaccessreviews',
        { nonResourceAttributes: { path: '/metrics', verb: 'get' } },
        { as: alice },
      ),
    ],
  },
  {
    name: 'review: may I, by a role',
    steps: [
      ...grant(reader),
      review(
        'selfsubjectaccessreviews',
        { resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'configmaps' } },
        {
          as: alice,
          until: ({ body }) => body.status?.allowed === true,
        },
      ),
      review(
        'selfsubjectaccessreviews',
        { resourceAttributes: { namespace: '{ns}', verb: 'delete', resource: 'configmaps' } },
        { as: alice },
      ),
    ],
  },
  ...(
    [
      ['neither attributes', {}],
      [
        'both attributes',
        { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { path: '/', verb: 'get' } },
      ],
      [
        'a label selector',
        {
          resourceAttributes: {
            verb: 'list',
            resource: 'pods',
            labelSelector: { rawSelector: 'a=b' },
          },
        },
      ],
      [
        'a bad label selector',
        {
          resourceAttributes: {
            verb: 'list',
            resource: 'pods',
            labelSelector: { rawSelector: '!!', requirements: [{ key: 'x', operator: 'Nope' }] },
          },
        },
      ],
    ] as const
  ).map(([what, spec]) => ({
    name: `review: may I, with ${what}`,
    steps: [review('selfsubjectaccessreviews', spec)],
  })),
  {
    name: 'review: may they',
    steps: [
      ...grant(reader),
      review(
        'subjectaccessreviews',
        {
          user: 'alice',
          resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'configmaps' },
        },
        {
          until: ({ body }) => body.status?.allowed === true,
        },
      ),
      review('subjectaccessreviews', {
        user: 'bob',
        groups: ['staff'],
        resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'configmaps' },
      }),
      review('subjectaccessreviews', {
        groups: ['system:masters'],
        resourceAttributes: { verb: 'get', resource: 'nodes' },
      }),
      review('subjectaccessreviews', { resourceAttributes: { verb: 'get', resource: 'nodes' } }),
      review('subjectaccessreviews', { user: 'alice' }),
    ],
  },
  {
    name: 'review: may they, in a namespace',
    steps: [
      post(`${AUTHORIZATION}/namespaces/{ns}/localsubjectaccessreviews`, {
        metadata: { namespace: '{ns}' },
        spec: {
          user: 'alice',
          resourceAttributes: { namespace: '{ns}', verb: 'get', resource: 'pods' },
        },
      }),
      post(`${AUTHORIZATION}/namespaces/{ns}/localsubjectaccessreviews`, {
        spec: {
          user: 'alice',
          resourceAttributes: { namespace: 'other', verb: 'get', resource: 'pods' },
        },
      }),
      post(`${AUTHORIZATION}/namespaces/{ns}/localsubjectaccessreviews`, {
        spec: { user: 'alice', nonResourceAttributes: { path: '/', verb: 'get' } },
      }),
    ],
  },
  {
    name: 'review: what may I',
    steps: [
      ...grant(reader),
      review(
        'selfsubjectrulesreviews',
        { namespace: '{ns}' },
        {
          as: alice,
          until: ({ body }) => JSON.stringify(body).includes('configmaps'),
          view: ({ kind, apiVersion, spec, status }) => ({
            kind,
            apiVersion,
            spec,
            incomplete: status.incomplete,
            mine: status.resourceRules.filter(({ resources }: { resources: string[] }) =>
              resources.includes('configmaps'),
            ),
          }),
        },
      ),
      review('selfsubjectrulesreviews', {}, { as: alice }),
    ],
  },
  {
    name: 'review: who am I',
    steps: [
      post(
        `${AUTHENTICATION}/selfsubjectreviews`,
        {},
        { as: { user: 'alice', groups: ['a', 'b'] } },
      ),
      post(
        `${AUTHENTICATION}/selfsubjectreviews`,
        {},
        { as: { user: 'system:serviceaccount:{ns}:default' } },
      ),
    ],
  },
  {
    name: 'review: whose token',
    steps: [
      post(`${AUTHENTICATION}/tokenreviews`, { spec: { token: 'nonsense' } }),
      post(`${AUTHENTICATION}/tokenreviews`, { spec: {} }),
      post(`${AUTHENTICATION}/tokenreviews`, { spec: { token: 'a.b.c' } }),
    ],
  },
  ...['GET', 'PUT', 'DELETE', 'PATCH'].map((method) => ({
    name: `review: ${method} is no question`,
    steps: [
      {
        method,
        path: `${AUTHORIZATION}/selfsubjectaccessreviews`,
        ...(method === 'GET' ? {} : { body: {} }),
      },
      { method, path: `${AUTHENTICATION}/tokenreviews`, ...(method === 'GET' ? {} : { body: {} }) },
    ],
  })),
  {
    name: 'review: a body of another kind',
    steps: [
      post(`${AUTHORIZATION}/selfsubjectaccessreviews`, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {},
      }),
      post(`${AUTHORIZATION}/selfsubjectaccessreviews`, 'nonsense'),
      post(`${AUTHORIZATION}/selfsubjectaccessreviews?dryRun=All`, {
        spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
      }),
    ],
  },
];

const tokenPath = `${serviceAccounts}/a/token`;
const account = quiet(post(serviceAccounts, { metadata: { name: 'a' } }));
/** Times differ by the server's clock, and the token by its key. */
const withoutTimes = (body: any): unknown => ({
  ...body,
  status: { token: typeof body.status?.token, expires: typeof body.status?.expirationTimestamp },
});

const tokens: Case[] = [
  {
    name: 'token: one for an account',
    steps: [
      account,
      post(tokenPath, {}, { view: withoutTimes }),
      post(
        tokenPath,
        { spec: { audiences: ['x', 'y'], expirationSeconds: 700 } },
        { view: withoutTimes },
      ),
    ],
  },
  ...(
    [
      ['too short', { expirationSeconds: 1 }],
      ['too long', { expirationSeconds: 99999999999 }],
      ['an empty audience', { audiences: [''] }],
      [
        'bound to a missing pod',
        { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'missing' } },
      ],
      [
        'bound to a kind that cannot be',
        { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'x' } },
      ],
      ['bound without a name', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1' } }],
    ] as const
  ).map(([what, spec]) => ({
    name: `token: ${what}`,
    steps: [account, post(tokenPath, { spec }, { view: withoutTimes })],
  })),
  {
    name: 'token: for an account that is not there',
    steps: [post(`${serviceAccounts}/missing/token`, {})],
  },
  {
    name: 'token: GET, PUT and DELETE',
    steps: [account, get(tokenPath), put(tokenPath, {}), del(tokenPath)],
  },
  {
    name: 'token: is known again',
    steps: [
      account,
      quiet(post(tokenPath, { spec: { audiences: ['x'] } }, { save: 't' })),
      post(
        `${AUTHENTICATION}/tokenreviews`,
        { spec: { token: '{t.status.token}', audiences: ['x', 'z'] } },
        {
          view: ({ kind, status }) => ({
            kind,
            status: {
              ...status,
              user: { ...status.user, extra: Object.keys(status.user?.extra ?? {}) },
            },
          }),
        },
      ),
      post(
        `${AUTHENTICATION}/tokenreviews`,
        { spec: { token: '{t.status.token}', audiences: ['other'] } },
        { view: ({ status }) => ({ ...status, error: typeof status.error }) },
      ),
    ],
  },
];

const impersonation: Case[] = [
  {
    name: 'impersonation: needs a permission',
    steps: [
      get('/api/v1/namespaces', {
        headers: { 'Impersonate-User': 'alice', 'Impersonate-Group': 'staff' },
      }),
      get('/api/v1/namespaces', { headers: { 'Impersonate-Group': 'staff' } }),
      get('/api/v1/namespaces', { headers: { 'Impersonate-Uid': 'x' } }),
      get('/api/v1/namespaces', { headers: { 'Impersonate-Extra-scopes': 'x' } }),
    ],
  },
  {
    name: 'impersonation: of a service account',
    steps: [
      post(
        `${AUTHENTICATION}/selfsubjectreviews`,
        {},
        { headers: { 'Impersonate-User': 'system:serviceaccount:{ns}:a' } },
      ),
      post(
        `${AUTHENTICATION}/selfsubjectreviews`,
        {},
        { headers: { 'Impersonate-User': 'system:anonymous' } },
      ),
      post(
        `${AUTHENTICATION}/selfsubjectreviews`,
        {},
        {
          headers: {
            'Impersonate-User': 'x',
            'Impersonate-Uid': 'u',
            'Impersonate-Extra-scopes': 'one',
          },
        },
      ),
    ],
  },
  {
    name: 'impersonation: no credentials, and wrong ones',
    steps: [
      get('/api/v1/namespaces', { headers: { Authorization: 'Bearer nonsense' } }),
      get('/api/v1/namespaces', { headers: { Authorization: 'Basic nonsense' } }),
      get('/version', {
        headers: { Authorization: 'Bearer nonsense' },
        view: ({ major }) => major,
      }),
    ],
  },
];

export const accessCases: readonly Case[] = [
  ...enforcement,
  ...rules,
  ...escalation,
  ...reviews,
  ...tokens,
  ...impersonation,
  {
    name: 'role: JSON patch of its rules',
    steps: [
      quiet(post(roles, role('r', reader))),
      jsonPatch(`${roles}/r`, [
        {
          op: 'add',
          path: '/rules/-',
          value: { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
        },
      ]),
      jsonPatch(`${roles}/r`, [{ op: 'remove', path: '/rules/0/verbs' }]),
    ],
  },
];
