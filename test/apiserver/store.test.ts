import assert from 'node:assert/strict';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import type { Journal } from '../../runtime/apiserver/store/journal.ts';
import { ObjectStore } from '../../runtime/apiserver/store/object-store.ts';
import type { Interest, StoreChange } from '../../runtime/apiserver/store/store.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

/** A journal in memory that can be told to refuse or to hold commits back. */
class MemoryJournal implements Journal {
  readonly records = new Map<string, string>();
  readonly batches: string[][] = [];
  failure: Error | undefined;
  hold: Promise<void> | undefined;

  load(): Iterable<readonly [string, string]> {
    return [...this.records].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async commit(batch: ReadonlyMap<string, string | undefined>): Promise<void> {
    await this.hold;
    if (this.failure) throw this.failure;
    this.batches.push([...batch.keys()].filter((key) => !key.startsWith('~')));
    for (const [key, value] of batch) {
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
    }
  }

  async close(): Promise<void> {}
}

const configMap = (name: string, data: Record<string, string> = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'ns' },
    data,
  }) as KubeObject;
const resource = '/configmaps';
const dataOf = (object: KubeObject | undefined): unknown =>
  (object as { data?: unknown } | undefined)?.data;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('object store', () => {
  let journal: MemoryJournal;
  let clock: FakeClock;
  let store: ObjectStore;
  let changes: StoreChange[];
  const open = (): ObjectStore => new ObjectStore({ journal, clock, logger: silentLogger });

  beforeEach(() => {
    journal = new MemoryJournal();
    clock = new FakeClock();
    store = open();
    changes = [];
    store.listen(resource, (change) => changes.push(change));
  });

  it('shows a write at once and acknowledges it after the commit', async () => {
    let isAcknowledged = false;
    const { object, durable } = store.put(resource, configMap('a'), 'sync');
    const done = durable?.then(() => (isAcknowledged = true));
    assert.equal(store.get(resource, 'ns', 'a'), object);
    assert.equal(changes.length, 1);
    await Promise.resolve();
    assert.equal(isAcknowledged, false);
    await done;
    assert.equal(journal.records.size, 2);
  });

  it('commits the writes of one turn together, in one batch', async () => {
    const writes = ['a', 'b', 'c'].map((name) => store.put(resource, configMap(name), 'sync'));
    for (const { durable } of writes) await durable;
    assert.deepEqual(
      journal.batches.map((batch) => batch.length),
      [3],
    );
  });

  it('has nothing to wait for with a write behind, and commits it 20 ms later', async () => {
    assert.equal(store.put(resource, configMap('a'), 'behind').durable, undefined);
    clock.advance(19);
    assert.equal(journal.batches.length, 0);
    clock.advance(1);
    await turn();
    assert.equal(journal.batches.length, 1);
  });

  it('lets a write behind ride with the next sync commit, so that commits keep the order of writes', async () => {
    store.put(resource, configMap('behind'), 'behind');
    await store.put(resource, configMap('sync'), 'sync').durable;
    assert.deepEqual(journal.batches, [['/configmaps\tns\tbehind', '/configmaps\tns\tsync']]);
  });

  it('freezes what it stores', () => {
    const { object } = store.put(resource, configMap('a', { k: 'v' }), 'behind');
    assert.throws(() => {
      (object as unknown as { data: Record<string, string> }).data['k'] = 'w';
    }, TypeError);
  });

  it('lists by namespace and name', () => {
    for (const name of ['b', 'a']) store.put(resource, configMap(name), 'behind');
    const other = configMap('z');
    other.metadata.namespace = 'a-ns';
    store.put(resource, other, 'behind');
    const names = (list: KubeObject[]): string[] => list.map(({ metadata }) => metadata.name);
    assert.deepEqual(names(store.list(resource)), ['z', 'a', 'b']);
    assert.deepEqual(names(store.list(resource, 'ns')), ['a', 'b']);
  });

  it('delivers what a listener writes after the change that it is hearing, in the same tick', () => {
    const seen: string[] = [];
    store.listen(resource, ({ object }) => {
      if (object.metadata.name === 'a') store.put(resource, configMap('b'), 'behind');
    });
    store.listen(resource, ({ object }) => seen.push(object.metadata.name));
    store.put(resource, configMap('a'), 'behind');
    assert.deepEqual(seen, ['a', 'b']);
  });

  describe('after a restart', () => {
    it('has every committed object, and goes on with higher resourceVersions', async () => {
      await store.put(resource, configMap('a', { k: 'v' }), 'sync').durable;
      await store.put(resource, configMap('b'), 'sync').durable;
      await store.delete(resource, { namespace: 'ns', name: 'b' }, 'sync')?.durable;
      store.put(resource, configMap('lost'), 'behind');
      const before = store.resourceVersion;
      store = open();
      assert.deepEqual(
        store.list(resource).map(({ metadata }) => metadata.name),
        ['a'],
      );
      assert.deepEqual(dataOf(store.get(resource, 'ns', 'a')), { k: 'v' });
      assert.ok(store.resourceVersion > before);
    });

    it('goes on with the next number after a clean close, and resumes a watch from the last one', async () => {
      await store.put(resource, configMap('a'), 'sync').durable;
      const before = store.resourceVersion;
      await store.close();
      store = open();
      await store.begin();
      assert.equal(store.resourceVersion, before);
      assert.deepEqual(store.listChanges(resource, before), []);
      const { object } = store.put(resource, configMap('b'), 'behind');
      assert.equal(object.metadata.resourceVersion, String(before + 1));
      // Killed before that write was on disk: its number is not handed out again.
      assert.ok(open().resourceVersion > before + 1);
    });

    it('does not resume a watch from before', async () => {
      await store.put(resource, configMap('a'), 'sync').durable;
      const before = store.resourceVersion;
      store = open();
      assert.equal(store.listChanges(resource, before), undefined);
      assert.deepEqual(store.listChanges(resource, store.resourceVersion), []);
    });
  });

  describe('when the disk refuses a commit', () => {
    beforeEach(async () => {
      await store.put(resource, configMap('a', { v: 'old' }), 'sync').durable;
      changes.length = 0;
      journal.failure = new Error('No space left on device');
    });

    it('tells the writers and returns to what the disk has', async () => {
      const update = store.put(resource, configMap('a', { v: 'new' }), 'sync');
      const create = store.put(resource, configMap('b'), 'sync');
      await assert.rejects(update.durable ?? Promise.resolve(), /No space left/);
      await assert.rejects(create.durable ?? Promise.resolve(), /No space left/);
      assert.deepEqual(dataOf(store.get(resource, 'ns', 'a')), { v: 'old' });
      assert.equal(store.get(resource, 'ns', 'b'), undefined);
    });

    it('shows watchers the way back, with rising resourceVersions', async () => {
      await store.put(resource, configMap('a', { v: 'new' }), 'sync').durable?.catch(() => {});
      await store.put(resource, configMap('b'), 'sync').durable?.catch(() => {});
      await store
        .delete(resource, { namespace: 'ns', name: 'a' }, 'sync')
        ?.durable?.catch(() => {});
      assert.deepEqual(
        changes.map(({ type, object }) => [type, object.metadata.name, dataOf(object)]),
        [
          ['MODIFIED', 'a', { v: 'new' }],
          ['MODIFIED', 'a', { v: 'old' }],
          ['ADDED', 'b', {}],
          ['DELETED', 'b', {}],
          ['DELETED', 'a', { v: 'old' }],
          ['ADDED', 'a', { v: 'old' }],
        ],
      );
      const versions = changes.map(({ resourceVersion }) => resourceVersion);
      assert.deepEqual(
        versions,
        [...versions].sort((a, b) => a - b),
      );
    });

    it('also undoes what was written on top while the commit was under way', async () => {
      let release = (): void => {};
      journal.hold = new Promise((resolve) => (release = resolve));
      const first = store.put(resource, configMap('a', { v: 'one' }), 'sync');
      await turn();
      const second = store.put(resource, configMap('a', { v: 'two' }), 'sync');
      release();
      await assert.rejects(first.durable ?? Promise.resolve());
      await assert.rejects(second.durable ?? Promise.resolve());
      assert.deepEqual(dataOf(store.get(resource, 'ns', 'a')), { v: 'old' });
    });

    it('keeps writes behind in memory and commits them once the disk takes them', async () => {
      store.put(resource, configMap('behind', { v: '1' }), 'behind');
      clock.advance(20);
      await turn();
      store.put(resource, configMap('behind', { v: '2' }), 'behind');
      assert.deepEqual(dataOf(store.get(resource, 'ns', 'behind')), { v: '2' });
      journal.failure = undefined;
      clock.advance(250);
      await turn();
      assert.deepEqual(dataOf(open().get(resource, 'ns', 'behind')), { v: '2' });
    });

    it('refuses writes behind too once it is 50,000 changes ahead of the disk', async () => {
      for (let i = 0; i < 49_990; i++) store.put(resource, configMap('behind'), 'behind');
      assert.throws(
        () => {
          for (let i = 0; i < 20; i++) store.put(resource, configMap('behind'), 'behind');
        },
        (error: { status: { code: number } }) => error.status.code === 429,
      );
      journal.failure = undefined;
      clock.advance(20);
      await turn();
      store.put(resource, configMap('behind'), 'behind');
    });

    it('takes writes again afterwards', async () => {
      await store.put(resource, configMap('a', { v: 'new' }), 'sync').durable?.catch(() => {});
      journal.failure = undefined;
      await store.put(resource, configMap('a', { v: 'newer' }), 'sync').durable;
      assert.deepEqual(dataOf(open().get(resource, 'ns', 'a')), { v: 'newer' });
    });
  });

  describe('its history', () => {
    it('resumes after any resourceVersion that it still covers', () => {
      const versions = ['a', 'b', 'c'].map((name) =>
        Number(store.put(resource, configMap(name), 'behind').object.metadata.resourceVersion),
      );
      const names = store
        .listChanges(resource, versions[0] ?? 0)
        ?.map(({ object }) => object.metadata.name);
      assert.deepEqual(names, ['b', 'c']);
    });

    it('gives the list as it was at any resourceVersion that it still covers', () => {
      const put = (name: string, v: string): number =>
        Number(
          store.put(resource, configMap(name, { v }), 'behind').object.metadata.resourceVersion,
        );
      const states: [number, string[]][] = [];
      const remember = (version: number): void => {
        states.push([version, store.list(resource).map((object) => JSON.stringify(object))]);
      };
      remember(put('b', '1'));
      remember(put('a', '1'));
      remember(put('b', '2'));
      store.delete(resource, { namespace: 'ns', name: 'a' }, 'behind');
      remember(store.resourceVersion);
      remember(put('c', '1'));
      remember(put('a', '2'));
      for (const [version, state] of states)
        for (const namespace of ['ns', undefined])
          assert.deepEqual(
            store.listAt(resource, namespace, version)?.map((object) => JSON.stringify(object)),
            state,
          );
      assert.deepEqual(store.listAt(resource, 'other', store.resourceVersion - 3), []);
    });

    it('is bounded in bytes as well', () => {
      const start = store.resourceVersion;
      for (let i = 0; i < 100; i++)
        store.put(resource, configMap('a', { i: 'x'.repeat(1_000_000) + String(i) }), 'behind');
      assert.equal(store.listChanges(resource, start), undefined);
      const covered = store.resourceVersion - store.oldestResourceVersion(resource);
      assert.ok(covered > 0 && covered < 40, `${covered} changes of 1 MB`);
    });

    it('is bounded, and says when it does not reach back', () => {
      const start = store.resourceVersion;
      for (let i = 0; i < 4_000; i++)
        store.put(resource, configMap('a', { i: String(i) }), 'behind');
      assert.equal(store.listChanges(resource, start), undefined);
      assert.equal(store.listChanges(resource, start + 2_000)?.length, 2_000);
    });
  });

  describe('its listeners', () => {
    it('hear of what they are interested in, and of what leaves it, once and in order', () => {
      const heard: string[] = [];
      const listen = (who: string, interest: Interest): (() => void) =>
        store.listen(
          resource,
          ({ object }) => heard.push(`${who} ${object.metadata.name}`),
          interest,
        );
      listen('all', {});
      listen('ns', { namespace: 'ns' });
      listen('other-ns', { namespace: 'other' });
      listen('a', { namespace: 'ns', name: 'a' });
      const stop = listen('red', { label: ['color', 'red'] });
      const put = (name: string, color?: string): void => {
        const object = configMap(name);
        if (color !== undefined) object.metadata.labels = { color };
        store.put(resource, object, 'behind');
      };
      put('a', 'red');
      put('a', 'red');
      put('a', 'blue');
      put('b', 'blue');
      stop();
      put('c', 'red');
      assert.deepEqual(heard, [
        ...['all a', 'ns a', 'a a', 'red a'],
        ...['all a', 'ns a', 'a a', 'red a'],
        ...['all a', 'ns a', 'a a', 'red a'],
        ...['all b', 'ns b'],
        ...['all c', 'ns c'],
      ]);
    });
  });
});
