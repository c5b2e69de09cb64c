/**
 * A transport over a map, for tests of one room without the API server's room: objects, status
 * writes with conflict, lists and watches. No validation, no defaults.
 */
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import type {
  KubeRequest,
  KubeResponse,
  KubeTransport,
  WatchHandler,
} from '../../runtime/kube/transport.ts';

type Stored = KubeObject & { status?: unknown };

export class MemoryTransport implements KubeTransport {
  readonly objects = new Map<string, Stored>();
  private version = 0;
  private readonly watchers = new Set<{ path: string; onEvent: WatchHandler }>();

  async request(request: KubeRequest): Promise<KubeResponse> {
    const { method, body } = request;
    const isStatus = request.path.endsWith('/status');
    const path = isStatus ? request.path.slice(0, -'/status'.length) : request.path;
    const stored = this.objects.get(path);
    if (method === 'GET' && stored) return { status: 200, body: stored };
    // A collection's path ends with the plural: a namespaced kind's is also a prefix of nothing else.
    if (method === 'GET' && /s$/.test(path.split('/').at(-1) ?? '')) return this.list(path);
    if (method === 'POST') return this.create(path, body as Stored);
    if (!stored) return status(404, 'NotFound');
    if (method === 'DELETE') {
      this.objects.delete(path);
      this.emit('DELETED', path, { ...stored, metadata: this.stamp(stored.metadata) });
      return { status: 200, body: {} };
    }
    const next = body as Stored;
    if (next.metadata.resourceVersion !== stored.metadata.resourceVersion)
      return status(409, 'Conflict');
    return this.put(
      path,
      isStatus ? { ...stored, status: next.status } : { ...next, status: stored.status },
    );
  }

  async watch(request: Omit<KubeRequest, 'method' | 'body'>, onEvent: WatchHandler): Promise<void> {
    const watcher = { path: request.path, onEvent };
    this.watchers.add(watcher);
    await new Promise<void>((resolve) => {
      request.signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    this.watchers.delete(watcher);
  }

  async stream(): Promise<never> {
    throw new Error('not used');
  }

  async close(): Promise<void> {
    // Holds nothing.
  }

  private create(collection: string, object: Stored): KubeResponse {
    const path = `${collection}/${object.metadata.name}`;
    if (this.objects.has(path)) return status(409, 'AlreadyExists');
    const metadata = { uid: `uid-${this.version + 1}`, generation: 1, ...object.metadata };
    return this.put(path, { ...object, metadata }, 'ADDED');
  }

  private put(path: string, object: Stored, type: 'ADDED' | 'MODIFIED' = 'MODIFIED'): KubeResponse {
    const stored = JSON.parse(
      JSON.stringify({ ...object, metadata: this.stamp(object.metadata) }),
    ) as Stored;
    this.objects.set(path, stored);
    this.emit(type, path, stored);
    return { status: 200, body: stored };
  }

  private stamp(metadata: KubeObject['metadata']): KubeObject['metadata'] {
    this.version += 1;
    return { ...metadata, resourceVersion: String(this.version) };
  }

  private emit(type: 'ADDED' | 'MODIFIED' | 'DELETED', path: string, object: Stored): void {
    for (const { path: collection, onEvent } of this.watchers)
      if (isIn(path, collection)) onEvent({ type, object });
  }

  private list(collection: string): KubeResponse {
    const items = [...this.objects].filter(([path]) => isIn(path, collection)).map(([, o]) => o);
    return {
      status: 200,
      body: { metadata: { resourceVersion: String(this.version) }, items },
    };
  }
}

/** `/apis/g/v/plural` lists over all namespaces. */
function isIn(path: string, collection: string): boolean {
  const plural = collection.slice(collection.lastIndexOf('/') + 1);
  return path.slice(0, path.lastIndexOf('/')).endsWith(`/${plural}`);
}

const status = (code: number, reason: string): KubeResponse => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', code, reason, message: reason },
});
