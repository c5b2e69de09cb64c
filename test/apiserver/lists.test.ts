import assert from 'node:assert/strict';
import type { KubeList } from '../../runtime/apis/meta/object.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { startApi, type Api } from './api-harness.ts';

const path = '/api/v1/namespaces/default/configmaps';

describe('lists in chunks', () => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi();
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await api.request('POST', path, { metadata: { name, labels: { app: name } } });
  });
  afterEach(() => api.close());

  const list = async (query: Record<string, string>): Promise<any> =>
    (await api.request('GET', path, undefined, { query })).body;
  const names = ({ items }: KubeList): string[] => items.map(({ metadata }) => metadata.name);

  it('show the state of the first chunk, whatever was written since', async () => {
    const first = await list({ limit: '2' });
    assert.deepEqual([names(first), first.metadata.remainingItemCount], [['a', 'b'], 3]);
    await api.request('DELETE', `${path}/c`);
    await api.request('POST', path, { metadata: { name: 'bb' } });
    await api.request('PUT', `${path}/d`, { metadata: { name: 'd' }, data: { late: 'yes' } });
    const second = await list({ limit: '2', continue: first.metadata.continue });
    assert.deepEqual(names(second), ['c', 'd']);
    assert.equal(second.items[1].data, undefined);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const third = await list({ limit: '2', continue: second.metadata.continue });
    assert.deepEqual([names(third), third.metadata.continue], [['e'], undefined]);
  });

  it('do not count what is left under a selector', async () => {
    const { metadata } = await list({ limit: '1', labelSelector: 'app' });
    assert.ok(metadata.continue);
    assert.equal(metadata.remainingItemCount, undefined);
  });

  it('answer 410 with a token to go on at the present state when the first state is gone', async () => {
    const first = await list({ limit: '2' });
    for (let i = 0; i < 4_001; i++)
      await api.request('PUT', `${path}/e`, { metadata: { name: 'e' }, data: { i: String(i) } });
    await api.request('DELETE', `${path}/d`);
    const expired = await list({ limit: '2', continue: first.metadata.continue });
    assert.deepEqual([expired.code, expired.reason], [410, 'Expired']);
    const rest = await list({ limit: '5', continue: expired.metadata.continue });
    assert.deepEqual(names(rest), ['c', 'e']);
    assert.notEqual(rest.metadata.resourceVersion, first.metadata.resourceVersion);
  }).timeout(60_000);

  it('refuse tokens that are none, are of another list, or come with a resourceVersion', async () => {
    const { metadata } = await list({ limit: '1' });
    for (const token of ['x', Buffer.from('{}').toString('base64url')])
      assert.equal((await list({ continue: token })).code, 400);
    const elsewhere = await api.request('GET', '/api/v1/namespaces', undefined, {
      query: { continue: metadata.continue },
    });
    assert.equal(elsewhere.status, 400);
    const both = await list({ continue: metadata.continue, resourceVersion: '5' });
    assert.equal(both.code, 400);
  });
});

describe('lists of a resourceVersion', () => {
  let api: Api;
  let early: string;
  before(async () => {
    api = await startApi();
    await api.request('POST', path, { metadata: { name: 'a' }, data: { v: '1' } });
    early = (await api.request('GET', path)).body.metadata.resourceVersion;
    await api.request('PUT', `${path}/a`, { metadata: { name: 'a' }, data: { v: '2' } });
  });
  after(() => api.close());
  const valueAt = async (query: Record<string, string>): Promise<[string, string]> => {
    const { body } = await api.request('GET', path, undefined, { query });
    return [body.items[0].data.v, body.metadata.resourceVersion];
  };

  it('are exactly of it when asked to be, or with a limit', async () => {
    const exact = { resourceVersion: early, resourceVersionMatch: 'Exact' };
    assert.deepEqual(await valueAt(exact), ['1', early]);
    assert.deepEqual(await valueAt({ resourceVersion: early, limit: '5' }), ['1', early]);
  });

  it('are of it or later otherwise', async () => {
    for (const query of [
      { resourceVersion: early, resourceVersionMatch: 'NotOlderThan' },
      { resourceVersion: early },
      { resourceVersion: '0' },
    ])
      assert.equal((await valueAt(query))[0], '2');
  });

  it('are refused with 422 when their options exclude each other', async () => {
    for (const query of [
      { resourceVersionMatch: 'Exact' },
      { resourceVersionMatch: 'Exact', resourceVersion: '0' },
      { resourceVersionMatch: 'Newest', resourceVersion: '1' },
      { sendInitialEvents: 'true' },
    ]) {
      const { status, body } = await api.request('GET', path, undefined, { query });
      assert.deepEqual([status, body.reason], [422, 'Invalid']);
    }
  });

  it('are refused with 504 when it is of the future', async () => {
    const query = { resourceVersion: String(Number.MAX_SAFE_INTEGER).slice(0, 15) };
    const { status, body } = await api.request('GET', path, undefined, { query });
    assert.deepEqual([status, body.details.causes[0].reason], [504, 'ResourceVersionTooLarge']);
  });
});

describe('watches', () => {
  it('send a bookmark each minute and one two seconds before their end', async () => {
    const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
    const api = await startApi({ clock });
    const { events, stop } = api.watch(path, {
      resourceVersion: '0',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '90',
    });
    const bookmarks = (): number => events.filter(({ type }) => type === 'BOOKMARK').length;
    clock.advance(59_999);
    assert.equal(bookmarks(), 0);
    clock.advance(1);
    assert.equal(bookmarks(), 1);
    clock.advance(28_000);
    assert.equal(bookmarks(), 2);
    await stop();
    await api.close();
  });

  it('see an object enter and leave their selection', async () => {
    const api = await startApi();
    const watches = ['app=x', 'app in (x)', 'app,app!=y'].map((labelSelector) =>
      api.watch(path, { labelSelector, resourceVersion: '0' }),
    );
    const write = (app: string, v: string): Promise<unknown> =>
      api.request('PUT', `${path}/a`, { metadata: { name: 'a', labels: { app } }, data: { v } });
    await api.request('POST', path, { metadata: { name: 'a', labels: { app: 'y' } } });
    await write('x', '1');
    await write('x', '2');
    await write('y', '3');
    await api.request('DELETE', `${path}/a`);
    for (const { events, stop } of watches) {
      assert.deepEqual(
        events.map(({ type, object }) => [type, (object as any).data?.v]),
        [
          ['ADDED', '1'],
          ['MODIFIED', '2'],
          ['DELETED', '2'],
        ],
      );
      await stop();
    }
    await api.close();
  });

  it('of one name hear of that object alone', async () => {
    const api = await startApi();
    const { events, stop } = api.watch(path, {
      resourceVersion: '0',
      fieldSelector: 'metadata.name=one',
    });
    for (const name of ['one', 'other', 'onemore'])
      await api.request('POST', path, { metadata: { name } });
    assert.deepEqual(
      events.map(({ object }) => (object as any).metadata.name),
      ['one'],
    );
    await stop();
    await api.close();
  });
});
