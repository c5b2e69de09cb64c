/** Who may do what on the TLS listener: certificates, tokens, impersonation, roles, reviews. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet, decodeJwt, SignJWT } from 'jose';
import { authenticationDefinitions } from '../../../runtime/apis/authentication/definitions.ts';
import { authorizationDefinitions } from '../../../runtime/apis/authorization/definitions.ts';
import { rbacDefinitions } from '../../../runtime/apis/rbac/definitions.ts';
import {
  makeClientCertificate,
  makeLocalPki,
  type LocalPki,
} from '../../../runtime/apiserver/make-local-pki.ts';
import { FakeClock } from '../../../runtime/std/fake-clock.ts';
import { eventually, startApi, testDefinitions, type Api } from '../api-harness.ts';

interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers: IncomingHttpHeaders;
}

interface As {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers?: Record<string, string | string[]>;
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const rule = (verbs: string[], resources: string[], more: object = {}): object => ({
  verbs,
  apiGroups: [''],
  resources,
  ...more,
});

describe('Access to the API', () => {
  let api: Api;
  let pki: LocalPki;
  let directory: string;
  let admin: As;
  let ada: As;
  const clock = new FakeClock(Date.now());

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-auth-'));
    pki = await makeLocalPki(directory, { hosts: ['127.0.0.1'] });
    api = await startApi({
      definitions: [
        ...testDefinitions,
        ...rbacDefinitions,
        ...authenticationDefinitions,
        ...authorizationDefinitions,
      ],
      clock,
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key, clientCa: pki.ca },
      token: pki.token,
      serviceAccountKey: pki.serviceAccountKey,
    });
    admin = { token: pki.token };
    ada = await makeClientCertificate(directory, { user: 'ada', groups: ['dev'] });
    const accounts = ['default', 'robot'].map((name) =>
      api.request('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name } }),
    );
    for (const { status } of await Promise.all(accounts)) assert.equal(status, 201);
  });
  after(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  const send = (as: As, method: string, path: string, body?: unknown): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(
        new URL(path, api.server.url),
        {
          method,
          ca: pki.ca,
          agent: false,
          ...(as.cert === undefined ? {} : { cert: as.cert, key: as.key }),
          headers: {
            ...(as.token === undefined ? {} : { authorization: `Bearer ${as.token}` }),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...as.headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = response.headers['content-type']?.startsWith('application/json');
            const { statusCode = 0, headers } = response;
            resolve({ status: statusCode, body: isJson ? JSON.parse(text) : text, headers });
          });
        },
      );
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const grant = async (name: string, rules: object[], subject: object): Promise<void> => {
    const base = `${rbac}/namespaces/default`;
    const role = await api.request('POST', `${base}/roles`, { metadata: { name }, rules });
    assert.equal(role.status, 201);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    const body = { metadata: { name }, roleRef, subjects: [subject] };
    assert.equal((await api.request('POST', `${base}/rolebindings`, body)).status, 201);
  };
  const revoke = (name: string) =>
    api.request('DELETE', `${rbac}/namespaces/default/rolebindings/${name}`);

  const requestToken = async (spec: object = {}, account = 'robot'): Promise<Answer> =>
    send(admin, 'POST', `/api/v1/namespaces/default/serviceaccounts/${account}/token`, { spec });
  const tokenOf = async (spec: object = {}): Promise<string> =>
    (await requestToken(spec)).body.status.token;

  describe('without credentials', () => {
    it('is refused with 401 Unauthorized', async () => {
      const { status, body, headers } = await send({}, 'GET', '/api/v1/pods');
      assert.equal(status, 401);
      assert.equal(headers['www-authenticate'], 'Bearer');
      assert.deepEqual(body, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'Unauthorized',
        reason: 'Unauthorized',
        code: 401,
      });
    });

    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      it(`is granted to ${path}`, async () => {
        assert.equal((await send({}, 'GET', path)).status, 200);
      });

    for (const path of ['/', '/api', '/apis', '/metrics', '/openapi/v2', '/openid/v1/jwks'])
      it(`is refused to ${path}`, async () => {
        assert.equal((await send({}, 'GET', path)).status, 401);
      });
  });

  describe('with a client certificate', () => {
    it('is that of its common name and organizations', async () => {
      const { status, body } = await send(
        ada,
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {},
      );
      assert.equal(status, 201);
      const { username, groups, extra } = body.status.userInfo;
      assert.equal(username, 'ada');
      assert.deepEqual(groups, ['dev', 'system:authenticated']);
      assert.match(
        extra['authentication.kubernetes.io/credential-id'][0],
        /^X509SHA256=[0-9a-f]{64}$/,
      );
    });

    it('of system:masters is everything', async () => {
      const root = await makeClientCertificate(directory, {
        user: 'root',
        groups: ['system:masters'],
      });
      assert.equal((await send(root, 'GET', '/api/v1/secrets')).status, 200);
    });

    it('of another CA is refused', async () => {
      const other = await mkdtemp(join(tmpdir(), 'knit-auth-other-'));
      await makeLocalPki(other, { hosts: ['127.0.0.1'] });
      const forged = await makeClientCertificate(other, {
        user: 'root',
        groups: ['system:masters'],
      });
      const { status } = await send(forged, 'GET', '/api/v1/pods');
      await rm(other, { recursive: true });
      assert.equal(status, 401);
    });

    it("that is the server's own is refused: it is for serving", async () => {
      const { status } = await send({ cert: pki.cert, key: pki.key }, 'GET', '/api/v1/pods');
      assert.equal(status, 401);
    });

    it('is made for plain names only', async () => {
      for (const user of ['', 'a,O=system:masters', '"x"', '#0c01', 'a+O=b'])
        await assert.rejects(makeClientCertificate(directory, { user }), /cannot stand/);
    });
  });

  describe('with no role', () => {
    const rows: [string, string, string, object?][] = [
      [
        'GET',
        '/api/v1/pods',
        'pods is forbidden: User "ada" cannot list resource "pods" in API group "" at the cluster scope',
      ],
      [
        'GET',
        '/api/v1/namespaces/default/pods',
        'pods is forbidden: User "ada" cannot list resource "pods" in API group "" in the namespace "default"',
      ],
      [
        'GET',
        '/api/v1/namespaces/default/pods?watch=1',
        'pods is forbidden: User "ada" cannot watch resource "pods" in API group "" in the namespace "default"',
      ],
      [
        'GET',
        '/api/v1/namespaces/default/pods/x',
        'pods "x" is forbidden: User "ada" cannot get resource "pods" in API group "" in the namespace "default"',
      ],
      [
        'GET',
        '/api/v1/namespaces/default/pods/x/log',
        'pods "x" is forbidden: User "ada" cannot get resource "pods/log" in API group "" in the namespace "default"',
      ],
      [
        'DELETE',
        '/apis/apps/v1/namespaces/default/deployments',
        'deployments.apps is forbidden: User "ada" cannot deletecollection resource "deployments" in API group "apps" in the namespace "default"',
      ],
      [
        'POST',
        '/api/v1/namespaces',
        'namespaces is forbidden: User "ada" cannot create resource "namespaces" in API group "" at the cluster scope',
        {},
      ],
      ['GET', '/metrics', 'forbidden: User "ada" cannot get path "/metrics"'],
    ];
    for (const [method, path, message, sent] of rows)
      it(`${method} ${path} is refused word for word`, async () => {
        const { status, body } = await send(ada, method, path, sent);
        assert.equal(status, 403);
        assert.equal(body.reason, 'Forbidden');
        assert.equal(body.message, message);
      });

    it('may find out what there is', async () => {
      for (const path of ['/api', '/apis', '/api/v1', '/version', '/openapi/v3'])
        assert.equal((await send(ada, 'GET', path)).status, 200, path);
    });
  });

  describe('with a role', () => {
    it('begins with the binding and ends with it, in its namespace', async () => {
      await grant('reader', [rule(['get', 'list'], ['configmaps'])], {
        kind: 'Group',
        name: 'dev',
      });
      const list = () => send(ada, 'GET', '/api/v1/namespaces/default/configmaps');
      assert.equal((await list()).status, 200);
      assert.equal(
        (await send(ada, 'GET', '/api/v1/namespaces/kube-system/configmaps')).status,
        403,
      );
      assert.equal((await send(ada, 'GET', '/api/v1/configmaps')).status, 403);
      await revoke('reader');
      assert.equal((await list()).status, 403);
    });

    it('says which role is missing when a binding leads nowhere', async () => {
      const base = `${rbac}/namespaces/default`;
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'gone' };
      const subjects = [{ kind: 'User', name: 'ada' }];
      await api.request('POST', `${base}/rolebindings`, {
        metadata: { name: 'gone' },
        roleRef,
        subjects,
      });
      const { body } = await send(ada, 'GET', '/api/v1/namespaces/default/pods');
      await revoke('gone');
      assert.match(body.message, /: RBAC: role\.rbac\.authorization\.k8s\.io "gone" not found$/);
    });

    it('admin, edit and view gather their rules, of Knative and Tekton too', async () => {
      const rulesOf = async (name: string): Promise<any[]> =>
        (await api.request('GET', `${rbac}/clusterroles/${name}`)).body.rules ?? [];
      const covers = async (name: string, group: string, verb: string): Promise<boolean> =>
        (await rulesOf(name)).some(
          (one) => one.apiGroups?.includes(group) && one.verbs.includes(verb),
        );
      await eventually(() => covers('admin', 'rbac.authorization.k8s.io', 'create'));
      await eventually(() => covers('edit', 'serving.knative.dev', 'create'));
      await eventually(() => covers('view', 'tekton.dev', 'list'));
      assert.equal(await covers('view', 'serving.knative.dev', 'create'), false);
      const secrets = (await rulesOf('view')).filter((one) => one.resources?.includes('secrets'));
      assert.deepEqual(secrets, []);
    });

    it('gathers the rules of a role that appears later, and loses them with it', async () => {
      const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' };
      const rules = [{ verbs: ['get'], apiGroups: ['x.example'], resources: ['xs'] }];
      await api.request('POST', `${rbac}/clusterroles`, {
        metadata: { name: 'xs', labels },
        rules,
      });
      const has = async (): Promise<boolean> =>
        JSON.stringify((await api.request('GET', `${rbac}/clusterroles/admin`)).body).includes(
          'x.example',
        );
      await eventually(has);
      await api.request('DELETE', `${rbac}/clusterroles/xs`);
      await eventually(async () => !(await has()));
    });
  });

  describe('that hands out permissions', () => {
    const makeRole = (name: string, rules: object[]) =>
      send(ada, 'POST', `${rbac}/namespaces/default/roles`, { metadata: { name }, rules });

    before(() =>
      grant(
        'keeper',
        [
          rule(['*'], ['roles', 'rolebindings'], { apiGroups: ['rbac.authorization.k8s.io'] }),
          rule(['get'], ['configmaps']),
        ],
        { kind: 'User', name: 'ada' },
      ).then(async () => {
        // `*` holds escalate and bind too, which this is not about.
        const path = `${rbac}/namespaces/default/roles/keeper`;
        const body = structuredClone((await api.request('GET', path)).body);
        body.rules[0].verbs = ['get', 'create', 'update', 'patch', 'delete'];
        assert.equal((await api.request('PUT', path, body)).status, 200);
      }),
    );
    after(() => revoke('keeper'));

    it('may hand out what it holds', async () => {
      assert.equal((await makeRole('held', [rule(['get'], ['configmaps'])])).status, 201);
    });

    it('may not hand out what it does not hold, and is told what that is', async () => {
      const { status, body } = await makeRole('more', [rule(['get', 'list'], ['configmaps'])]);
      assert.equal(status, 403);
      assert.equal(
        body.message,
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "ada" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["list"]}',
      );
    });

    it('may not widen a role by an update, nor by a patch', async () => {
      const path = `${rbac}/namespaces/default/roles/held`;
      const rules = [rule(['*'], ['*'])];
      const { body } = await send(ada, 'GET', path);
      assert.equal((await send(ada, 'PUT', path, { ...body, rules })).status, 403);
      const patching = { ...ada, headers: { 'content-type': 'application/merge-patch+json' } };
      assert.equal((await send(patching, 'PATCH', path, { rules })).status, 403);
    });

    it('may not bind a role that holds more', async () => {
      const roleRef = {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'cluster-admin',
      };
      const subjects = [{ kind: 'User', name: 'ada' }];
      const bind = () =>
        send(ada, 'POST', `${rbac}/namespaces/default/rolebindings`, {
          metadata: { name: 'up' },
          roleRef,
          subjects,
        });
      assert.equal((await bind()).status, 403);
      await grant(
        'binder',
        [
          rule(['bind'], ['clusterroles'], {
            apiGroups: ['rbac.authorization.k8s.io'],
            resourceNames: ['cluster-admin'],
          }),
        ],
        { kind: 'User', name: 'ada' },
      );
      assert.equal((await bind()).status, 201);
      await revoke('up');
      await revoke('binder');
    });
  });

  describe('as somebody else', () => {
    const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

    it('gives the administrator that user, groups, uid and extra', async () => {
      const { body } = await send(
        {
          ...admin,
          headers: {
            'Impersonate-User': 'bob',
            'Impersonate-Group': ['ops', 'dev'],
            'Impersonate-Uid': '7',
            'Impersonate-Extra-Acme.com%2fteam': 'blue',
          },
        },
        'POST',
        review,
        {},
      );
      assert.deepEqual(body.status.userInfo, {
        username: 'bob',
        uid: '7',
        groups: ['ops', 'dev', 'system:authenticated'],
        extra: { 'acme.com/team': ['blue'] },
      });
    });

    it('takes the permissions of that user, and not those of the administrator', async () => {
      const bob = { ...admin, headers: { 'Impersonate-User': 'bob' } };
      assert.equal((await send(bob, 'GET', '/api/v1/secrets')).status, 403);
    });

    it('gives a service account its groups', async () => {
      const headers = { 'Impersonate-User': 'system:serviceaccount:default:robot' };
      const { body } = await send({ ...admin, headers }, 'POST', review, {});
      assert.deepEqual(body.status.userInfo.groups, [
        'system:serviceaccounts',
        'system:serviceaccounts:default',
        'system:authenticated',
      ]);
    });

    it('is refused without the verb impersonate', async () => {
      const { status, body } = await send(
        { ...ada, headers: { 'Impersonate-User': 'bob' } },
        'POST',
        review,
        {},
      );
      assert.equal(status, 403);
      assert.equal(
        body.message,
        'users "bob" is forbidden: User "ada" cannot impersonate resource "users" in API group "" at the cluster scope',
      );
    });

    it('is refused a group that it may not act in, even as a user that it may', async () => {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'actor' };
      const rules = [rule(['impersonate'], ['users'], { resourceNames: ['bob'] })];
      await api.request('POST', `${rbac}/clusterroles`, { metadata: { name: 'actor' }, rules });
      await api.request('POST', `${rbac}/clusterrolebindings`, {
        metadata: { name: 'actor' },
        roleRef,
        subjects: [{ kind: 'User', name: 'ada' }],
      });
      const as = (headers: Record<string, string>) => send({ ...ada, headers }, 'POST', review, {});
      assert.equal((await as({ 'Impersonate-User': 'bob' })).status, 201);
      const masters = { 'Impersonate-User': 'bob', 'Impersonate-Group': 'system:masters' };
      assert.equal((await as(masters)).status, 403);
      assert.equal((await as({ 'Impersonate-User': 'eve' })).status, 403);
    });

    it('needs a user', async () => {
      const headers = { 'Impersonate-Group': 'ops' };
      assert.equal((await send({ ...admin, headers }, 'GET', '/api/v1/pods')).status, 400);
    });
  });

  describe('with a token of a service account', () => {
    it('is that of the account, and says by which token', async () => {
      const token = await tokenOf();
      const { body } = await send(
        { token },
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {},
      );
      const { username, groups, extra } = body.status.userInfo;
      assert.equal(username, 'system:serviceaccount:default:robot');
      assert.deepEqual(groups, [
        'system:serviceaccounts',
        'system:serviceaccounts:default',
        'system:authenticated',
      ]);
      assert.deepEqual(extra['authentication.kubernetes.io/credential-id'], [
        `JTI=${decodeJwt(token).jti}`,
      ]);
    });

    it('may do what a binding to the account allows', async () => {
      const token = await tokenOf();
      const list = () => send({ token }, 'GET', '/api/v1/namespaces/default/configmaps');
      assert.equal((await list()).status, 403);
      await grant('robot', [rule(['list'], ['configmaps'])], {
        kind: 'ServiceAccount',
        name: 'robot',
      });
      assert.equal((await list()).status, 200);
      await revoke('robot');
    });

    it('ends with its time, a minute of leeway included', async () => {
      const token = await tokenOf({ expirationSeconds: 600 });
      const who = () => send({ token }, 'GET', '/api');
      assert.equal((await who()).status, 200);
      clock.advance(599_000);
      assert.equal((await who()).status, 200);
      clock.advance(62_000);
      assert.equal((await who()).status, 401);
    });

    it('for another audience is refused here', async () => {
      const token = await tokenOf({ audiences: ['vault'] });
      assert.equal((await send({ token }, 'GET', '/api')).status, 401);
    });

    it('ends with the pod that it is bound to', async () => {
      const pods = '/api/v1/namespaces/default/pods';
      const spec = { serviceAccountName: 'robot', containers: [{ name: 'a', image: 'a' }] };
      const pod = await api.request('POST', pods, { metadata: { name: 'bound' }, spec });
      const { uid } = pod.body.metadata;
      const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'bound', uid };
      const token = await tokenOf({ boundObjectRef });
      const { body } = await send(
        { token },
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {},
      );
      const { extra } = body.status.userInfo;
      assert.deepEqual(extra['authentication.kubernetes.io/pod-name'], ['bound']);
      assert.deepEqual(extra['authentication.kubernetes.io/pod-uid'], [uid]);
      await api.request('DELETE', `${pods}/bound`, { gracePeriodSeconds: 0 });
      assert.equal((await send({ token }, 'GET', '/api')).status, 401);
    });

    it('ends with the account, and does not come back with another one of the name', async () => {
      const accounts = '/api/v1/namespaces/default/serviceaccounts';
      await api.request('POST', accounts, { metadata: { name: 'brief' } });
      const { token } = (await requestToken({}, 'brief')).body.status;
      assert.equal((await send({ token }, 'GET', '/api')).status, 200);
      await api.request('DELETE', `${accounts}/brief`);
      assert.equal((await send({ token }, 'GET', '/api')).status, 401);
      await api.request('POST', accounts, { metadata: { name: 'brief' } });
      assert.equal((await send({ token }, 'GET', '/api')).status, 401);
    });

    it('signed by another key, altered, or by no key is refused', async () => {
      const token = await tokenOf();
      const [head = '', payload = '', signature = ''] = token.split('.');
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const forged = await new SignJWT(decodeJwt(token))
        .setProtectedHeader({ alg: 'ES256' })
        .sign(privateKey);
      const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
      const claims = { ...decodeJwt(token), sub: 'system:serviceaccount:default:default' };
      const altered = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
      for (const bad of [forged, none, altered, 'x', 'a.b.c', `${token}x`])
        assert.equal((await send({ token: bad }, 'GET', '/api')).status, 401, bad);
    });
  });

  describe('to TokenRequest', () => {
    it('answers with the request, its account and the time of its end', async () => {
      const { status, body } = await requestToken({
        audiences: ['a', 'b'],
        expirationSeconds: 900,
      });
      assert.equal(status, 201);
      assert.equal(body.kind, 'TokenRequest');
      assert.equal(body.metadata.name, 'robot');
      assert.deepEqual(body.spec.audiences, ['a', 'b']);
      const claims = decodeJwt(body.status.token) as Record<string, any>;
      assert.deepEqual(claims['aud'], ['a', 'b']);
      assert.equal(claims['exp'] - claims['iat'], 900);
      assert.equal(claims['kubernetes.io'].serviceaccount.uid, body.metadata.uid);
      assert.equal(Date.parse(body.status.expirationTimestamp) / 1_000, claims['exp']);
    });

    const rows: [string, object, number, RegExp][] = [
      [
        'less than 10 minutes',
        { expirationSeconds: 599 },
        422,
        /may not specify a duration less than 10 minutes$/,
      ],
      [
        'more than 2^32 seconds',
        { expirationSeconds: 2 ** 32 + 1 },
        422,
        /larger than 2\^32 seconds$/,
      ],
      [
        'a pod that is not there',
        { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'no' } },
        404,
        /^pods "no" not found$/,
      ],
      [
        'an object of another kind',
        { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'c' } },
        400,
        /^cannot bind token to object of type/,
      ],
    ];
    for (const [what, spec, code, message] of rows)
      it(`refuses ${what}`, async () => {
        const { status, body } = await requestToken(spec);
        assert.equal(status, code);
        assert.match(body.message, message);
      });

    it('needs the permission to create serviceaccounts/token', async () => {
      const { body } = await send(
        ada,
        'POST',
        '/api/v1/namespaces/default/serviceaccounts/robot/token',
        {},
      );
      assert.equal(
        body.message,
        'serviceaccounts "robot" is forbidden: User "ada" cannot create resource "serviceaccounts/token" in API group "" in the namespace "default"',
      );
    });
  });

  describe('with the token of a Secret', () => {
    const secrets = '/api/v1/namespaces/default/secrets';
    const make = (name: string, account: string) =>
      api.request('POST', secrets, {
        metadata: { name, annotations: { 'kubernetes.io/service-account.name': account } },
        type: 'kubernetes.io/service-account-token',
      });
    const dataOf = async (name: string): Promise<Record<string, string> | undefined> =>
      (await api.request('GET', `${secrets}/${name}`)).body.data;
    const decode = (text = ''): string => Buffer.from(text, 'base64').toString();

    it('is the account until the Secret is gone', async () => {
      await make('lasting', 'robot');
      await eventually(async () => (await dataOf('lasting'))?.['token'] !== undefined);
      const data = await dataOf('lasting');
      assert.equal(decode(data?.['namespace']), 'default');
      assert.equal(decode(data?.['ca.crt']), pki.ca);
      const token = decode(data?.['token']);
      assert.equal((await send({ token }, 'GET', '/api')).status, 200);
      await api.request('DELETE', `${secrets}/lasting`);
      assert.equal((await send({ token }, 'GET', '/api')).status, 401);
    });

    it('goes with the account', async () => {
      const accounts = '/api/v1/namespaces/default/serviceaccounts';
      await api.request('POST', accounts, { metadata: { name: 'leaving' } });
      await make('left', 'leaving');
      await eventually(async () => (await dataOf('left'))?.['token'] !== undefined);
      await api.request('DELETE', `${accounts}/leaving`);
      await eventually(async () => (await api.request('GET', `${secrets}/left`)).status === 404);
    });
  });

  describe('to the key that signs tokens', () => {
    it('is a file of mode 0600 that a second start uses again', async () => {
      const path = join(directory, 'service-account.key');
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      const again = await makeLocalPki(directory, { hosts: ['127.0.0.1'] });
      assert.equal(again.serviceAccountKey, await readFile(path, 'utf8'));
    });

    it('in public form lets others check tokens by OpenID discovery', async () => {
      const token = await tokenOf({ audiences: ['vault'] });
      const discovery = await send(
        { token: await tokenOf() },
        'GET',
        '/.well-known/openid-configuration',
      );
      assert.equal(discovery.body.issuer, decodeJwt(token).iss);
      const { pathname } = new URL(discovery.body.jwks_uri);
      const { body } = await send(admin, 'GET', pathname);
      const { payload } = await compactVerify(token, createLocalJWKSet(body));
      assert.deepEqual(JSON.parse(Buffer.from(payload).toString()).aud, ['vault']);
      assert.equal(JSON.stringify(body).includes('"d"'), false);
    });
  });

  describe('asked about', () => {
    const ask = (as: As, plural: string, spec: object, path = 'authorization.k8s.io/v1') =>
      send(as, 'POST', `/apis/${path}/${plural}`, { spec });

    it('may I: SelfSubjectAccessReview', async () => {
      const resourceAttributes = { verb: 'get', resource: 'pods', namespace: 'default' };
      const mine = await ask(ada, 'selfsubjectaccessreviews', { resourceAttributes });
      assert.equal(mine.status, 201);
      assert.deepEqual(mine.body.status, { allowed: false });
      assert.deepEqual(mine.body.spec, { resourceAttributes });
      const path = await ask(ada, 'selfsubjectaccessreviews', {
        nonResourceAttributes: { verb: 'get', path: '/api' },
      });
      assert.deepEqual(path.body.status, {
        allowed: true,
        reason:
          'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
      });
    });

    it('may they: SubjectAccessReview, and its form for one namespace', async () => {
      const resourceAttributes = { verb: 'get', resource: 'pods', namespace: 'default' };
      const spec = { user: 'x', groups: ['system:masters'], resourceAttributes };
      assert.equal((await ask(admin, 'subjectaccessreviews', spec)).body.status.allowed, true);
      assert.equal((await ask(ada, 'subjectaccessreviews', spec)).status, 403);
      const local = (namespace: string) =>
        ask(
          admin,
          'localsubjectaccessreviews',
          spec,
          `authorization.k8s.io/v1/namespaces/${namespace}`,
        );
      assert.equal((await local('default')).body.status.allowed, true);
      assert.match((await local('kube-system')).body.message, /must match metadata\.namespace/);
      const nobody = await ask(admin, 'subjectaccessreviews', {});
      assert.equal(nobody.status, 422);
      assert.equal(nobody.body.details.causes.length, 2);
    });

    it('what may I: SelfSubjectRulesReview', async () => {
      const { body } = await ask(ada, 'selfsubjectrulesreviews', { namespace: 'default' });
      const { resourceRules, nonResourceRules, incomplete } = body.status;
      assert.equal(incomplete, false);
      assert.ok(resourceRules.some((one: any) => one.resources.includes('selfsubjectreviews')));
      assert.ok(nonResourceRules.some((one: any) => one.nonResourceURLs.includes('/apis/*')));
    });

    it('whose is this: TokenReview, for the audience that is asked about', async () => {
      const token = await tokenOf({ audiences: ['vault'] });
      const review = (audiences?: string[]) =>
        ask(admin, 'tokenreviews', { token, audiences }, 'authentication.k8s.io/v1');
      const { status } = (await review(['vault', 'other'])).body;
      assert.equal(status.authenticated, true);
      assert.deepEqual(status.audiences, ['vault']);
      assert.equal(status.user.username, 'system:serviceaccount:default:robot');
      assert.notEqual((await review()).body.status.authenticated, true);
    });

    it('the same thing by other verbs answers 405', async () => {
      assert.equal(
        (await send(admin, 'GET', '/apis/authorization.k8s.io/v1/subjectaccessreviews')).status,
        405,
      );
    });
  });

  describe('after a restart', () => {
    it('has the bootstrap roles as somebody left them who forbade updates, and repairs the others', async () => {
      const path = (name: string) => `${rbac}/clusterroles/${name}`;
      const off = structuredClone((await api.request('GET', path('system:basic-user'))).body);
      off.metadata.annotations['rbac.authorization.k8s.io/autoupdate'] = 'false';
      await api.request('PUT', path('system:basic-user'), { ...off, rules: [] });
      const cut = (await api.request('GET', path('system:discovery'))).body;
      const extra = { verbs: ['get'], nonResourceURLs: ['/mine'] };
      await api.request('PUT', path('system:discovery'), { ...cut, rules: [extra] });
      const token = await tokenOf();
      await api.restart();
      assert.deepEqual((await api.request('GET', path('system:basic-user'))).body.rules, []);
      const repaired = (await api.request('GET', path('system:discovery'))).body.rules;
      assert.deepEqual(repaired[0], extra);
      const urls = repaired.flatMap((one: any) => one.nonResourceURLs);
      assert.ok(urls.includes('/apis/*') && urls.includes('/version'));
      // The key is the home's: a token outlives the server.
      assert.equal((await send({ token }, 'GET', '/api')).status, 200);
    });
  });
});
