import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import {
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  Watch,
  makeInformer,
  type V1ConfigMap,
} from '@kubernetes/client-node';
import { makeLocalPki, type LocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { eventually, startApi, type Api } from './api-harness.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

describe('API server over TLS', () => {
  let api: Api;
  let pki: LocalPki;
  let pkiDirectory: string;
  let socketPath: string;
  let config: KubeConfig;

  before(async () => {
    pkiDirectory = await mkdtemp(join(tmpdir(), 'knit-pki-'));
    pki = await makeLocalPki(pkiDirectory, { hosts: ['127.0.0.1', 'localhost'] });
    socketPath = join(pkiDirectory, 'api.sock');
    api = await startApi({
      tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
      token: pki.token,
      socketPath,
      async *readPodLog({ container, tailLines }) {
        await Promise.resolve();
        yield Buffer.from(`${container} ${tailLines ?? 'all'}\n`);
      },
    });
    // Versions from before a start are gone, which one test is about.
    await api.restart();
    config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        {
          name: 'knit',
          server: api.server.url ?? '',
          caData: Buffer.from(pki.ca).toString('base64'),
        },
      ],
      users: [{ name: 'admin', token: pki.token }],
      contexts: [{ name: 'knit', cluster: 'knit', user: 'admin' }],
      currentContext: 'knit',
    });
  });
  after(async () => {
    await api.close();
    await rm(pkiDirectory, { recursive: true, force: true });
  });

  const send = (
    path: string,
    options: RequestOptions = {},
    body?: string | Buffer,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${pki.token}`,
        ...(options.headers as OutgoingHttpHeaders | undefined),
      };
      const request = httpsRequest(
        new URL(path, api.server.url),
        { ca: pki.ca, ...options, headers },
        resolve,
      );
      request.on('error', reject);
      request.end(body);
    });
  const read = async (response: IncomingMessage): Promise<any> => {
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return response.headers['content-type']?.startsWith('application/json')
      ? JSON.parse(text)
      : text;
  };
  const fetchJson = async (
    path: string,
    options?: RequestOptions,
    body?: string | Buffer,
  ): Promise<any> => read(await send(path, options, body));

  describe('credentials', () => {
    it('answers 401 without the token, also for paths that do not exist', async () => {
      for (const path of ['/api/v1/namespaces', '/nope', '/apis'])
        for (const authorization of ['', 'Bearer wrong', `bearer`, pki.token]) {
          const status = await fetchJson(path, { headers: { authorization } });
          assert.deepEqual([status.code, status.reason], [401, 'Unauthorized']);
        }
    });

    it('lets anyone ask for health and version', async () => {
      for (const path of ['/healthz', '/livez', '/readyz'])
        assert.equal(await fetchJson(path, { headers: { authorization: '' } }), 'ok');
      const version = await fetchJson('/version', { headers: { authorization: '' } });
      assert.match(version.gitVersion, /^v1\.36\./);
    });

    it('needs no token on the socket, which only its owner can open', async () => {
      assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
      const response = await new Promise<IncomingMessage>((resolve, reject) =>
        httpRequest({ socketPath, path: '/api/v1/namespaces/default' }, resolve)
          .on('error', reject)
          .end(),
      );
      assert.equal((await read(response)).metadata.name, 'default');
    });
  });

  describe('@kubernetes/client-node', () => {
    it('creates, reads, patches and deletes by typed clients', async () => {
      const core = config.makeApiClient(CoreV1Api);
      const namespace = 'default';
      const created = await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: 'typed' }, data: { a: '1' } },
      });
      assert.ok(created.metadata?.uid);
      assert.equal(created.metadata?.managedFields?.[0]?.operation, 'Update');
      const read = await core.readNamespacedConfigMap({ namespace, name: 'typed' });
      assert.deepEqual(read.data, { a: '1' });
      const patched = await core.patchNamespacedConfigMap({
        namespace,
        name: 'typed',
        body: [{ op: 'replace', path: '/data/a', value: '2' }],
      });
      assert.deepEqual(patched.data, { a: '2' });
      await core.deleteNamespacedConfigMap({ namespace, name: 'typed' });
      await assert.rejects(core.readNamespacedConfigMap({ namespace, name: 'typed' }), {
        code: 404,
      });
    });

    it('scales a Deployment and reads the log of a Pod', async () => {
      const apps = config.makeApiClient(AppsV1Api);
      const core = config.makeApiClient(CoreV1Api);
      const namespace = 'default';
      const template = {
        metadata: { labels: { app: 'd' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      };
      await apps.createNamespacedDeployment({
        namespace,
        body: {
          metadata: { name: 'd' },
          spec: { selector: { matchLabels: { app: 'd' } }, template },
        },
      });
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'd' });
      await apps.replaceNamespacedDeploymentScale({
        namespace,
        name: 'd',
        body: Object.assign(scale, { spec: { replicas: 4 } }),
      });
      assert.equal(
        (await apps.readNamespacedDeployment({ namespace, name: 'd' })).spec?.replicas,
        4,
      );
      await core.createNamespacedPod({
        namespace,
        body: { metadata: { name: 'p' }, spec: template.spec },
      });
      assert.equal(
        await core.readNamespacedPodLog({ namespace, name: 'p', tailLines: 5 }),
        'c 5\n',
      );
    });

    it('handles custom objects and their status', async () => {
      const custom = config.makeApiClient(CustomObjectsApi);
      const address = {
        group: 'test.knative.dev',
        version: 'v1',
        namespace: 'default',
        plural: 'widgets',
      };
      const body = {
        apiVersion: 'test.knative.dev/v1',
        kind: 'Widget',
        metadata: { name: 'custom' },
        spec: { size: 1 },
      };
      const created = (await custom.createNamespacedCustomObject({ ...address, body })) as object;
      await custom.replaceNamespacedCustomObjectStatus({
        ...address,
        name: 'custom',
        body: { ...created, status: { ready: true } },
      });
      const read = (await custom.getNamespacedCustomObject({ ...address, name: 'custom' })) as {
        status: unknown;
      };
      assert.deepEqual(read.status, { ready: true });
    });

    it('keeps an informer current', async () => {
      const core = config.makeApiClient(CoreV1Api);
      const namespace = 'kube-system';
      const informer = makeInformer<V1ConfigMap>(
        config,
        `/api/v1/namespaces/${namespace}/configmaps`,
        () => core.listNamespacedConfigMap({ namespace }),
      );
      const seen: string[] = [];
      for (const event of ['add', 'update', 'delete'] as const)
        informer.on(event, (object) => seen.push(`${event} ${object.metadata?.name}`));
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'before' } } });
      await informer.start();
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'after' } } });
      await core.patchNamespacedConfigMap({
        namespace,
        name: 'after',
        body: [{ op: 'add', path: '/data', value: { a: '1' } }],
      });
      await core.deleteNamespacedConfigMap({ namespace, name: 'after' });
      await eventually(() => seen.length >= 4);
      await informer.stop();
      assert.deepEqual(seen, ['add before', 'add after', 'update after', 'delete after']);
    });

    it('is told within a watch that its resourceVersion is gone', async () => {
      const events: any[] = [];
      await new Promise<void>((resolve, reject) => {
        new Watch(config)
          .watch(
            '/api/v1/configmaps',
            { resourceVersion: '1' },
            (type, object) => events.push([type, object.code]),
            () => resolve(),
          )
          .catch(reject);
      });
      assert.deepEqual(events, [['ERROR', 410]]);
    });
  });

  it('streams a list: headers at once, the state, the bookmark that ends it, then changes', async () => {
    const query =
      'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=30';
    const response = await send(`/api/v1/namespaces?${query}`);
    assert.equal(response.statusCode, 200);
    const types: string[] = [];
    let text = '';
    let hasCreated = false;
    for await (const chunk of response) {
      text += String(chunk);
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const { type, object } = JSON.parse(line);
        types.push(
          `${type} ${object.metadata.name ?? JSON.stringify(object.metadata.annotations)}`,
        );
      }
      if (types.at(-1) === 'ADDED streamed') break;
      if (!hasCreated && types.some((type) => type.startsWith('BOOKMARK'))) {
        hasCreated = true;
        await api.request('POST', '/api/v1/namespaces', { metadata: { name: 'streamed' } });
      }
    }
    assert.deepEqual(types, [
      'ADDED default',
      'ADDED knative-eventing',
      'ADDED knative-serving',
      'ADDED kube-system',
      'BOOKMARK {"k8s.io/initial-events-end":"true"}',
      'ADDED streamed',
    ]);
  });

  it('ends a watch after its timeout', async () => {
    const response = await send('/api/v1/pods?watch=true&timeoutSeconds=1');
    assert.equal(await read(response).catch(() => ''), '');
  });

  it('prints tables with the columns of the kind', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const table = await fetchJson('/api/v1/namespaces', { headers });
    assert.equal(table.kind, 'Table');
    assert.deepEqual(
      table.columnDefinitions.map(({ name }: any) => name),
      ['Name', 'Status', 'Age'],
    );
    assert.deepEqual(table.rows[0].cells.slice(0, 2), ['default', 'Active']);
    assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  });

  it('describes its resources, plain and aggregated', async () => {
    const list = await fetchJson('/apis/test.knative.dev/v1');
    assert.deepEqual(
      list.resources.map(({ name }: any) => name),
      ['widgets', 'widgets/status'],
    );
    const aggregated = await fetchJson('/apis', {
      headers: {
        accept:
          'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
      },
    });
    assert.equal(aggregated.kind, 'APIGroupDiscoveryList');
    const openapi = await fetchJson('/openapi/v3');
    assert.ok(openapi.paths['apis/test.knative.dev/v1']);
  });

  describe('bad input', () => {
    const post = (
      body: string | Buffer,
      headers: Record<string, string> = { 'content-type': 'application/json' },
    ): Promise<any> =>
      fetchJson('/api/v1/namespaces/default/configmaps', { method: 'POST', headers }, body);

    it('refuses a body above 3 MiB with 413', async () => {
      const status = await post(Buffer.alloc(3 * 1024 * 1024 + 1, ' '));
      assert.deepEqual([status.code, status.reason], [413, 'RequestEntityTooLarge']);
    });

    it('refuses what is no JSON, and what is nested without end, with 400', async () => {
      for (const body of ['{', 'nope', '['.repeat(100_000) + ']'.repeat(100_000)])
        assert.equal((await post(body)).code, 400);
    });

    it('refuses broken protobuf with 400, unknown types with 415 and 406', async () => {
      const type = 'application/vnd.kubernetes.protobuf';
      const status = await post('k8s\0', { 'content-type': type });
      assert.deepEqual([status.code, status.reason], [400, 'BadRequest']);
      const other = await post('x', { 'content-type': 'application/cbor' });
      assert.deepEqual([other.code, other.reason], [415, 'UnsupportedMediaType']);
      const accept = 'application/cbor';
      assert.equal((await fetchJson('/api/v1/pods', { headers: { accept } })).code, 406);
    });

    it('answers as a plain web server below groups that it does not have', async () => {
      for (const path of ['/apis/__proto__/constructor/toString', '/nothing']) {
        const response = await send(path);
        assert.equal(response.statusCode, 404);
        assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
        response.resume();
      }
    });

    it('answers 4xx to malformed paths, queries and verbs', async () => {
      const rows: readonly [method: string, path: string][] = [
        ['GET', '/api/v1/namespaces/%zz'],
        ['GET', '/api/v1/namespaces//pods'],
        ['GET', '/api/v1/pods?limit=x'],
        ['GET', '/api/v1/pods?continue=x'],
        ['GET', '/api/v1/pods?resourceVersion=-1'],
        ['GET', '/api/v1/pods?watch=1&timeoutSeconds=x'],
        ['GET', '/api/v1/pods?labelSelector=('],
        ['GET', '/api/v1/pods?fieldSelector=x'],
        ['GET', '/api/v1/namespaces/default/pods/p/exec'],
        ['GET', '/apis/apps/__proto__/constructor'],
        ['TRACE', '/api/v1/pods'],
        ['PUT', '/api/v1/pods'],
        ['POST', '/api/v1/pods'],
        ['DELETE', '/api/v1/pods'],
        ['PATCH', '/api/v1/namespaces/default'],
        ['DELETE', '/api/v1/namespaces/default?propagationPolicy=Sideways'],
      ];
      for (const [method, path] of rows) {
        const { code } = await fetchJson(path, { method });
        assert.ok(code >= 400 && code < 500, `${method} ${path}: ${code}`);
      }
    });
  });

  describe('its credentials on disk', () => {
    it('are readable by their owner only, and used again', async () => {
      for (const name of ['ca.crt', 'ca.key', 'server.crt', 'server.key', 'token'])
        assert.equal((await stat(join(pkiDirectory, name))).mode & 0o777, 0o600);
      assert.deepEqual(await makeLocalPki(pkiDirectory, { hosts: ['127.0.0.1'] }), pki);
    });

    it('get a new serving certificate before the old one ends, from the same CA', async () => {
      const clock = new FakeClock(Date.now() + 330 * DAY_MS);
      const directory = await mkdtemp(join(tmpdir(), 'knit-pki-'));
      const first = await makeLocalPki(directory, { hosts: ['localhost'] });
      const second = await makeLocalPki(directory, { hosts: ['localhost'], clock });
      assert.equal(second.ca, first.ca);
      assert.notEqual(second.cert, first.cert);
      assert.ok(new X509Certificate(second.cert).verify(new X509Certificate(first.ca).publicKey));
      await writeFile(join(directory, 'server.key'), 'damaged');
      assert.notEqual(
        (await makeLocalPki(directory, { hosts: ['localhost'], clock })).cert,
        second.cert,
      );
      await rm(directory, { recursive: true });
    });
  });
});
