import assert from 'node:assert/strict';
import { eventually, startApi, type Api } from './api-harness.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const widgets = '/apis/test.knative.dev/v1/namespaces/default/widgets';

const merge = { contentType: 'application/merge-patch+json' };
const widget = (name: string, spec: object = {}, meta: object = {}) => ({
  apiVersion: 'test.knative.dev/v1',
  kind: 'Widget',
  metadata: { name, ...meta },
  spec,
});
const pod = (name: string, meta: object = {}, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...meta },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const ownedBy = (owner: any, more: object = {}) => ({
  ownerReferences: [
    {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name: owner.metadata.name,
      uid: owner.metadata.uid,
      ...more,
    },
  ],
});

describe('API server', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());
  let counter = 0;
  const unique = (prefix: string): string => `${prefix}-${++counter}`;
  const createWidget = async (spec: object = {}, meta: object = {}): Promise<any> => {
    const { status, body } = await api.request('POST', widgets, widget(unique('w'), spec, meta));
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };
  const get = async (path: string): Promise<any> => (await api.request('GET', path)).body;

  it('has the namespaces that everything relies on', async () => {
    const { items } = await get('/api/v1/namespaces');
    assert.deepEqual(
      items.map((item: any) => [item.metadata.name, item.status.phase]),
      ['default', 'knative-eventing', 'knative-serving', 'kube-system'].map((name) => [
        name,
        'Active',
      ]),
    );
  });

  describe('create', () => {
    it('sets what only the server may set, and applies defaults', async () => {
      const object = await createWidget(
        { size: 1 },
        { uid: 'mine', generation: 7, creationTimestamp: 'x' },
      );
      assert.match(object.metadata.uid, /^[0-9a-f-]{36}$/);
      assert.equal(object.metadata.generation, 1);
      assert.match(object.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal(object.metadata.namespace, 'default');
      assert.equal(object.color, 'blue');
    });

    it('drops the status of a kind with a status subresource', async () => {
      const { body } = await api.request('POST', widgets, {
        ...widget(unique('w')),
        status: { x: 1 },
      });
      assert.equal(body.status, undefined);
    });

    it('generates names', async () => {
      const { body } = await api.request('POST', configMaps, {
        metadata: { generateName: 'gen-' },
      });
      assert.match(body.metadata.name, /^gen-[a-z0-9]{5}$/);
    });

    it('labels a namespace with the name that it generates', async () => {
      const { status, body } = await api.request('POST', '/api/v1/namespaces', {
        metadata: { generateName: 'gen-' },
      });
      assert.equal(status, 201);
      assert.match(body.metadata.name, /^gen-\w{5}$/);
      assert.deepEqual(body.metadata.labels, { 'kubernetes.io/metadata.name': body.metadata.name });
    });

    it('stores nothing on a dry run', async () => {
      const name = unique('dry');
      const { status } = await api.request(
        'POST',
        configMaps,
        { metadata: { name } },
        { query: { dryRun: 'All' } },
      );
      assert.equal(status, 201);
      assert.equal((await api.request('GET', `${configMaps}/${name}`)).status, 404);
    });

    it('does not share the body with the caller', async () => {
      const body = { metadata: { name: unique('cm') }, data: { k: 'v' } };
      await api.request('POST', configMaps, body);
      body.data.k = 'changed';
      assert.equal((await get(`${configMaps}/${body.metadata.name}`)).data.k, 'v');
    });

    const refusals: readonly [
      title: string,
      path: string,
      body: unknown,
      code: number,
      reason: string,
      message: RegExp,
    ][] = [
      [
        'an invalid name',
        configMaps,
        { metadata: { name: 'No' } },
        422,
        'Invalid',
        /^ConfigMap "No" is invalid: metadata\.name: Invalid value: "No"/,
      ],
      ['no name', configMaps, { metadata: {} }, 422, 'Invalid', /name or generateName is required/],
      [
        'a bad label',
        configMaps,
        { metadata: { name: 'a', labels: { x: 'é' } } },
        422,
        'Invalid',
        /metadata\.labels/,
      ],
      [
        'another kind',
        configMaps,
        { kind: 'Secret', metadata: { name: 'a' } },
        400,
        'BadRequest',
        /cannot be handled as a ConfigMap/,
      ],
      [
        'another namespace',
        configMaps,
        { metadata: { name: 'a', namespace: 'b' } },
        400,
        'BadRequest',
        /does not match the namespace/,
      ],
      [
        'a namespace that does not exist',
        '/api/v1/namespaces/nope/configmaps',
        { metadata: { name: 'a' } },
        404,
        'NotFound',
        /^namespaces "nope" not found$/,
      ],
      [
        'an unknown kind',
        '/apis/nope.dev/v1/namespaces/default/nopes',
        {},
        404,
        'NotFound',
        /could not find the requested resource/,
      ],
      ['a body that is no object', configMaps, [], 400, 'BadRequest', /object/],
      [
        'what the kind refuses',
        pods,
        { metadata: { name: 'a' }, spec: { containers: [] } },
        422,
        'Invalid',
        /^Pod "a" is invalid: spec\.containers: Required value/,
      ],
    ];
    it('refuses a resourceVersion with 500, as its store does upstream', async () => {
      const { status, body } = await api.request('POST', configMaps, {
        metadata: { name: 'a', resourceVersion: '1' },
      });
      assert.deepEqual([status, body.code, body.reason], [500, 500, undefined]);
      assert.match(body.message, /resourceVersion should not be set/);
    });
    for (const [title, path, body, code, reason, message] of refusals)
      it(`refuses ${title} with ${code} ${reason}`, async () => {
        const { status, body: answer } = await api.request('POST', path, body);
        assert.deepEqual(
          [status, answer.kind, answer.code, answer.reason],
          [code, 'Status', code, reason],
        );
        assert.match(answer.message, message);
      });

    it("answers for Knative's kinds as its webhook", async () => {
      const { status, body } = await api.request('POST', widgets, widget('bad', { size: -1 }));
      assert.equal(status, 400);
      assert.equal(
        body.message,
        'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: invalid value: -1: spec.size',
      );
    });

    it('refuses a name that is taken with 409 AlreadyExists', async () => {
      const object = await createWidget();
      const { status, body } = await api.request('POST', widgets, widget(object.metadata.name));
      assert.deepEqual([status, body.reason], [409, 'AlreadyExists']);
      assert.equal(
        body.message,
        `widgets.test.knative.dev "${object.metadata.name}" already exists`,
      );
      assert.deepEqual(body.details, {
        name: object.metadata.name,
        group: 'test.knative.dev',
        kind: 'widgets',
      });
    });
  });

  describe('update', () => {
    it('raises generation with the spec only', async () => {
      const object = await createWidget({ size: 1 });
      const path = `${widgets}/${object.metadata.name}`;
      const labelled = await api.request(
        'PATCH',
        path,
        { metadata: { labels: { a: 'b' } } },
        merge,
      );
      assert.equal(labelled.body.metadata.generation, 1);
      const changed = await api.request('PATCH', path, { spec: { size: 2 } }, merge);
      assert.equal(changed.body.metadata.generation, 2);
    });

    it('writes status through its subresource only, and nothing else through that', async () => {
      const object = await createWidget({ size: 1 });
      const path = `${widgets}/${object.metadata.name}`;
      const plain = await api.request('PUT', path, { ...object, status: { ready: true } });
      assert.equal(plain.body.status, undefined);
      const status = await api.request('PUT', `${path}/status`, {
        ...plain.body,
        spec: { size: 9 },
        metadata: { ...plain.body.metadata, labels: { a: 'b' } },
        status: { ready: true },
      });
      assert.deepEqual(status.body.status, { ready: true });
      assert.deepEqual(status.body.spec, { size: 1 });
      assert.equal(status.body.metadata.labels, undefined);
      assert.equal(status.body.metadata.generation, 1);
    });

    it('refuses a stale resourceVersion with 409 Conflict', async () => {
      const object = await createWidget({ size: 1 });
      const path = `${widgets}/${object.metadata.name}`;
      await api.request('PATCH', path, { spec: { size: 2 } }, merge);
      const { status, body } = await api.request('PUT', path, object);
      assert.deepEqual([status, body.reason], [409, 'Conflict']);
      assert.match(body.message, /the object has been modified; please apply your changes/);
    });

    it('keeps the resourceVersion when nothing changes', async () => {
      const object = await createWidget({ size: 1 });
      const { body } = await api.request('PUT', `${widgets}/${object.metadata.name}`, object);
      assert.equal(body.metadata.resourceVersion, object.metadata.resourceVersion);
    });

    it('keeps the creation time as it is, and refuses a deletion time', async () => {
      const object = await createWidget();
      const { body } = await api.request(
        'PATCH',
        `${widgets}/${object.metadata.name}`,
        { metadata: { creationTimestamp: 'x', labels: { a: 'b' } } },
        merge,
      );
      assert.equal(body.metadata.creationTimestamp, object.metadata.creationTimestamp);
      const marked = await api.request(
        'PATCH',
        `${widgets}/${object.metadata.name}`,
        { metadata: { deletionTimestamp: '2001-01-01T00:00:00Z' } },
        merge,
      );
      assert.deepEqual([marked.status, marked.body.reason], [422, 'Invalid']);
      assert.match(marked.body.message, /metadata\.deletionTimestamp: .* field is immutable$/);
    });

    it('refuses a strategic patch of a custom kind with 415', async () => {
      const object = await createWidget();
      const path = `${widgets}/${object.metadata.name}`;
      const strategic = await api.request(
        'PATCH',
        path,
        {},
        { contentType: 'application/strategic-merge-patch+json' },
      );
      assert.deepEqual([strategic.status, strategic.body.reason], [415, 'UnsupportedMediaType']);
    });
  });

  describe('server-side apply', () => {
    const apply = (name: string, body: object, query: Record<string, string> = {}) =>
      api.request('PATCH', `${widgets}/${name}`, body, {
        contentType: 'application/apply-patch+yaml',
        query: { fieldManager: 'ci', ...query },
      });

    it('creates, changes nothing the second time, and removes what is no longer applied', async () => {
      const name = unique('applied');
      const created = await apply(name, widget(name, { size: 1, shape: 'round' }));
      assert.equal(created.status, 201);
      const again = await apply(name, widget(name, { size: 1, shape: 'round' }));
      assert.equal(again.status, 200);
      assert.equal(again.body.metadata.resourceVersion, created.body.metadata.resourceVersion);
      const less = await apply(name, widget(name, { size: 1 }));
      assert.deepEqual(less.body.spec, { size: 1 });
      assert.equal(less.body.metadata.generation, 2);
    });

    it('conflicts with a change that another client made, unless forced', async () => {
      const name = unique('contested');
      await apply(name, widget(name, { size: 1 }));
      await api.request(
        'PATCH',
        `${widgets}/${name}`,
        { spec: { size: 5 } },
        { ...merge, query: { fieldManager: 'human' } },
      );
      const { status, body } = await apply(name, widget(name, { size: 1 }));
      assert.deepEqual([status, body.details.causes[0].field], [409, '.spec.size']);
      const forced = await apply(name, widget(name, { size: 1 }), { force: 'true' });
      assert.deepEqual(forced.body.spec, { size: 1 });
    });

    it('keeps the status that controllers write', async () => {
      const name = unique('status');
      await apply(name, widget(name, { size: 1 }));
      await api.request('PATCH', `${widgets}/${name}/status`, { status: { ready: true } }, merge);
      const { body } = await apply(name, widget(name, { size: 2 }));
      assert.deepEqual(body.status, { ready: true });
    });
  });

  describe('list', () => {
    it('selects by label and field', async () => {
      const label = unique('list');
      for (const name of ['x', 'y', 'z'])
        await createWidget({}, { name: `${label}-${name}`, labels: { list: label, is: name } });
      const names = async (query: Record<string, string>): Promise<string[]> =>
        (await api.request('GET', widgets, undefined, { query })).body.items.map(
          (item: any) => item.metadata.labels.is,
        );
      assert.deepEqual(await names({ labelSelector: `list=${label},is notin (y)` }), ['x', 'z']);
      assert.deepEqual(await names({ fieldSelector: `metadata.name=${label}-y` }), ['y']);
    });

    it('continues where a limited list ended', async () => {
      const label = unique('page');
      for (let i = 0; i < 5; i++)
        await createWidget({}, { name: `${label}-${i}`, labels: { list: label } });
      const names: string[] = [];
      let token = '';
      do {
        const query: Record<string, string> = {
          labelSelector: `list=${label}`,
          limit: '2',
          ...(token ? { continue: token } : {}),
        };
        const { body } = await api.request('GET', widgets, undefined, { query });
        names.push(...body.items.map((item: any) => item.metadata.name));
        token = body.metadata.continue ?? '';
      } while (token);
      assert.deepEqual(
        names,
        [0, 1, 2, 3, 4].map((i) => `${label}-${i}`),
      );
    });

    it('refuses a version from the future with 504', async () => {
      const { status, body } = await api.request('GET', widgets, undefined, {
        query: { resourceVersion: '999999999999', resourceVersionMatch: 'NotOlderThan' },
      });
      assert.deepEqual([status, body.details.causes[0].reason], [504, 'ResourceVersionTooLarge']);
    });
  });

  describe('watch', () => {
    it('hears of a write in the tick of the write', async () => {
      const { metadata } = await get(pods);
      const watch = api.watch(pods, { resourceVersion: metadata.resourceVersion });
      const name = unique('tick');
      const written = api.request('POST', pods, pod(name));
      assert.deepEqual(
        watch.events.map(({ type, object }: any) => [type, object.metadata.name]),
        [['ADDED', name]],
      );
      await written;
      await watch.stop();
    });

    it('gives the very object that is stored', async () => {
      const watch = api.watch(pods);
      const { body } = await api.request('POST', pods, pod(unique('same')));
      assert.equal(watch.events.at(-1)?.object, body);
      await watch.stop();
    });

    it('resumes from a resourceVersion', async () => {
      const first = await createWidget();
      const second = await createWidget();
      const watch = api.watch(widgets, { resourceVersion: first.metadata.resourceVersion });
      assert.deepEqual(
        watch.events.map(({ object }: any) => object.metadata.name),
        [second.metadata.name],
      );
      await watch.stop();
    });

    it('streams the list and marks its end', async () => {
      const object = await createWidget();
      const watch = api.watch(widgets, {
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: 'true',
        fieldSelector: `metadata.name=${object.metadata.name}`,
      });
      assert.deepEqual(
        watch.events.map(({ type }) => type),
        ['ADDED', 'BOOKMARK'],
      );
      const bookmark = watch.events[1]?.object as { metadata: { annotations: unknown } };
      assert.deepEqual(bookmark.metadata.annotations, {
        'k8s.io/initial-events-end': 'true',
      });
      await watch.stop();
    });

    it('sees an object enter and leave its selection', async () => {
      const watch = api.watch(widgets, {
        labelSelector: 'in=yes',
        resourceVersion: (await get(widgets)).metadata.resourceVersion,
      });
      const object = await createWidget();
      const path = `${widgets}/${object.metadata.name}`;
      await api.request('PATCH', path, { metadata: { labels: { in: 'yes' } } }, merge);
      await api.request('PATCH', path, { spec: { size: 3 } }, merge);
      await api.request('PATCH', path, { metadata: { labels: { in: 'no' } } }, merge);
      assert.deepEqual(
        watch.events.map(({ type }) => type),
        ['ADDED', 'MODIFIED', 'DELETED'],
      );
      await watch.stop();
    });

    it('answers 410 for a version from before the start', async () => {
      await api.restart();
      const watch = api.watch(widgets, { resourceVersion: '1' });
      await watch.stop();
      assert.deepEqual(
        watch.events.map(({ type, object }: any) => [type, object.code, object.reason]),
        [['ERROR', 410, 'Expired']],
      );
    });
  });

  describe('delete', () => {
    it('honours preconditions', async () => {
      const object = await createWidget();
      const path = `${widgets}/${object.metadata.name}`;
      const wrong = await api.request('DELETE', path, { preconditions: { uid: 'other' } });
      assert.deepEqual([wrong.status, wrong.body.reason], [409, 'Conflict']);
      const right = await api.request('DELETE', path, {
        preconditions: {
          uid: object.metadata.uid,
          resourceVersion: object.metadata.resourceVersion,
        },
      });
      assert.deepEqual([right.status, right.body.status], [200, 'Success']);
      assert.equal((await api.request('DELETE', path)).status, 404);
    });

    it('waits for finalizers, and accepts no new one meanwhile', async () => {
      const object = await createWidget({}, { finalizers: ['test.dev/hold'] });
      const path = `${widgets}/${object.metadata.name}`;
      const deleted = await api.request('DELETE', path);
      assert.ok(deleted.body.metadata.deletionTimestamp);
      const added = await api.request(
        'PATCH',
        path,
        { metadata: { finalizers: ['test.dev/hold', 'test.dev/more'] } },
        merge,
      );
      assert.equal(added.status, 422);
      await api.request('PATCH', path, { metadata: { finalizers: [] } }, merge);
      assert.equal((await api.request('GET', path)).status, 404);
    });

    it('gives a Pod on a node its grace period, and removes it when the node says so', async () => {
      const name = unique('graceful');
      await api.request(
        'POST',
        pods,
        pod(name, {}, { nodeName: 'knit', terminationGracePeriodSeconds: 7 }),
      );
      const { body } = await api.request('DELETE', `${pods}/${name}`);
      assert.equal(body.metadata.deletionGracePeriodSeconds, 7);
      assert.equal((await api.request('GET', `${pods}/${name}`)).status, 200);
      await api.request('DELETE', `${pods}/${name}`, { gracePeriodSeconds: 0 });
      assert.equal((await api.request('GET', `${pods}/${name}`)).status, 404);
    });

    it('deletes a selection of a collection', async () => {
      const label = unique('many');
      for (let i = 0; i < 3; i++) await createWidget({}, { labels: { many: label } });
      await api.request('DELETE', widgets, undefined, {
        query: { labelSelector: `many=${label}` },
      });
      const { body } = await api.request('GET', widgets, undefined, {
        query: { labelSelector: `many=${label}` },
      });
      assert.deepEqual(body.items, []);
    });
  });

  describe('garbage collection', () => {
    const createOwned = async (owner: any, more: object = {}): Promise<string> => {
      const name = unique('child');
      const { status } = await api.request('POST', configMaps, {
        metadata: { name, ...ownedBy(owner, more) },
      });
      assert.equal(status, 201);
      return `${configMaps}/${name}`;
    };
    const isGone = async (path: string): Promise<boolean> =>
      (await api.request('GET', path)).status === 404;

    it('removes dependents in the background', async () => {
      const owner = await createWidget();
      const child = await createOwned(owner);
      await api.request('DELETE', `${widgets}/${owner.metadata.name}`);
      await eventually(() => isGone(child));
    });

    it('keeps the owner until its blocking dependents are gone, in foreground', async () => {
      const owner = await createWidget();
      const child = await createOwned(owner, { blockOwnerDeletion: true });
      await api.request('PATCH', child, { metadata: { finalizers: ['test.dev/hold'] } }, merge);
      const path = `${widgets}/${owner.metadata.name}`;
      await api.request('DELETE', path, { propagationPolicy: 'Foreground' });
      await eventually(async () => Boolean((await get(child)).metadata.deletionTimestamp));
      assert.equal(await isGone(path), false);
      await api.request('PATCH', child, { metadata: { finalizers: null } }, merge);
      await eventually(() => isGone(path));
    });

    it('orphans dependents on request', async () => {
      const owner = await createWidget();
      const child = await createOwned(owner);
      const path = `${widgets}/${owner.metadata.name}`;
      await api.request('DELETE', path, { propagationPolicy: 'Orphan' });
      await eventually(() => isGone(path));
      assert.equal((await get(child)).metadata.ownerReferences, undefined);
    });

    it('removes what is created for an owner that is gone already', async () => {
      const owner = await createWidget();
      await api.request('DELETE', `${widgets}/${owner.metadata.name}`);
      const child = await createOwned(owner);
      await eventually(() => isGone(child));
    });

    it('keeps what has another owner left', async () => {
      const [one, two] = [await createWidget(), await createWidget()];
      const name = unique('shared');
      const ownerReferences = [...ownedBy(one).ownerReferences, ...ownedBy(two).ownerReferences];
      await api.request('POST', configMaps, { metadata: { name, ownerReferences } });
      await api.request('DELETE', `${widgets}/${one.metadata.name}`);
      await eventually(
        async () => (await get(`${configMaps}/${name}`)).metadata.ownerReferences.length === 1,
      );
    });
  });

  describe('namespace deletion', () => {
    it('takes everything in it along, and refuses new objects meanwhile', async () => {
      const name = unique('ns');
      await api.request('POST', '/api/v1/namespaces', { metadata: { name } });
      const inside = `/api/v1/namespaces/${name}/configmaps`;
      await api.request('POST', inside, {
        metadata: { name: 'held', finalizers: ['test.dev/hold'] },
      });
      const { body } = await api.request('DELETE', `/api/v1/namespaces/${name}`);
      assert.equal(body.status.phase, 'Terminating');
      const refused = await api.request('POST', inside, { metadata: { name: 'late' } });
      assert.deepEqual(
        [refused.status, refused.body.details.causes[0].reason],
        [403, 'NamespaceTerminating'],
      );
      await eventually(async () =>
        Boolean((await get(`${inside}/held`)).metadata.deletionTimestamp),
      );
      await api.request('PATCH', `${inside}/held`, { metadata: { finalizers: null } }, merge);
      await eventually(
        async () => (await api.request('GET', `/api/v1/namespaces/${name}`)).status === 404,
      );
    });
  });

  describe('scale', () => {
    it('reads and writes the replicas of a Deployment', async () => {
      const name = unique('web');
      const labels = { app: name };
      await api.request('POST', deployments, {
        metadata: { name },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: pod('x').spec },
        },
      });
      const path = `${deployments}/${name}/scale`;
      const { body } = await api.request('GET', path);
      assert.deepEqual(
        [body.kind, body.spec, body.status],
        ['Scale', { replicas: 1 }, { replicas: 0, selector: `app=${name}` }],
      );
      const patched = await api.request('PATCH', path, { spec: { replicas: 3 } }, merge);
      assert.deepEqual(patched.body.spec, { replicas: 3 });
      const object = await get(`${deployments}/${name}`);
      assert.deepEqual([object.spec.replicas, object.metadata.generation], [3, 2]);
      const stale = await api.request('PUT', path, { ...body, spec: { replicas: 9 } });
      assert.equal(stale.status, 409);
      const negative = await api.request('PATCH', path, { spec: { replicas: -1 } }, merge);
      assert.equal(negative.status, 422);
    });
  });

  it('serves what it had after a restart', async () => {
    const object = await createWidget({ size: 4 });
    const name = unique('behind');
    const written = await api.request('POST', pods, pod(name));
    await api.restart();
    assert.deepEqual(await get(`${widgets}/${object.metadata.name}`), object);
    assert.equal((await get(`${pods}/${name}`)).metadata.uid, written.body.metadata.uid);
    const later = await createWidget();
    assert.ok(
      Number(later.metadata.resourceVersion) > Number(written.body.metadata.resourceVersion),
    );
  });
});
