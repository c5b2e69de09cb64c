/** An API server in memory, as small as informers and status writes need it: a KubeTransport over a map. */
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import { apiVersionOf } from '../../runtime/apis/meta/object.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { ControllerContext } from '../../runtime/kube/context.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { collectionPath, objectPath } from '../../runtime/kube/resource-path.ts';
import type { KubeTransport, WatchHandler } from '../../runtime/kube/transport.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { seededRandom } from '../../runtime/std/random.ts';

export class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  readonly stop = new AbortController();
  private readonly watchers = new Set<{ path: string; onEvent: WatchHandler }>();
  private version = 1;

  put<T extends KubeObject>(kind: ResourceKind<T>, object: Omit<T, 'apiVersion' | 'kind'>): T {
    const path = objectPath(kind, object.metadata);
    const old = this.objects.get(path);
    const stored = {
      ...object,
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: {
        generation: 1,
        uid: old?.metadata.uid ?? `uid-${this.version}`,
        ...object.metadata,
        resourceVersion: String(++this.version),
      },
    } as unknown as T;
    this.objects.set(path, stored);
    this.notify(kind, old ? 'MODIFIED' : 'ADDED', stored);
    return stored;
  }

  remove<T extends KubeObject>(kind: ResourceKind<T>, namespace: string, name: string): void {
    const path = objectPath(kind, { namespace, name });
    const old = this.objects.get(path);
    if (!old) return;
    this.objects.delete(path);
    this.notify(kind, 'DELETED', {
      ...old,
      metadata: { ...old.metadata, resourceVersion: String(++this.version) },
    });
  }

  get<T extends KubeObject>(kind: ResourceKind<T>, namespace: string, name: string): T | undefined {
    return this.objects.get(objectPath(kind, { namespace, name })) as T | undefined;
  }

  context(): ControllerContext {
    const client = new KubeClient(this.transport());
    const random = seededRandom(1);
    const deps = { client, clock: systemClock, random, logger: silentLogger };
    const informers = new InformerFactory(deps);
    informers.start(this.stop.signal);
    return { ...deps, informers, signal: this.stop.signal };
  }

  private notify(
    kind: ResourceKind,
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
    object: KubeObject,
  ): void {
    for (const watcher of this.watchers)
      if (
        watcher.path === collectionPath(kind) ||
        watcher.path === collectionPath(kind, object.metadata.namespace)
      )
        watcher.onEvent({ type, object });
  }

  private transport(): KubeTransport {
    return {
      request: async ({ method, path, body }) => {
        if (method === 'PUT' && path.endsWith('/status')) return this.putStatus(path, body);
        const items = [...this.objects].filter(
          ([key]) => key.startsWith(`${path}/`) || withoutNamespace(key).startsWith(`${path}/`),
        );
        const list = {
          metadata: { resourceVersion: String(this.version) },
          items: items.map(([, item]) => item),
        };
        return { status: 200, body: list };
      },
      watch: ({ path, signal }, onEvent) =>
        new Promise((resolve) => {
          const watcher = { path, onEvent };
          this.watchers.add(watcher);
          signal?.addEventListener('abort', () => {
            this.watchers.delete(watcher);
            resolve();
          });
        }),
      stream: () => Promise.reject(new Error('not here')),
      close: async () => undefined,
    };
  }

  private putStatus(path: string, body: unknown): { status: number; body: unknown } {
    const key = path.replace(/\/status$/, '');
    const old = this.objects.get(key);
    if (!old) return { status: 404, body: { kind: 'Status', code: 404, reason: 'NotFound' } };
    const { status } = body as { status: unknown };
    const metadata = { ...old.metadata, resourceVersion: String(++this.version) };
    const stored = { ...old, metadata, status } as KubeObject;
    this.objects.set(key, stored);
    for (const watcher of this.watchers)
      if (withoutNamespace(key).startsWith(`${watcher.path}/`))
        watcher.onEvent({ type: 'MODIFIED', object: stored });
    return { status: 200, body: stored };
  }
}

const withoutNamespace = (path: string): string => path.replace(/\/namespaces\/[^/]+\//, '/');
