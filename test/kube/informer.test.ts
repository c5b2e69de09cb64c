import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configMapKind, namespaceKind } from '../../runtime/apis/core/types.ts';
import type { ConfigMap } from '../../runtime/apis/core/types.ts';
import type { ApiServerOptions } from '../../runtime/apiserver/start-api-server.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import type { Informer } from '../../runtime/kube/informer.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { KubeTransport } from '../../runtime/kube/transport.ts';
import type { Clock } from '../../runtime/std/clock.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import type { Logger } from '../../runtime/std/logger.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import type { Api } from '../apiserver/api-harness.ts';
import { eventually, startApi } from '../apiserver/api-harness.ts';

const configMap = (name: string, more: Partial<ConfigMap> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  ...more,
  metadata: { name, namespace: 'default', ...more.metadata },
});

function makeFactory(
  transport: KubeTransport,
  deps: { clock?: Clock; logger?: Logger } = {},
): InformerFactory {
  return new InformerFactory({
    client: new KubeClient(transport),
    clock: deps.clock ?? systemClock,
    random: () => 0.5,
    logger: deps.logger ?? silentLogger,
  });
}

/** What happened, as `added a`, `updated a`, `deleted a`. */
function collect(informer: Informer<ConfigMap>): string[] {
  const log: string[] = [];
  informer.onChange(({ type, object }) => log.push(`${type} ${object.metadata.name}`));
  return log;
}

describe('An informer in the process of the API server', () => {
  let api: Api;
  let client: KubeClient;
  let abort: AbortController;
  beforeEach(async () => {
    api = await startApi();
    client = new KubeClient(api.server.transport);
    abort = new AbortController();
  });
  afterEach(async () => {
    abort.abort();
    await api.close();
  });

  const start = async (factory: InformerFactory): Promise<void> => {
    factory.start(abort.signal);
    await factory.waitForSync(abort.signal);
  };

  it('knows what was there before it, and says so to whoever asks later', async () => {
    await client.create(configMapKind, configMap('old'));
    const factory = makeFactory(api.server.transport);
    const informer = factory.informer(configMapKind, { namespace: 'default' });
    assert.equal(informer.hasSynced, false);
    await start(factory);
    assert.equal(informer.hasSynced, true);
    assert.deepEqual(collect(informer), ['added old']);
  });

  it('hears of a write in the tick of the write, with its copy current already', async () => {
    const factory = makeFactory(api.server.transport);
    const informer = factory.informer(configMapKind);
    await start(factory);
    const log = collect(informer);
    const written = client.create(configMapKind, configMap('a', { data: { key: 'value' } }));
    assert.ok(log.includes('added a'));
    assert.equal(informer.get('default', 'a')?.data?.['key'], 'value');
    await written;
  });

  it('goes on when a handler throws, and logs the handler', async () => {
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => void errors.push(message) };
    const factory = makeFactory(api.server.transport, { logger });
    const informer = factory.informer(configMapKind, { namespace: 'default' });
    await start(factory);
    informer.onChange(() => {
      throw new Error('a handler that is broken');
    });
    const log = collect(informer);
    await client.create(configMapKind, configMap('a'));
    await client.delete(configMapKind, { namespace: 'default', name: 'a' });
    assert.deepEqual(log, ['added a', 'deleted a']);
    assert.deepEqual(errors, ['informer handler failed', 'informer handler failed']);
  });

  it('is one for all who ask for the same kind and selector', () => {
    const factory = makeFactory(api.server.transport);
    const one = factory.informer(configMapKind, { namespace: 'default' });
    assert.equal(factory.informer(configMapKind, { namespace: 'default' }), one);
    assert.notEqual(factory.informer(configMapKind), one);
    assert.notEqual(factory.informer(configMapKind, { labelSelector: 'a=b' }), one);
  });

  it('starts at once when it is made after the others', async () => {
    const factory = makeFactory(api.server.transport);
    await start(factory);
    const late = factory.informer(namespaceKind);
    await factory.waitForSync(abort.signal);
    assert.equal(late.get('', 'default')?.metadata.name, 'default');
  });

  it('drops an object whose labels stop matching its selector', async () => {
    const labels = { app: 'shop' };
    const factory = makeFactory(api.server.transport);
    const informer = factory.informer(configMapKind, { labelSelector: 'app=shop' });
    await start(factory);
    const log = collect(informer);
    await client.create(configMapKind, configMap('a', { metadata: { labels } as never }));
    assert.equal(informer.list({ namespace: 'default', labels }).length, 1);
    await client.patch(
      configMapKind,
      { namespace: 'default', name: 'a' },
      { type: 'merge', body: { metadata: { labels: { app: null } } } },
    );
    assert.deepEqual(log, ['added a', 'deleted a']);
  });

  it('rejects who waits for its first list when the process ends', async () => {
    const factory = makeFactory({
      ...api.server.transport,
      request: () => new Promise(() => undefined),
    });
    factory.informer(configMapKind);
    factory.start(abort.signal);
    const waiting = factory.waitForSync(abort.signal);
    abort.abort(new Error('shutting down'));
    await assert.rejects(waiting, /shutting down/);
  });
});

describe('An informer over the unix socket', () => {
  let api: Api;
  let directory: string;
  let transport: KubeTransport;
  let abort: AbortController;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-informer-'));
    const socketPath = join(directory, 'api.sock');
    const options: Partial<ApiServerOptions> = { socketPath };
    api = await startApi(options);
    transport = makeHttpTransport({ server: 'http://knit-api', socketPath });
    abort = new AbortController();
  });
  afterEach(async () => {
    abort.abort();
    await transport.close();
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('follows what is created, changed and deleted', async () => {
    const client = new KubeClient(transport);
    const factory = makeFactory(transport);
    const informer = factory.informer(configMapKind, { namespace: 'default' });
    factory.start(abort.signal);
    await factory.waitForSync(abort.signal);
    const log = collect(informer);
    const made = await client.create(configMapKind, configMap('a'));
    await client.update(configMapKind, { ...made, data: { key: 'value' } });
    await client.delete(configMapKind, { namespace: 'default', name: 'a' });
    await eventually(() => log.length === 3);
    assert.deepEqual(log, ['added a', 'updated a', 'deleted a']);
  });

  it('lists again after a restart of the server, which knows no version from before it', async () => {
    await new KubeClient(api.server.transport).create(configMapKind, configMap('before'));
    const factory = makeFactory(transport);
    const informer = factory.informer(configMapKind, { namespace: 'default' });
    factory.start(abort.signal);
    await factory.waitForSync(abort.signal);
    const log = collect(informer);
    await api.restart();
    const client = new KubeClient(api.server.transport);
    await client.delete(configMapKind, { namespace: 'default', name: 'before' });
    await client.create(configMapKind, configMap('after'));
    await eventually(() => log.includes('added after') && log.includes('deleted before'));
    assert.deepEqual(
      informer.list().map(({ metadata }) => metadata.name),
      ['after'],
    );
  });
});

describe('An informer of a server that misbehaves', () => {
  const objects = (version: string, ...names: string[]) => ({
    status: 200,
    body: {
      metadata: { resourceVersion: version },
      items: names.map((name) => ({
        metadata: {
          name,
          namespace: 'default',
          uid: `${name}-${version}`,
          resourceVersion: version,
        },
      })),
    },
  });
  let clock: FakeClock;
  let abort: AbortController;
  beforeEach(() => {
    clock = new FakeClock();
    abort = new AbortController();
  });
  afterEach(() => abort.abort());

  const unused: Pick<KubeTransport, 'stream' | 'close'> = {
    stream: () => Promise.reject(new Error('not used')),
    close: async () => undefined,
  };

  it('pauses longer and longer while each watch ends as soon as it began', async () => {
    let watches = 0;
    const factory = makeFactory(
      {
        ...unused,
        request: async () => objects('5'),
        watch: async () => void (watches += 1),
      },
      { clock },
    );
    factory.informer(configMapKind);
    factory.start(abort.signal);
    await clock.advanceAsync(60_000, 10);
    // 20 ms doubling to 2 s: about 30 within a minute, where a loop without pause makes thousands.
    assert.ok(watches > 20 && watches < 50, `${watches} watches`);
  });

  it('lists again after 410, and tells an object from its successor of the same name', async () => {
    let lists = 0;
    const factory = makeFactory(
      {
        ...unused,
        request: async () => objects(lists++ === 0 ? '5' : '6', 'a'),
        watch: async (_request, onEvent) => {
          if (lists > 1) await new Promise(() => undefined);
          onEvent({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
        },
      },
      { clock },
    );
    const informer = factory.informer(configMapKind);
    const log = collect(informer);
    factory.start(abort.signal);
    await clock.advanceAsync(100, 10);
    assert.equal(lists, 2);
    assert.deepEqual(log, ['added a', 'deleted a', 'added a']);
  });
});
